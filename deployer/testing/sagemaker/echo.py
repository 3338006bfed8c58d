"""A well-behaved container for tests: it answers what it was sent."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from deployer.testing.cloud.containers import Wish

__all__ = ["echo"]


def echo(wish: Wish, write: Callable[[str], None]) -> WSGIApplication:
    """A well-behaved server: /ping is 200, /invocations answers what it was sent, with image and environment.

    A JSON object in the body may ask for another answer: ``{"status": 500, "say": "text"}``, ``{"sleep": seconds}``.
    """
    write(f"serving {wish.image}")

    def application(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/ping":
            start("200 OK", [("Content-Length", "0")])
            return [b""]
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        asked = _asked(body)
        time.sleep(float(asked.get("sleep", 0)))
        attributes = environ.get("HTTP_X_AMZN_SAGEMAKER_CUSTOM_ATTRIBUTES", "")
        headers = [("Content-Type", environ.get("CONTENT_TYPE") or "application/octet-stream")]
        if attributes:
            headers.append(("X-Amzn-SageMaker-Custom-Attributes", attributes))
        if "status" in asked:
            said = str(asked.get("say", "")).encode()
            start(f"{int(asked['status'])} Asked", [*headers, ("Content-Length", str(len(said)))])
            return [said]
        answer = json.dumps({"image": wish.image, "env": dict(wish.environment), "got": body.decode(errors="replace")})
        start("200 OK", [*headers, ("Content-Length", str(len(answer.encode())))])
        return [answer.encode()]

    return application


def _asked(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
