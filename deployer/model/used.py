"""When a file of a cache was last used: its access time, which we set ourselves.

File systems mounted with ``noatime`` do not move it when a file is read, and with ``relatime`` once a day. The time of
change stays as it is, since it tells whether a file is the one that was written.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["last_used", "mark_used"]

_FRESH = 600 * 10**9
"""Nanoseconds in which a mark is not set again: a cache may lie on a network file system, where each one is a call."""


def mark_used(path: Path, status: os.stat_result | None = None, *, now: int | None = None) -> None:
    """Notes that a file is taken now; one that is not there or may not be written to is left as it is.

    Args:
        path: A file. Not a folder: looking into one moves its access time.
        status: What `os.stat` just said of it, if it was asked.
        now: Nanoseconds since the epoch; by default the system's.
    """
    moment = time.time_ns() if now is None else now
    with suppress(OSError):
        known = status or path.stat()
        if not 0 <= moment - known.st_atime_ns < _FRESH:
            os.utime(path, ns=(moment, known.st_mtime_ns))


def last_used(path: Path) -> float | None:
    """Seconds since the epoch when a file was last marked, read or written; None when it is not there."""
    try:
        status = path.lstat()
    except OSError:
        return None
    return max(status.st_atime, status.st_mtime)
