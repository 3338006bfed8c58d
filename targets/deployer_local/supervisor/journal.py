"""The log files: what the supervisor adds to them, and their rotation."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

__all__ = ["KEPT", "LONGEST", "note", "open_log", "rotate"]

LONGEST = 10_000_000
"""Bytes from which on a log is rotated."""
KEPT = 2
"""Rotated ones that are kept: ``NAME.log.1`` is the newer, ``NAME.log.2`` the older."""


def open_log(path: Path) -> int:
    """A descriptor that appends to a log of mode 0600; raises OSError."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def note(path: Path, event: str, level: str = "info", **fields: Any) -> None:
    """Append one JSON line with ``time``, ``level`` and ``event``, as the server writes them.

    A full disk is no error here: serving goes on without a log.
    """
    now = time.time()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}Z"
    line = json.dumps({"time": stamp, "level": level, "event": event, **fields}, default=str).encode() + b"\n"
    with contextlib.suppress(OSError):
        descriptor = open_log(path)
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)


def rotate(folder: Path, longest: int = LONGEST) -> None:
    """Rotate each log that has grown too long, by copy and truncate: its writers hold it open, and outlive us."""
    for path in folder.glob("*.log"):
        with contextlib.suppress(OSError):
            if path.stat().st_size < longest:
                continue
            for number in range(KEPT, 1, -1):
                with contextlib.suppress(FileNotFoundError):
                    path.with_name(f"{path.name}.{number - 1}").replace(path.with_name(f"{path.name}.{number}"))
            copy = path.with_name(f"{path.name}.1")
            shutil.copyfile(path, copy)
            os.truncate(path, 0)
