"""How far a long piece of work has come, as a value that any renderer can show."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Meter", "OnProgress", "Progress", "Stopped"]


@dataclass(frozen=True, slots=True)
class Progress:
    """``done`` of ``total`` units; ``total`` is None as long as nobody knows it.

    Args:
        done: Units finished so far.
        total: Units in all.
        unit: What is counted: ``bytes``, ``files`` or ``packages``.
    """

    done: int
    total: int | None
    unit: str


OnProgress = Callable[[Progress], None]
"""Called often, from the threads that work, one call at a time: it must be quick."""


class Stopped(Exception):
    """Another thread of the same work has failed or was interrupted."""


class Meter:
    """Adds up what several threads have done, and tells them when to stop."""

    def __init__(self, total: int | None, unit: str, on_progress: OnProgress | None = None) -> None:
        self._total = total
        self._unit = unit
        self._on_progress = on_progress
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._done = 0

    def advance(self, count: int) -> None:
        """Adds ``count`` units.

        Raises:
            Stopped: `stop` was called.
        """
        if self._stop.is_set():
            raise Stopped
        if self._on_progress is None:
            return
        with self._lock:
            self._done += count
            self._on_progress(Progress(self._done, self._total, self._unit))

    def stop(self) -> None:
        """Makes every thread's next `advance` raise."""
        self._stop.set()
