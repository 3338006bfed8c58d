"""Containers of SageMaker's double for the crash matrix: threads that answer as our server does, as far as it looks.

The double that is a process is told of them by ``--in-process deployer.testing.crash.hosted:containers``. Which of the
matrix' models one is, its environment says (`LOT`): what an image really does, real containers show.
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

__all__ = ["LOT", "containers"]

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

    def __init__(self) -> None:
        super().__init__({"": _server})

    def start(self, wish: Wish) -> Started:
        container = _Draining(wish, _server)
        self.started.append(container)
        if wish.environment.get(LOT) == "failing":
            container.write(_UNLOADED)
            container.end(1)
        return container


def containers() -> InProcess:
    """For one double."""
    return _Hosted()


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


def _told(attributes: str) -> Mapping[str, str]:
    pairs = (each.strip().partition("=") for each in attributes.split(","))
    return {name.lower(): value for name, _, value in pairs if name}
