"""Containers of the clouds' doubles for the crash matrix: threads that answer as our server does, as far as it looks.

The double that is a process is told of them by ``--in-process deployer.testing.crash.hosted:containers``, Azure ML's by
``...:plain``. Which of the matrix' models one is, its environment says (`LOT`): what an image really does, real
containers show.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from deployer.testing.cloud.in_process import InProcess, Started

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from deployer.testing.cloud.containers import Wish
    from deployer.testing.cloud.in_process import Factory

__all__ = ["LOT", "containers", "plain"]

LOT = "CRASH_LOT"
"""The variable that names the lot."""
DRAIN = 0.3
"""Seconds."""
_ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"
_UNLOADED = json.dumps({"event": "load-failed", "error_type": "UnpicklingError", "error": "invalid load key, 'x'."})


class _Draining(Started):
    """Answers those who are on their way to it when it is told to end, as our server does."""

    def stop(self, grace: float) -> None:
        if self.exit_code() is None:
            time.sleep(min(grace, DRAIN))
        super().stop(grace)


class _Hosted(InProcess):
    """Containers of the matrix' models, one of which cannot be loaded."""

    def __init__(self, server: Factory) -> None:
        super().__init__({"": server})
        self._server = server

    def start(self, wish: Wish) -> Started:
        container = _Draining(wish, self._server)
        self.started.append(container)
        if wish.environment.get(LOT) == "failing":
            container.write(_UNLOADED)
            container.end(1)
        return container


def containers() -> InProcess:
    """For one double of SageMaker's, where headers of ours travel in an attribute."""
    return _Hosted(_server)


def plain() -> InProcess:
    """For one where a request's headers pass as they are, and our other paths travel in one, as on Azure ML."""
    return _Hosted(_plain_server)


def _server(wish: Wish, write: Callable[[str], None]) -> WSGIApplication:
    revision = wish.environment["DEPLOYER_SERVING_REVISION"]
    write(f"serving {revision}")

    def application(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        answer, headers = b"", [("Content-Type", "application/json")]
        status = "200 OK"
        if environ["PATH_INFO"] != "/ping":
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            asked = _told(environ.get("HTTP_X_AMZN_SAGEMAKER_CUSTOM_ATTRIBUTES", ""))
            answer = b'{"predictions": [10.0]}'
            if asked.get("deployer-revision", revision) != revision:
                status, answer = "421 Misdirected Request", b'{"error": "another revision is meant"}'
            told = [f"deployer-revision={revision}"]
            told += ["deployer-parity=equal"] if asked.get("deployer-verify") else []
            headers.append((_ATTRIBUTES, ",".join(told)))
        start(status, [*headers, ("Content-Length", str(len(answer)))])
        return [answer]

    return application


def _plain_server(wish: Wish, write: Callable[[str], None]) -> WSGIApplication:
    revision = wish.environment["DEPLOYER_SERVING_REVISION"]
    write(f"serving {revision}")

    def application(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        status, answer, headers = "200 OK", b"", [("Content-Type", "application/json")]
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        if environ.get("HTTP_DEPLOYER_PATH", environ["PATH_INFO"]) == "/invocations":
            answer = b'{"predictions": [10.0]}'
            headers.append(("Deployer-Revision", revision))
        if environ.get("HTTP_DEPLOYER_REVISION", revision) != revision:
            status, answer = "421 Misdirected Request", b'{"error": "another revision is meant"}'
        if environ.get("HTTP_DEPLOYER_VERIFY"):
            headers.append(("Deployer-Parity", "equal"))
        start(status, [*headers, ("Content-Length", str(len(answer)))])
        return [answer]

    return application


def _told(attributes: str) -> Mapping[str, str]:
    pairs = (each.strip().partition("=") for each in attributes.split(","))
    return {name.lower(): value for name, _, value in pairs if name}
