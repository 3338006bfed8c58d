"""Where the server stands: loading, ready, draining or failed, and the counts that the supervisor asks for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["DRAINING", "FAILED", "LOADING", "READY", "Standing"]

LOADING, READY, DRAINING, FAILED = "loading", "ready", "draining", "failed"


class Standing:
    """The state, since when (seconds since the epoch), and counts of requests to ``/invocations``."""

    def __init__(self) -> None:
        self.state = LOADING
        self.since = time.time()
        self.in_flight = 0
        self.answered = 0
        self.failed = 0
        self.on_change: list[Callable[[], None]] = []

    def become(self, state: str) -> None:
        """Change the state and tell those who listen; the same state again tells nobody."""
        if state == self.state:
            return
        self.state = state
        self.since = time.time()
        for tell in list(self.on_change):
            tell()
