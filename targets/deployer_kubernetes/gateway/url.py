"""An endpoint asked by the host of its route, where this machine reaches that."""

from __future__ import annotations

import http.client
import socket
import ssl
from dataclasses import replace
from urllib.parse import urlsplit

from deployer.target import Request, Response
from deployer.target.exchange import OverSocket, exchange

__all__ = ["ask_by_route"]

_CONNECTING = 3.0
"""Seconds within which a host is reached, or is not reachable from here."""


def ask_by_route(url: str, request: Request, endpoint: str) -> Response | None:
    """Send a request by its host; None where nothing is reached there, so that nothing was sent.

    Raises:
        TargetUnavailable: It was sent, and not answered; transient.
    """
    parts = urlsplit(url)
    host, secure = parts.hostname or "", parts.scheme == "https"
    way: socket.socket | None = None
    try:
        way = socket.create_connection((host, parts.port or (443 if secure else 80)), min(_CONNECTING, request.timeout))
        if secure:
            way = ssl.create_default_context().wrap_socket(way, server_hostname=host)
    except OSError:  # of TLS as well: another name's certificate is somebody else's door
        if way is not None:
            way.close()
        return None
    connected = way

    def opened(seconds: float) -> socket.socket:
        connected.settimeout(seconds)
        return connected

    connection: http.client.HTTPConnection = OverSocket(opened, request.timeout)
    headers = {**request.headers, "Host": parts.netloc}
    return exchange(connection, replace(request, headers=headers), endpoint)
