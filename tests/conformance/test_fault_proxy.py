"""The socket before an engine that lets requests fail; against a small server of HTTP, since no engine is needed."""

from __future__ import annotations

import http.client
import socket
import socketserver
import sys
import tempfile
import threading
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.conformance.fault_proxy import Fault, is_asked, is_change, unix_proxy

if TYPE_CHECKING:
    from collections.abc import Iterator

if sys.platform == "win32":
    pytest.skip("Unix sockets", allow_module_level=True)
assert sys.platform != "win32"  # for who checks the types


class Handler(BaseHTTPRequestHandler):
    """Answers with what it was sent, and remembers it."""

    protocol_version = "HTTP/1.1"
    seen: list[tuple[str, str, bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.seen.append((self.command, self.path, body))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self.do_POST()

    def log_message(self, *_: Any) -> None:
        pass


class Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def get_request(self) -> tuple[socket.socket, Any]:
        request, _ = super().get_request()
        return request, ("engine", 0)


class Place:
    """A proxy before a server."""

    def __init__(self, stack: ExitStack) -> None:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ep-")))
        self.path = str(folder / "proxy")
        self.seen: list[tuple[str, str, bytes]] = []
        handler = type("Own", (Handler,), {"seen": self.seen})
        server = stack.enter_context(Server(str(folder / "engine"), handler))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        stack.callback(thread.join)
        stack.callback(server.shutdown)
        self.proxy = stack.enter_context(unix_proxy(self.path, str(folder / "engine")))

    def ask(self, method: str, path: str, body: bytes = b"", timeout: float = 30.0) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("engine", timeout=timeout)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(timeout)
        connection.sock.connect(self.path)
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


@pytest.fixture
def place() -> Iterator[Place]:
    with ExitStack() as stack:
        yield Place(stack)


def test_requests_go_through_whole(place: Place) -> None:
    large = b"x" * 3_000_000
    assert place.ask("POST", "/containers/create", large) == (200, large)
    assert place.ask("GET", "/info") == (200, b"")
    assert place.seen == [("POST", "/containers/create", large), ("GET", "/info", b"")]


def test_a_status_is_answered_once_and_the_engine_never_hears_of_it(place: Place) -> None:
    place.proxy.arm(Fault("status", is_change, 429, after=1))
    assert place.ask("GET", "/info")[0] == 200
    assert place.ask("POST", "/one", b"1") == (200, b"1")
    assert place.ask("POST", "/two", b"2" * 100_000)[0] == 429
    assert place.ask("POST", "/two", b"2") == (200, b"2")
    assert [path for _, path, _ in place.seen] == ["/info", "/one", "/two"]


def test_a_lost_answer_is_that_of_a_request_which_was_done(place: Place) -> None:
    place.proxy.arm(Fault("lost", is_asked))
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        place.ask("POST", "/one", b"1")
    assert place.seen == [("POST", "/one", b"1")]
    assert place.ask("POST", "/one", b"1")[0] == 200


def test_silence_is_no_answer_until_the_client_gives_up(place: Place) -> None:
    happened = threading.Event()
    place.proxy.arm(Fault("silence", is_asked, over=happened.set))
    with pytest.raises(TimeoutError):
        place.ask("GET", "/info", timeout=0.2)
    assert happened.wait(30)
    assert place.seen == []
