"""One HTTP exchange, over whatever connection a target makes."""

from __future__ import annotations

import contextlib
import http.client
import socket
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from deployer.errors import TargetUnavailable
from deployer.target.messages import Request, Response

__all__ = ["OverSocket", "exchange", "pass_on", "passed_on"]

_PIECE = 2**16


class OverSocket(http.client.HTTPConnection):
    """HTTP over a socket that is no TCP connection of this process's own.

    Args:
        opened: Connects it, given the seconds that everything may take.
        timeout: Those seconds.
    """

    def __init__(self, opened: Callable[[float], socket.socket], timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._opened = opened
        self._seconds = timeout

    def connect(self) -> None:
        """Open it."""
        self.sock: socket.socket = self._opened(self._seconds)


def exchange(connection: http.client.HTTPConnection, request: Request, where: str) -> Response:
    """Send a request, and take whatever answer comes; the connection is closed.

    Raises:
        TargetUnavailable: Nobody answers, or not in time; transient. Or an answer broke off after a part of it was
            passed on; that is not, since it would be passed on twice.
    """
    with contextlib.closing(connection):
        with _in_our_words(request, where):
            connection.request(request.method, request.path, request.body or None, dict(request.headers))
            answer = connection.getresponse()
            body = answer.read() if request.passed is None or answer.status >= 300 else b""
        if request.passed is not None and answer.status < 300:
            pass_on(_pieces(answer, request, where), request.passed, where)
    return Response(answer.status, body, {name.lower(): value for name, value in answer.getheaders()})


def pass_on(pieces: Iterable[bytes], passed: Callable[[bytes], None], where: str) -> None:
    """Hand on an answer's body, piece by piece.

    Raises:
        TargetUnavailable: It broke off; transient only as long as nothing of it was handed on.
    """
    count, coming = 0, iter(pieces)
    while True:
        try:
            piece = next(coming, b"")
        except TargetUnavailable as error:
            if not count:
                raise
            raise TargetUnavailable(
                f"the answer broke off after {count} bytes: {error.message}", where=where
            ) from error
        if not piece:
            return
        count += len(piece)
        passed(piece)


def passed_on(request: Request, answer: Response) -> Response:
    """For targets that have an answer whole: it is handed on in one piece, where that is asked for."""
    if request.passed is None or answer.status >= 300:
        return answer
    request.passed(answer.body)
    return replace(answer, body=b"")


def _pieces(answer: http.client.HTTPResponse, request: Request, where: str) -> Iterator[bytes]:
    while True:
        with _in_our_words(request, where):
            piece = answer.read1(_PIECE)
            if not piece and answer.length:  # what was promised and did not come
                raise http.client.IncompleteRead(b"", answer.length)
        if not piece:
            return
        yield piece


@contextlib.contextmanager
def _in_our_words(request: Request, where: str) -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise TargetUnavailable(f"no answer within {request.timeout:g} seconds", transient=True, where=where) from error
    except (OSError, http.client.HTTPException) as error:
        said = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise TargetUnavailable(f"nothing answers: {said}", transient=True, where=where) from error
