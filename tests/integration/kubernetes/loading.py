"""Load on an endpoint from a process of its own, ``examples/load.py``, whose count can be read while it runs."""

from __future__ import annotations

import json
import runpy
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

__all__ = ["Load", "loaded"]

LOAD = Path(__file__).resolve().parents[3] / "examples" / "load.py"
SECONDS = 1800.0
"""After which it ends by itself."""


class Load:
    """What has been counted so far.

    Attributes:
        counted: As ``examples/load.py`` prints it.
    """

    def __init__(self, url: str, rows: Path, connections: int, pause: float) -> None:
        words = [sys.executable, __file__, url, str(rows), str(connections), str(pause)]
        self._process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        self.counted: dict[str, Any] = {"requests": 0, "failures": 0, "answered_by": {}}
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            self.counted = json.loads(line)

    def answered(self, revision: str, more: int = 20, *, seconds: float = 60.0) -> None:
        """Wait until a revision has answered so many more."""
        goal = self._of(revision) + more
        deadline = time.monotonic() + seconds
        while self._of(revision) < goal:
            assert time.monotonic() < deadline, f"{revision} does not answer: {self.counted}"
            time.sleep(0.05)

    def _of(self, revision: str) -> int:
        return int(self.counted["answered_by"].get(revision, 0))

    def end(self) -> None:
        """Have it stop, and wait for what it has counted."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(60)
        self._reader.join(10)

    def kill(self) -> None:
        """End it whatever it does; nothing if it has ended."""
        self._process.kill()
        self._process.wait()


def _comes(url: str) -> None:
    """Wait until somebody listens: nodes write their rules a moment after the Service has its first pods."""
    address, deadline = urlsplit(url), time.monotonic() + 30
    while True:
        try:
            socket.create_connection((address.hostname or "", address.port or 80), 5).close()
        except OSError:
            assert time.monotonic() < deadline, f"nobody listens at {url}"
            time.sleep(0.05)
        else:
            return


@contextmanager
def loaded(url: str, rows: Path, *, connections: int = 4, pause: float = 0.01) -> Iterator[Load]:
    """Load an endpoint meanwhile, from when the nodes know its address; what failed is the caller's to judge."""
    _comes(url)
    load = Load(url, rows, connections, pause)
    try:
        yield load
        load.end()
    finally:
        load.kill()


def _main(url: str, rows: str, connections: str, pause: str) -> None:
    load = runpy.run_path(str(LOAD))["Load"](url, Path(rows).read_bytes(), float(pause))
    signal.signal(signal.SIGTERM, lambda *_: load.stop.set())
    sending = threading.Thread(target=load.run, args=(int(connections), SECONDS))
    sending.start()
    while sending.is_alive():
        sending.join(0.1)
        print(json.dumps(load.counted()), flush=True)


if __name__ == "__main__":
    _main(*sys.argv[1:])
