"""Requests over HTTP, to a port or to a worker's private socket."""

from __future__ import annotations

import http.client
from functools import partial
from pathlib import Path

from deployer.target import Request, Response
from deployer.target.exchange import OverSocket, exchange
from deployer_local.supervisor.system import connect_unix

__all__ = ["send_to_port", "send_to_socket"]


def send_to_port(host: str, port: int, request: Request) -> Response:
    """Send a request to an endpoint's port. Raises TargetUnavailable: nobody answers; transient."""
    return exchange(http.client.HTTPConnection(host, port, timeout=request.timeout), request, f"http://{host}:{port}")


def send_to_socket(path: Path, request: Request) -> Response:
    """Send a request over a worker's private socket. Raises TargetUnavailable: nobody answers; transient."""
    return exchange(OverSocket(partial(connect_unix, path), request.timeout), request, path.name)
