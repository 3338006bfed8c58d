"""Send predictions to an endpoint, one after the other on a few connections, until told to stop; standard library only.

    python examples/load.py http://127.0.0.1:8321 examples/rows.csv

Stops on SIGTERM or Ctrl-C, prints one JSON object with what it counted, and ends with 1 if a request failed. A request
has failed when its answer is not 200, or when there is none: no request is sent again.
"""

from __future__ import annotations

import argparse
import http.client
import json
import signal
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

TIMEOUT = 30.0
KINDS_SHOWN = 5
LOOK = 0.2


class Load:
    """A few connections, each a closed loop with a pause, and what they counted."""

    def __init__(self, url: str, body: bytes, pause: float) -> None:
        parts = urlsplit(url)
        self.host, self.port = parts.hostname or "127.0.0.1", parts.port or 80
        self.path = parts.path.rstrip("/") + "/invocations"
        self.body = body
        self.pause = pause
        self.stop = threading.Event()
        self.answers: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()

    def run(self, connections: int, seconds: float) -> None:
        """Send until `stop` is set, or for that many seconds."""
        threads = [threading.Thread(target=self._connection, daemon=True) for _ in range(connections)]
        for thread in threads:
            thread.start()
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self.stop.wait(min(left, LOOK)):
            pass  # in short waits, since a signal that another thread takes does not wake this one
        self.stop.set()
        for thread in threads:
            thread.join(TIMEOUT + 5)

    def _connection(self) -> None:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=TIMEOUT)
        while not self.stop.is_set():
            try:
                connection.request("POST", self.path, self.body, {"Content-Type": "text/csv"})
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException) as error:
                self.failures[f"{type(error).__name__}: {error}"] += 1
                connection.close()
            else:
                if answer.status == http.HTTPStatus.OK:
                    self.answers[answer.headers.get("Deployer-Revision", "unnamed")] += 1
                else:
                    self.failures[f"{answer.status} {answer.reason}"] += 1
            self.stop.wait(self.pause)
        connection.close()

    def counted(self) -> dict[str, object]:
        """Requests and failures, which revision answered how many, and the commonest failures."""
        failures = self.failures.total()
        told: dict[str, object] = {"requests": self.answers.total() + failures, "failures": failures}
        told["answered_by"] = dict(self.answers)
        if failures:
            told["failed_with"] = dict(self.failures.most_common(KINDS_SHOWN))
        return told


def main() -> int:
    """Load the endpoint, and say what happened."""
    parser = argparse.ArgumentParser(description="Send predictions until told to stop (SIGTERM or Ctrl-C).")
    parser.add_argument("url", help="the endpoint's URL")
    parser.add_argument("rows", type=Path, help="a CSV file that is sent with each request")
    parser.add_argument("--connections", type=int, default=2)
    parser.add_argument("--pause", type=float, default=0.01, help="seconds between two requests of a connection")
    parser.add_argument("--seconds", type=float, default=600.0, help="stop by itself after so many")
    options = parser.parse_args()
    load = Load(options.url, options.rows.read_bytes(), options.pause)
    signal.signal(signal.SIGTERM, lambda *_: load.stop.set())
    with suppress(KeyboardInterrupt):
        load.run(options.connections, options.seconds)
    load.stop.set()
    counted = load.counted()
    print(json.dumps(counted))
    return 0 if counted["requests"] and not counted["failures"] else 1


if __name__ == "__main__":
    sys.exit(main())
