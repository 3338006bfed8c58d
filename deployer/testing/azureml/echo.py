"""A well-behaved server for containers that are threads; see `deployer.testing.cloud.in_process`."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from deployer.testing.cloud.containers import Wish

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["echo"]


def echo(wish: Wish, write: Callable[[str], None]) -> WSGIApplication:
    """Any GET is 200; a POST answers what it was sent, with path, image, environment and the model's files.

    A JSON object in the body may ask for another answer: ``{"status": 500, "say": "text"}``, ``{"sleep": seconds}``.
    """
    write(f"serving {wish.image}")

    def application(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "GET":
            start("200 OK", [("Content-Length", "0")])
            return [b""]
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        asked = _asked(body)
        time.sleep(float(asked.get("sleep", 0)))
        if "status" in asked:
            said = str(asked.get("say", "")).encode()
            start(f"{int(asked['status'])} Asked", [("Content-Length", str(len(said)))])
            return [said]
        files = (
            [] if wish.model is None else sorted(str(each.relative_to(wish.model)) for each in wish.model.rglob("*"))
        )
        answer = json.dumps(
            {
                "path": environ["PATH_INFO"],
                "image": wish.image,
                "env": dict(wish.environment),
                "files": files,
                "got": body.decode(errors="replace"),
            }
        ).encode()
        start("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))])
        return [answer]

    return application


def _asked(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
