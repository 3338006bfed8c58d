"""Fewer questions while a service is at work on something for minutes, and is looked at often meanwhile.

A look asks a little first, a glimpse. As long as that is as before, the rest is taken from the look before.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["LAG", "STEADY", "Changes", "Look", "Steady"]

STEADY = 30.0
"""Seconds after which all is asked for again, whatever the glimpse says."""
LAG = 10.0
"""Seconds after a change of ours in which a service's listings may not show it yet: such a look is good for itself."""

G = TypeVar("G")
F = TypeVar("F")


class Changes:
    """The changes that this process sends to a service, whichever connection sends them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self._at = -LAG

    def note(self) -> None:
        """One is about to be sent, or has been answered: both are told."""
        with self._lock:
            self._count += 1
            self._at = time.monotonic()

    def look(self) -> Look:
        """What is known of them when a look begins."""
        with self._lock:
            return Look(self._count, self._at, time.monotonic())


@dataclass(frozen=True)
class Look:
    """When a look began, how many changes were told of before, and when the last one was."""

    changes: int
    changed: float
    began: float


class Steady(Generic[G, F]):
    """What was seen last of each endpoint that a service was at work on; for any number of threads.

    A glimpse is compared as a whole, so it has whatever tells that something has happened: what the service says of
    the endpoint, and its Record.
    """

    def __init__(self) -> None:
        self._last: dict[str, tuple[Look, G, F]] = {}

    def __contains__(self, endpoint: str) -> bool:
        return endpoint in self._last

    def again(self, endpoint: str, look: Look, glimpse: G) -> F | None:
        """What was seen before, if nothing has happened since; else None."""
        last = self._last.get(endpoint)
        if last is None:
            return None
        before, seen, facts = last
        same = look.changes == before.changes and glimpse == seen
        return facts if same and look.began - before.began < STEADY else None

    def keep(self, endpoint: str, look: Look, glimpse: G, facts: F, *, underway: bool) -> F:
        """What is seen now: good for another look only while the service is at work, and shows what we have changed."""
        if underway and look.began - look.changed >= LAG:
            self._last[endpoint] = look, glimpse, facts
        else:
            self._last.pop(endpoint, None)
        return facts
