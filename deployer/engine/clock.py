"""Time, passed in: nothing in the engine asks the system for it."""

from __future__ import annotations

import time
from typing import Protocol

__all__ = ["Clock", "SystemClock"]


class Clock(Protocol):
    """Seconds as float."""

    def now(self) -> float:
        """Since the epoch, to show and to record."""
        ...

    def monotonic(self) -> float:
        """For durations and deadlines."""
        ...

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        ...


class SystemClock:
    """The system's own."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)
