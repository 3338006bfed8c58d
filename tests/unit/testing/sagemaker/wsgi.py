"""Images for the in-process containers: servers that behave badly."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from deployer.testing.cloud.containers import NotStarted, Wish
from deployer.testing.sagemaker.echo import echo

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


def never_ready(wish: Wish, write: Callable[[str], None]) -> WSGIApplication:
    """Its /ping is always 503."""
    write("Traceback (most recent call last):")

    def application(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        start("503 Service Unavailable", [("Content-Length", "0")])
        return [b""]

    return application


def cannot_start(wish: Wish, write: Callable[[str], None]) -> Any:
    """As one without a `serve` command."""
    raise NotStarted('exec: "serve": executable file not found in $PATH')


good = echo
