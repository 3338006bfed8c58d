"""Containers that are none: a WSGI application on a port of loopback, in this process, where no engine is there.

For tests of a client's logic alone. Nothing is isolated, and an image is just the name of an application; what a real
image does, only `deployer.testing.cloud.engine` shows.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from deployer.testing.cloud.containers import NoImage, NotStarted, Wish

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

from socketserver import ThreadingMixIn

__all__ = ["InProcess", "Started"]

Factory = Callable[[Wish, Callable[[str], None]], "WSGIApplication"]
"""An image: makes the application of one container, given its wish and where to write a line of its output."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        del format, args


class Started:
    """A `deployer.testing.cloud.containers.Container` that is a thread."""

    def __init__(self, wish: Wish, factory: Factory) -> None:
        self.wish = wish
        self._written: list[tuple[float, str]] = []
        self._code: int | None = None
        application = factory(wish, self.write)
        self._server = make_server("127.0.0.1", 0, application, _Server, _Quiet)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self._server.server_port

    def write(self, line: str) -> None:
        """Add a line to its output."""
        self._written.append((time.time(), line))

    def exit_code(self) -> int | None:
        return self._code

    def lines(self) -> list[tuple[float, str]]:
        return list(self._written)

    def kill(self) -> None:
        self.end(137)

    def stop(self, grace: float) -> None:
        del grace
        self.end(0)

    def end(self, code: int) -> None:
        """Let it end by itself, as a crash would."""
        if self._code is None:
            self._code = code
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()


class InProcess:
    """`deployer.testing.cloud.containers.Containers` of applications.

    Args:
        images: A text that an image's name contains, to the application; the first that fits. What fits none is no
            image.

    Attributes:
        started: What was started, the newest last.
    """

    def __init__(self, images: Mapping[str, Factory]) -> None:
        self._images = images
        self.started: list[Started] = []

    def digest(self, image: str) -> str:
        self._find(image)
        return (
            image.rpartition("@")[2] if "@sha256:" in image else f"sha256:{hashlib.sha256(image.encode()).hexdigest()}"
        )

    def start(self, wish: Wish) -> Started:
        factory = self._find(wish.image)
        try:
            container = Started(wish, factory)
        except OSError as error:
            raise NotStarted(str(error)) from error
        self.started.append(container)
        return container

    def close(self) -> None:
        for container in self.started:
            container.end(143)

    def _find(self, image: str) -> Factory:
        for text, factory in self._images.items():
            if text in image:
                return factory
        raise NoImage(f"no such image: {image}")
