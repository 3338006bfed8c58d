"""Requests to an endpoint of an engine elsewhere: through the engine itself, from within the gateway's container.

Its port is published on that host's loopback, so nothing else leads there. The request goes as a file into the
gateway's volume and from there to its port; the answer is what the command writes. That needs no connection of its own
kind, so it works over ssh and TLS alike.
"""

from __future__ import annotations

import http.client
import io
import socket
import uuid
from typing import Any, cast

from deployer.errors import TargetUnavailable
from deployer.target import Request, Response
from deployer_docker.archives import archive
from deployer_docker.client import told
from deployer_docker.executing import run_in
from deployer_docker.requests import GATEWAY_FOLDER, GATEWAY_PORT

__all__ = ["message_of", "response_of", "send_through"]

_SEND = r"""
if command -v socat >/dev/null 2>&1; then exec socat -t "$3" - "TCP:127.0.0.1:$2" <"$1"
elif command -v perl >/dev/null 2>&1; then
  exec perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new("127.0.0.1:$ARGV[0]") or die "$!\n";
    binmode STDIN; local $/ = \65536; print $s $_ while <STDIN>; $s->flush; print while <$s>;' "$2" <"$1"
elif command -v nc >/dev/null 2>&1; then exec nc 127.0.0.1 "$2" <"$1"
else echo "its image has neither socat, perl nor nc" >&2; exit 97
fi
"""
_BODILESS = (204, 304)


def message_of(request: Request) -> bytes:
    """A request as it goes over the line; the answer ends with the connection. Pure."""
    for text in (request.method, request.path, *(part for pair in request.headers.items() for part in pair)):
        if any(character in text for character in "\r\n\0"):
            raise ValueError("a request's line and headers have no line ends")
    own = {"Host": "localhost", "Connection": "close", "Content-Length": str(len(request.body))}
    given = {name: value for name, value in request.headers.items() if name.title() not in own}
    lines = [
        f"{request.method} {request.path} HTTP/1.1",
        *(f"{name}: {value}" for name, value in {**own, **given}.items()),
    ]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + request.body


class _Written:
    """What was received, in the shape that `http.client` reads from."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, *_: object) -> io.BytesIO:
        """All of it."""
        return io.BytesIO(self._data)


def response_of(data: bytes) -> Response:
    """An answer out of what came over the line. Pure.

    Raises:
        http.client.HTTPException: It is none.
    """
    answer = http.client.HTTPResponse(cast("socket.socket", _Written(data)))
    answer.begin()
    body = b"" if answer.status in _BODILESS else answer.read()
    return Response(answer.status, body, {name.lower(): value for name, value in answer.getheaders()})


def send_through(api: Any, gateway: str, request: Request) -> Response:
    """Send a request from within a gateway's container.

    Raises:
        TargetUnavailable: Nobody answers; transient.
    """
    name = f"q-{uuid.uuid4().hex}"
    path = f"{GATEWAY_FOLDER}/{name}"
    with told("send a request through the engine", gateway[:12]):
        api.put_archive(gateway, GATEWAY_FOLDER, archive({name: message_of(request)}, private=True))
        try:
            command = ["sh", "-c", _SEND, "sh", path, str(GATEWAY_PORT), f"{max(1, round(request.timeout))}"]
            _, out, err = run_in(api, gateway, command)
        finally:
            run_in(api, gateway, ["rm", "-f", path], user="0:0")
    try:
        return response_of(out)
    except http.client.HTTPException as error:
        said = err.decode("utf-8", "replace").strip()[:300] or str(error) or type(error).__name__
        raise TargetUnavailable(f"nothing answers: {said}", transient=True, where=gateway[:12]) from error
