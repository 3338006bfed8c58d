"""Clocks for tests: one that only moves when it is told to, and one that never waits long."""

from __future__ import annotations

import heapq
import itertools
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FakeClock", "Hasty"]


class FakeClock:
    """The engine's Clock (`deployer.engine.clock`) for tests: sleeping moves it, and so does `advance`.

    Args:
        start: What `now` tells at first, seconds since the epoch.

    Attributes:
        slept: The seconds of each sleep, in order.
    """

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._start = start
        self._passed = 0.0
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._order = itertools.count()
        self.slept: list[float] = []

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._start + self._passed

    def monotonic(self) -> float:
        """Seconds since this clock was made."""
        return self._passed

    def sleep(self, seconds: float) -> None:
        """Let time pass, and remember it.

        Raises:
            ValueError: The seconds are negative, as `time.sleep` refuses them.
        """
        if seconds < 0:
            raise ValueError("sleep length must be non-negative")
        self.slept.append(seconds)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Let time pass; what is due on the way is done at its moment, in order."""
        end = self._passed + seconds
        while self._due and self._due[0][0] <= end:
            moment, _, action = heapq.heappop(self._due)
            self._passed = max(self._passed, moment)
            action()
        self._passed = max(self._passed, end)

    def after(self, seconds: float, action: Callable[[], object]) -> None:
        """Do something when so many seconds have passed, as another process or a timer would.

        Args:
            seconds: From now.
            action: Called with the clock at that moment; what it raises comes out of the sleep or advance.
        """
        heapq.heappush(self._due, (self._passed + seconds, next(self._order), action))


class Hasty:
    """The system's own clock (`deployer.engine.clock.SystemClock`), of which no sleep is long.

    For a place that does in no time what the real one takes minutes for, so that it is looked at more often.

    Args:
        most: Seconds that one sleep takes at most.
    """

    def __init__(self, most: float) -> None:
        self._most = most

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds, for durations."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Let time pass, but not much."""
        time.sleep(min(seconds, self._most))
