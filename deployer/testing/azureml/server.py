"""The server: HTTP/1.1 over TLS on loopback, a thread for each connection."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from deployer.testing.azureml.answers import Answer
from deployer.testing.azureml.shell import Lost
from deployer.testing.azureml.wire import Call

__all__ = ["Server"]


class Server(ThreadingHTTPServer):
    """Answers what a function answers.

    Args:
        where: Address and port.
        context: With certificate and key.
        work: The function.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, where: tuple[str, int], context: ssl.SSLContext, work: Callable[[Call], Answer]) -> None:
        self.context, self.work = context, work
        super().__init__(where, _Handler)

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        """A connection, whose handshake is left to its own thread."""
        plain, address = self.socket.accept()
        return self.context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up, or does not trust the certificate, is no event."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 120
    server: Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing: what was asked is in the journal."""

    def _serve(self) -> None:
        call = Call(
            self.command,
            self.headers.get("Host", ""),
            self.path,
            {key.lower(): value for key, value in self.headers.items()},
            self._body(),
        )
        try:
            answer = self.server.work(call)
        except Lost:
            self.close_connection = True
            return
        self._send(answer)

    do_GET = do_PUT = do_POST = do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = _serve  # noqa: N815

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        pieces = []
        while size := int(self.rfile.readline().partition(b";")[0].strip() or b"0", 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(pieces)

    def _send(self, answer: Answer) -> None:
        try:
            phrase = HTTPStatus(answer.status).phrase
        except ValueError:
            phrase = "Error"
        self.send_response(answer.status, phrase)
        headers = {key: value for key, value in answer.headers.items() if key.lower() != "content-length"}
        length = next((value for key, value in answer.headers.items() if key.lower() == "content-length"), None)
        for key, value in headers.items():
            self.send_header(key, value)
        if isinstance(answer.body, bytes):
            if answer.status not in (204, 304):
                silent = self.command == "HEAD" and length is not None
                self.send_header("Content-Length", length if silent and length else str(len(answer.body)))
            self.end_headers()
            if self.command != "HEAD" and answer.status not in (204, 304):
                self.wfile.write(answer.body)
            return
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in answer.body:
            self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")
