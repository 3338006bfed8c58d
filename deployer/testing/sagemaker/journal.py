"""Every call that was made, and how many instances ran at once."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Ledger", "Recorded"]


@dataclass(frozen=True)
class Recorded:
    """One call.

    Attributes:
        at: Seconds since the epoch, by the double's clock.
        service: botocore's name of the service.
        operation: ``CreateModel``.
        parameters: The names of its top-level parameters, sorted.
        region: Where.
        name: Of the resource; empty where there is none.
        principal: Who asked, an ARN.
        status: The HTTP status of the answer; 0 where the connection was closed.
        error: The code, where it was an error.
        statements: Which statements of the policy allowed it, by Sid or number.
    """

    at: float
    service: str
    operation: str
    parameters: list[str]
    region: str
    name: str
    principal: str
    status: int
    error: str = ""
    statements: list[str] = field(default_factory=list)


class Ledger:
    """How many instances there are of each type, for each endpoint, and how many there were at most."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now: Counter[tuple[str, str]] = Counter()
        self._peaks: Counter[tuple[str, str]] = Counter()
        self._peak = 0

    def add(self, endpoint: str, instance_type: str, count: int) -> None:
        """Note that so many more are there, or fewer."""
        with self._lock:
            self._now[endpoint, instance_type] += count
            for about in ((endpoint, instance_type), (endpoint, ""), ("", instance_type)):
                self._peaks[about] = max(self._peaks[about], self._count(*about))
            self._peak = max(self._peak, sum(self._now.values()))

    def count(self, instance_type: str) -> int:
        """How many of a type there are now."""
        with self._lock:
            return self._count("", instance_type)

    def peak(self, endpoint: str = "", instance_type: str = "") -> int:
        """How many there were at most; of one endpoint, of one type, or of all."""
        with self._lock:
            return self._peaks[endpoint, instance_type] if endpoint or instance_type else self._peak

    def restart(self) -> None:
        """Count peaks anew, from what is there now."""
        with self._lock:
            self._peaks.clear()
            self._peak = sum(self._now.values())
            for endpoint, instance_type in list(self._now):
                for about in ((endpoint, instance_type), (endpoint, ""), ("", instance_type)):
                    self._peaks[about] = self._count(*about)

    def json(self) -> dict[str, Any]:
        """For the admin route: now and at the peak, by type and by endpoint."""
        with self._lock:
            return {
                "now": {f"{where} {kind}": count for (where, kind), count in self._now.items() if count},
                "peak": self._peak,
                "peak_by_type": {kind: count for (where, kind), count in self._peaks.items() if not where},
                "peak_by_endpoint": {where: count for (where, kind), count in self._peaks.items() if not kind},
            }

    def _count(self, endpoint: str, instance_type: str) -> int:
        return sum(
            count
            for (where, kind), count in self._now.items()
            if endpoint in ("", where) and instance_type in ("", kind)
        )
