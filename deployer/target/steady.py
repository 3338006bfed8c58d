"""Fewer questions while a service is at work on something for minutes, and is looked at often meanwhile.

A look asks a little first, a glimpse. As long as that is as before, the rest is taken from the look before.
"""

from __future__ import annotations

import time
from typing import Generic, TypeVar

__all__ = ["STEADY", "Steady"]

STEADY = 30.0
"""Seconds after which all is asked for again, whatever the glimpse says."""

G = TypeVar("G")
F = TypeVar("F")


class Steady(Generic[G, F]):
    """What was seen last of each endpoint that a service was at work on.

    A glimpse is compared as a whole, so it has whatever tells that something has happened: what the service says of
    the endpoint, its Record, and how many changes we had sent.
    """

    def __init__(self) -> None:
        self._last: dict[str, tuple[G, F, float]] = {}

    def __contains__(self, endpoint: str) -> bool:
        return endpoint in self._last

    def again(self, endpoint: str, glimpse: G) -> F | None:
        """What was seen, if nothing has happened since; else None."""
        if endpoint not in self._last:
            return None
        before, facts, at = self._last[endpoint]
        return facts if glimpse == before and time.monotonic() - at < STEADY else None

    def keep(self, endpoint: str, glimpse: G, facts: F, *, underway: bool) -> F:
        """What is seen now; it is good for another look only while the service is at work on it."""
        if underway:
            self._last[endpoint] = glimpse, facts, time.monotonic()
        else:
            self._last.pop(endpoint, None)
        return facts
