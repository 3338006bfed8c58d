"""One HTTP exchange, over whatever connection a target makes."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable

from deployer.errors import TargetUnavailable
from deployer.target.messages import Request, Response

__all__ = ["OverSocket", "exchange"]


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
        TargetUnavailable: Nobody answers, or not in time; transient.
    """
    try:
        connection.request(request.method, request.path, request.body or None, dict(request.headers))
        answer = connection.getresponse()
        body = answer.read()
    except TimeoutError as error:
        raise TargetUnavailable(f"no answer within {request.timeout:g} seconds", transient=True, where=where) from error
    except (OSError, http.client.HTTPException) as error:
        said = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise TargetUnavailable(f"nothing answers: {said}", transient=True, where=where) from error
    finally:
        connection.close()
    return Response(answer.status, body, {name.lower(): value for name, value in answer.getheaders()})
