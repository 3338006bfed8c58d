"""Requests over HTTP, to a port or to a worker's private socket."""

from __future__ import annotations

import http.client
import socket
from pathlib import Path

from deployer.errors import TargetUnavailable
from deployer.target import Request, Response
from deployer_local.supervisor.system import connect_unix

__all__ = ["send_to_port", "send_to_socket"]


class _OverSocket(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock: socket.socket = connect_unix(self._path, float(self.timeout or 60.0))


def send_to_port(host: str, port: int, request: Request) -> Response:
    """Send a request to an endpoint's port. Raises TargetUnavailable: nobody answers; transient."""
    return _exchange(http.client.HTTPConnection(host, port, timeout=request.timeout), request, f"http://{host}:{port}")


def send_to_socket(path: Path, request: Request) -> Response:
    """Send a request over a worker's private socket. Raises TargetUnavailable: nobody answers; transient."""
    return _exchange(_OverSocket(path, request.timeout), request, path.name)


def _exchange(connection: http.client.HTTPConnection, request: Request, where: str) -> Response:
    try:
        connection.request(request.method, request.path, request.body or None, dict(request.headers))
        answer = connection.getresponse()
        body = answer.read()
    except TimeoutError:
        raise TargetUnavailable(f"no answer within {request.timeout:g} seconds", transient=True, where=where) from None
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise TargetUnavailable(f"does not answer: {reason}", transient=True, where=where) from error
    finally:
        connection.close()
    return Response(answer.status, body, {name.lower(): value for name, value in answer.getheaders()})
