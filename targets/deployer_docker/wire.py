"""Requests to an endpoint's port on this host."""

from __future__ import annotations

import http.client
import ssl

from deployer.errors import TargetUnavailable
from deployer.target import Request, Response

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
    try:
        connection.request(request.method, request.path, request.body or None, dict(request.headers))
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException) as error:
        said = "no answer in time" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
        raise TargetUnavailable(f"nothing answers: {said}", transient=True, where=where) from error
    finally:
        connection.close()
    return Response(answer.status, body, {name.lower(): value for name, value in answer.getheaders()})
