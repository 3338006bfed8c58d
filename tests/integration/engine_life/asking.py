"""Requests while something is done to an endpoint: how many failed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.e2e.commandline import REPOSITORY

__all__ = ["asked"]


@contextmanager
def asked(url: str, question: Path) -> Iterator[dict[str, Any]]:
    """Two connections ask an endpoint meanwhile; what they counted is there afterwards."""
    words = [sys.executable, str(REPOSITORY / "examples" / "load.py"), url, str(question)]
    process = subprocess.Popen(
        [*words, "--connections", "2", "--pause", "0.02", "--seconds", "200"], stdout=subprocess.PIPE, text=True
    )
    counted: dict[str, Any] = {}
    try:
        yield counted
        process.send_signal(signal.SIGTERM)
        counted.update(json.loads(process.communicate(timeout=60)[0]))
    finally:
        process.kill()
        process.wait()
