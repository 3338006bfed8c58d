"""How many instances there are and were at most, and what was scored: for the admin route and Azure Monitor."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from typing import Any

__all__ = ["Figures", "Scored"]


@dataclass(frozen=True)
class Scored:
    """One scoring request.

    Attributes:
        at: Seconds since the epoch.
        endpoint: The endpoint's name.
        deployment: Who answered.
        status: The HTTP status of the answer.
        model_status: The container's own.
        seconds: How long it took.
        mirrored: Whether its answer was thrown away.
    """

    at: float
    endpoint: str
    deployment: str
    status: int
    model_status: int
    seconds: float
    mirrored: bool = False


class Figures:
    """The figures of one double."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now: Counter[str] = Counter()
        self._peaks: Counter[str] = Counter()
        self._peak = 0
        self._scored: list[Scored] = []

    def count(self, endpoint: str, more: int) -> None:
        """Note that so many more instances are there, or fewer."""
        with self._lock:
            self._now[endpoint] += more
            self._peaks[endpoint] = max(self._peaks[endpoint], self._now[endpoint])
            self._peak = max(self._peak, sum(self._now.values()))

    def restart(self) -> None:
        """Count peaks anew, from what is there now."""
        with self._lock:
            self._peaks = Counter({name: count for name, count in self._now.items() if count})
            self._peak = sum(self._now.values())

    def score(self, request: Scored) -> None:
        """Note a request."""
        with self._lock:
            self._scored.append(request)

    def scored(self, endpoint: str = "") -> list[Scored]:
        """The requests, of one endpoint or all, the oldest first."""
        with self._lock:
            return [each for each in self._scored if endpoint.lower() in ("", each.endpoint.lower())]

    def json(self) -> dict[str, Any]:
        """For the admin route."""
        with self._lock:
            answered = Counter(f"{each.endpoint}/{each.deployment}" for each in self._scored if not each.mirrored)
            mirrored = Counter(f"{each.endpoint}/{each.deployment}" for each in self._scored if each.mirrored)
            return {
                "now": {name: count for name, count in self._now.items() if count},
                "peak": self._peak,
                "peak_by_endpoint": dict(self._peaks),
                "scored": dict(answered),
                "mirrored": dict(mirrored),
            }
