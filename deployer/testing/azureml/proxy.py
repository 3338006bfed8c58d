"""A proxy for HTTPS that leads Azure's names to the double, so that a client runs with no setting but HTTPS_PROXY."""

from __future__ import annotations

import select
import socket
import socketserver
import threading

from deployer.testing.azureml.wire import is_real

__all__ = ["Proxy"]

_IDLE = 60.0


class Proxy:
    """The proxy.

    Args:
        where: Address and port of the double.

    Attributes:
        url: For ``HTTPS_PROXY``.
        hosts: Every ``HOST:PORT`` that was asked for.
    """

    def __init__(self, where: tuple[str, int]) -> None:
        self.hosts: list[str] = []
        self._server = _Server(where, self.hosts)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="azureml proxy", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, where: tuple[str, int], hosts: list[str]) -> None:
        self.where, self.hosts = where, hosts
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is no event."""


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        method, _, rest = self.rfile.readline().decode("latin-1").partition(" ")
        host = rest.partition(" ")[0]
        while self.rfile.readline().strip():
            pass
        self.server.hosts.append(host)
        if method != "CONNECT" or not is_real(host):
            # What is not Azure's is not reached: a test that wants it is wrong.
            self.wfile.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        with socket.create_connection(self.server.where) as double:
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            _carry(self.connection, double)


def _carry(one: socket.socket, other: socket.socket) -> None:
    while True:
        readable, _, _ = select.select([one, other], [], [], _IDLE)
        if not readable:
            return
        for each in readable:
            if not (data := each.recv(65536)):
                return
            (other if each is one else one).sendall(data)
