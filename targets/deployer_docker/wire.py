"""Requests to an endpoint's port on this host."""

from __future__ import annotations

import http.client
import ssl

from deployer.target import Request, Response
from deployer.target.exchange import exchange

__all__ = ["send"]


def send(host: str, port: int, request: Request, *, tls: bool = False) -> Response:
    """Send a request to a port, and take whatever answer comes.

    Over TLS the certificate is not judged: it is for the name by which clients call, and not for this host's own.

    Raises:
        TargetUnavailable: Nobody answers; transient.
    """
    where = f"http{'s' if tls else ''}://{host}:{port}"
    connection: http.client.HTTPConnection
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(host, port, timeout=request.timeout, context=context)
    else:
        connection = http.client.HTTPConnection(host, port, timeout=request.timeout)
    return exchange(connection, request, where)
