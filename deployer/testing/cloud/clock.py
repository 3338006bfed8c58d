"""The double's clock: nominal seconds, which can run faster than real ones and be moved forward."""

from __future__ import annotations

import threading
import time

__all__ = ["Clock", "Signal"]


class Signal:
    """An event that wakes whoever waits by its clock; made by `Clock.signal`."""

    def __init__(self, changed: threading.Condition) -> None:
        self._changed = changed
        self._set = False

    def set(self) -> None:
        """Let it be true for ever, and wake who waits."""
        with self._changed:
            self._set = True
            self._changed.notify_all()

    def is_set(self) -> bool:
        """Whether it was set."""
        return self._set


class Clock:
    """What all time of the double is measured by.

    Args:
        scale: Real seconds that a nominal one takes: 1 as on AWS, 0.01 a hundred times as fast. What containers do
            takes the time that it takes; only the double's own waits and limits are scaled.
    """

    def __init__(self, scale: float = 1.0) -> None:
        if scale <= 0:
            raise ValueError("a clock's scale is above 0")
        self.scale = scale
        self._began, self._epoch, self._added = time.monotonic(), time.time(), 0.0
        self._changed = threading.Condition()

    def monotonic(self) -> float:
        """Nominal seconds since it was made."""
        return (time.monotonic() - self._began) / self.scale + self._added

    def now(self) -> float:
        """Nominal seconds since the epoch."""
        return self._epoch + self.monotonic()

    def advance(self, seconds: float) -> None:
        """Let so many nominal seconds have passed; who waits for one of them goes on."""
        if seconds < 0:
            raise ValueError("time goes forward only")
        with self._changed:
            self._added += seconds
            self._changed.notify_all()

    def signal(self) -> Signal:
        """An event that ends a wait of this clock."""
        return Signal(self._changed)

    def wait(self, seconds: float, until: Signal | None = None) -> bool:
        """Return after so many nominal seconds, or as soon as the signal is set.

        Returns:
            Whether the signal is set.
        """
        end = self.monotonic() + seconds
        with self._changed:
            while not (until is not None and until.is_set()):
                left = end - self.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left * self.scale)
            return until is not None and until.is_set()
