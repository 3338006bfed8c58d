"""What the supervisor tells of a worker."""

from __future__ import annotations

from typing import Any

from .policy import CRASH_LOOP
from .worker import Worker

__all__ = ["described"]


def described(worker: Worker) -> dict[str, Any]:
    """A worker as one JSON object."""
    process = worker.process
    return {
        "number": worker.key[1],
        "phase": worker.phase,
        "state": worker.state,
        "accepting": worker.accepting,
        "pid": process.pid if process else None,
        "started": process.started if process else None,
        "began": worker.began,
        "ready_since": worker.ready_since,
        "restarts": worker.restarts,
        "crashes": worker.crashes,
        "looping": worker.crashes >= CRASH_LOOP,
        "last_exit": worker.last_exit,
        "trouble": worker.trouble,
    }
