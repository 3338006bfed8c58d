"""Figures of a revision from its gateway's counters. Pure, but for what it remembers of earlier looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from deployer.gateway import Figures as Counters
from deployer.target import Figures

__all__ = ["Meter", "figures_of"]

KEPT = 1000
_HALF = 0.0005
"""Seconds: what an answer took that HAProxy tells as 0 ms."""


@dataclass(frozen=True)
class _Look:
    at: float
    counters: Counters


class Meter:
    """Remembers the counters of earlier looks, so that a window can begin at one of them."""

    def __init__(self) -> None:
        self._looks: dict[tuple[str, str], list[_Look]] = {}

    def figures(
        self, gateway: str, revision: str, counters: Mapping[str, Counters], *, now: float, since: float, window: float
    ) -> Figures | None:
        """Figures of the last seconds, as far as was looked; since the gateway began, when never was.

        Args:
            gateway: Its container's id.
            revision: Whose.
            counters: Of all its revisions, as it tells them.
            now: Seconds since the epoch.
            since: When it began to count for that revision, at the earliest.
            window: Seconds that are asked for.
        """
        found = counters.get(revision)
        if found is None:
            return None
        looks = self._looks.setdefault((gateway, revision), [])
        if looks and looks[-1].counters.requests > found.requests:
            looks.clear()  # the gateway was started anew
        begin = next((each for each in looks if each.at >= now - window), None)
        looks.append(_Look(now, found))
        del looks[:-KEPT]
        if begin is None:
            return figures_of(found, None, now, max(min(now - since, window), 0.001))
        return figures_of(found, begin.counters, now, max(now - begin.at, 0.001))


def figures_of(counters: Counters, before: Counters | None, now: float, window: float) -> Figures:
    """Figures between two looks."""
    requests = counters.requests - (before.requests if before else 0)
    errors = counters.failed + counters.unanswered - (before.failed + before.unanswered if before else 0)
    latency = {"mean": max(counters.total_ms / 1000, _HALF)} if requests else {}
    return Figures(requests=requests, errors=errors, latency=latency, window=window, until=now)
