"""A process that runs until it is told to end."""

from __future__ import annotations

import signal
import threading

__all__ = ["Ending"]

_LOOK = 0.5
"""Seconds. Linux may hand a signal to any thread, and Python runs the handler in the main one, which that does not
wake: a long wait would go on to its end."""


class Ending:
    """SIGTERM and SIGINT, from when it is made, in the main thread."""

    def __init__(self) -> None:
        self._told = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._told.set())

    def wait(self) -> None:
        """Return when one of them has come."""
        while not self._told.wait(_LOOK):
            pass
