"""Asks moto's services from within the process: no socket, no fault, no policy, nothing recorded.

The double reads S3, IAM, alarms and scaling policies, and writes logs and metrics, by AWS's own API through botocore;
so it depends on nothing inside moto.
"""

from __future__ import annotations

import io
import sys
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Generator

    from _typeshed.wsgi import WSGIApplication

__all__ = ["Inside"]


class _Raw(io.BytesIO):
    def stream(self, *_: object, **__: object) -> Generator[bytes, None, None]:
        while data := self.read(65536):
            yield data


class Inside:
    """botocore clients whose requests go straight into a WSGI application.

    Args:
        application: moto's.
    """

    def __init__(self, application: WSGIApplication) -> None:
        import botocore.session

        self._application = application
        self._session: Any = botocore.session.get_session()
        self._clients: dict[tuple[str, str, str, str], Any] = {}
        self._lock = threading.Lock()

    def client(self, service: str, region: str, account: str, *, key: str = "double") -> Any:
        """The client of a service; made once.

        Args:
            service: botocore's name.
            region: Where.
            account: Whose resources it sees; empty to let moto tell by the key.
            key: The access key that it signs with.
        """
        from botocore.config import Config

        with self._lock:
            about = (service, region, account, key)
            if about not in self._clients:
                client = self._session.create_client(
                    service,
                    region_name=region,
                    endpoint_url="http://127.0.0.1",
                    aws_access_key_id=key,
                    aws_secret_access_key=key,
                    config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
                )
                client.meta.events.register("before-send", lambda request, **_: self._send(request, account))
                self._clients[about] = client
            return self._clients[about]

    def _send(self, request: Any, account: str) -> Any:
        from botocore.awsrequest import AWSResponse
        from werkzeug.test import run_wsgi_app

        body = request.body.read() if hasattr(request.body, "read") else request.body or b""
        headers = {
            name: value.decode() if isinstance(value, bytes) else value for name, value in request.headers.items()
        }
        if account:
            headers["x-moto-account-id"] = account
        body = body.encode() if isinstance(body, str) else body
        environ: dict[str, Any] = {
            "REQUEST_METHOD": request.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": _path(request.url),
            "QUERY_STRING": request.url.partition("?")[2],
            "RAW_URI": request.url.removeprefix("http://127.0.0.1"),
            "REQUEST_URI": request.url.removeprefix("http://127.0.0.1"),
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_HOST": "127.0.0.1",
            "REMOTE_ADDR": "127.0.0.1",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "CONTENT_LENGTH": str(len(body)),
        }
        for name, value in headers.items():
            plain = name.upper().replace("-", "_")
            if plain != "CONTENT_LENGTH":
                environ["CONTENT_TYPE" if plain == "CONTENT_TYPE" else f"HTTP_{plain}"] = value
        found, status, answered = run_wsgi_app(self._application, environ, buffered=True)
        return AWSResponse(request.url, int(status.split()[0]), dict(answered), _Raw(b"".join(found)))


def _path(url: str) -> str:
    """The path of a URL as WSGI has it: unquoted bytes, told as latin-1."""
    from urllib.parse import unquote_to_bytes, urlsplit

    return unquote_to_bytes(urlsplit(url).path).decode("latin-1") or "/"
