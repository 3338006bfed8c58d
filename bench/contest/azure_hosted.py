"""Containers of Azure ML's double for a comparison: threads that answer either side, and fall over when told to.

The double that is a process is told of them by ``--in-process bench.contest.azure_hosted:containers``. One whose
environment says `FAULT` is what a container with a missing package is: it writes what ours writes then, and ends. The
line holds Python's own words, which Azure's server of MLflow models would write, too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from deployer.testing.cloud.in_process import InProcess, Started

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from deployer.testing.cloud.containers import Wish

__all__ = ["FAULT", "MISSING", "containers"]

FAULT = "BENCH_FAULT"
MISSING = "tabulate"
_UNLOADED = {
    "event": "load-failed",
    "error_type": "ModuleNotFoundError",
    "error": f"No module named '{MISSING}'",
    "missing_module": MISSING,
}


class _Hosted(InProcess):
    def __init__(self) -> None:
        super().__init__({"": _server})

    def start(self, wish: Wish) -> Started:
        container = super().start(wish)
        if wish.environment.get(FAULT):
            container.write(json.dumps(_UNLOADED))
            container.end(1)
        return container


def containers() -> InProcess:
    """For one double."""
    return _Hosted()


def _server(wish: Wish, write: Callable[[str], None]) -> WSGIApplication:
    revision = wish.environment.get("DEPLOYER_SERVING_REVISION", "")
    write("serving")

    def application(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        answer, headers = b"{}", [("Content-Type", "application/json")]
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        if environ["REQUEST_METHOD"] == "POST":
            answer = b'{"predictions": ["setosa"]}'
            headers += [("Deployer-Revision", revision)] if revision else []
            headers += [("Deployer-Parity", "equal")] if environ.get("HTTP_DEPLOYER_VERIFY") else []
        start("200 OK", [*headers, ("Content-Length", str(len(answer)))])
        return [answer]

    return application
