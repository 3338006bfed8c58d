"""The load that the demo runs counts what failed, and what did not."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[3] / "examples"

without_sigterm = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to handle")


class Endpoint(ThreadingHTTPServer):
    """Answers with the statuses that it is told, the last one for ever, and says when it was asked."""

    daemon_threads = True

    def __init__(self, *statuses: int) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.statuses = list(statuses)
        self.asked = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Endpoint

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        statuses = self.server.statuses
        self.send_response(statuses.pop(0) if len(statuses) > 1 else statuses[0])
        self.send_header("Content-Length", "0")
        self.send_header("Deployer-Revision", "r0000001")
        self.end_headers()
        if len(statuses) == 1:
            self.server.asked.set()

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def endpoint(request: pytest.FixtureRequest) -> Generator[Endpoint, None, None]:
    server = Endpoint(*request.param)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def _load(url: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(EXAMPLES / "load.py"), url, str(EXAMPLES / "rows.csv"), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@without_sigterm
@pytest.mark.parametrize("endpoint", [(200,)], indirect=True)
def test_it_stops_when_told_to_and_ends_with_0(endpoint: Endpoint) -> None:
    process = _load(endpoint.url)
    assert endpoint.asked.wait(30)
    process.send_signal(signal.SIGTERM)
    counted = json.loads(process.communicate(timeout=60)[0])
    assert process.returncode == 0
    assert counted["requests"] > 0
    assert counted["failures"] == 0
    assert counted["answered_by"] == {"r0000001": counted["requests"]}


@without_sigterm
@pytest.mark.parametrize("endpoint", [(200, 503, 200)], indirect=True)
def test_an_answer_that_is_not_200_is_a_failure(endpoint: Endpoint) -> None:
    process = _load(endpoint.url, "--connections", "1")
    assert endpoint.asked.wait(30)
    process.send_signal(signal.SIGTERM)
    counted = json.loads(process.communicate(timeout=60)[0])
    assert process.returncode == 1
    assert counted["failures"] == 1
    assert counted["failed_with"] == {"503 Service Unavailable": 1}


def test_no_answer_is_a_failure() -> None:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))  # bound, and never listening: a connection is refused
        process = _load(f"http://127.0.0.1:{unheard.getsockname()[1]}", "--seconds", "0.2")
        counted = json.loads(process.communicate(timeout=60)[0])
    assert process.returncode == 1
    assert counted["failures"] == counted["requests"] > 0
