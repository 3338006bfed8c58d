"""A socket before a server's, through which everything goes as it is, but for a request that is to fail.

Each request has a connection of its own towards the server, which ends with the answer; so what is passed on need not
be understood: bodies without an end, streams of logs, raw connections.
"""

from __future__ import annotations

import contextlib
import json
import re
import select
import socket
import ssl
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

__all__ = ["Fault", "FaultProxy", "is_asked", "is_change", "unix_proxy"]

Kind = Literal["status", "silence", "lost"]
_SIZE = 1 << 16
_HEAD_END = b"\r\n\r\n"
_CONNECTION = re.compile(rb"\r\nConnection: [^\r]*", re.IGNORECASE)
_PATIENCE = 60.0


@dataclass(frozen=True)
class Fault:
    """What is to happen to one request.

    Attributes:
        kind: ``status``: it is answered so, and the server never hears of it; ``silence``: it is not answered at all;
            ``lost``: the server does it, and its answer does not arrive.
        matches: Whether a request, by its method and path, is one of those that count.
        status: The answer's.
        after: How many of those that count are passed on before.
        over: Called when it has happened.
    """

    kind: Kind
    matches: Callable[[str, str], bool]
    status: int = 500
    after: int = 0
    over: Callable[[], None] = lambda: None


def is_asked(method: str, path: str) -> bool:
    """All requests count."""
    return True


def is_change(method: str, path: str) -> bool:
    """Those that may change something count, what is run in a container among them."""
    return method not in ("GET", "HEAD") and not path.partition("?")[0].endswith("/wait")


class FaultProxy:
    """Answers while the ``with`` block runs.

    Args:
        listener: Where it is asked; closed at the end.
        dial: Connects to the server.
    """

    def __init__(self, listener: socket.socket, dial: Callable[[], socket.socket]) -> None:
        self._dial = dial
        self._listener = listener
        self._listener.listen(64)
        self._lock = threading.Lock()
        self._fault: Fault | None = None
        self._left = 0
        self._thread = threading.Thread(target=self._accept, name="fault proxy", daemon=True)

    def __enter__(self) -> FaultProxy:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def arm(self, fault: Fault | None) -> None:
        """Let it happen to the next request that it is meant for, once; None: to none."""
        with self._lock:
            self._fault, self._left = fault, fault.after if fault is not None else 0

    def _due(self, method: str, path: str) -> Fault | None:
        with self._lock:
            fault = self._fault
            if fault is None or not fault.matches(method, path):
                return None
            if self._left:
                self._left -= 1
                return None
            self._fault = None
        return fault

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            head, rest = _read_head(client)
            if not head:
                return
            method, path = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")[:2]
            fault = self._due(method, path)
            if fault is None:
                self._pass_on(client, head, rest, answered=True)
                return
            if fault.kind == "lost":
                self._pass_on(client, head, rest, answered=False)
            elif fault.kind == "status":
                client.sendall(_answer(fault.status))
                client.shutdown(socket.SHUT_WR)
            fault.over()
            if fault.kind != "lost":
                _drain(client)

    def _pass_on(self, client: socket.socket, head: bytes, rest: bytes, *, answered: bool) -> None:
        """To the server and back, until it ends its answer."""
        with self._dial() as server:
            if b"\r\nupgrade:" not in head.lower():
                head = _CONNECTION.sub(b"", head, count=1).replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
            server.sendall(head + rest)
            _exchange(client, server, answered=answered)
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)


def _exchange(client: socket.socket, server: socket.socket, *, answered: bool) -> None:
    """What both say, until the server ends; by one thread, since a TLS connection is not for two."""
    secure = isinstance(server, ssl.SSLSocket)
    waiting = [client, server]
    while True:
        pending = isinstance(server, ssl.SSLSocket) and server.pending()
        ready = [server] if pending else select.select(waiting, [], [])[0]
        if server in ready:
            data = _received(server)
            if data == b"":
                return
            if data and answered:
                client.sendall(data)
        if client in ready:
            data = client.recv(_SIZE)
            if data:
                server.sendall(data)
            elif secure:
                return
            else:
                waiting.remove(client)
                server.shutdown(socket.SHUT_WR)


def _received(server: socket.socket) -> bytes | None:
    """What has come; None where that was only between the two ends of TLS, as its session tickets are."""
    server.setblocking(False)
    try:
        return server.recv(_SIZE)
    except (ssl.SSLWantReadError, BlockingIOError):
        return None
    finally:
        server.setblocking(True)


def unix_proxy(path: str, engine: str) -> FaultProxy:
    """One before a Unix socket.

    Args:
        path: Of its own; short, as such paths have to be.
        engine: Path of the server's.
    """

    def dial() -> socket.socket:
        connected = _unix_socket()
        connected.connect(engine)
        return connected

    listener = _unix_socket()
    listener.bind(path)
    return FaultProxy(listener, dial)


def _unix_socket() -> socket.socket:
    if sys.platform == "win32":
        raise OSError("the tests reach an engine by a Unix socket only")
    return socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)


def _read_head(client: socket.socket) -> tuple[bytes, bytes]:
    data = b""
    while _HEAD_END not in data:
        more = client.recv(_SIZE)
        if not more:
            return b"", b""
        data += more
    head, _, rest = data.partition(_HEAD_END)
    return head + _HEAD_END, rest


def _drain(client: socket.socket) -> None:
    """Until the client ends: a connection that is closed with something unread loses the answer, too."""
    client.settimeout(_PATIENCE)
    while client.recv(_SIZE):
        pass


def _answer(status: int) -> bytes:
    body = json.dumps({"message": "as the test wishes"}).encode()
    head = f"HTTP/1.1 {status} Refused\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Connection: close\r\n\r\n".encode() + body
