"""What the supervisor decides, apart from doing it: restarts, and whose turn it is to accept. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["CRASH_LOOP", "HEALTHY_AGAIN", "Key", "Moves", "Restart", "Standing", "after_exit", "backoff", "moves"]

FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0
HEALTHY_AGAIN = 60.0
"""Seconds that a worker is ready before its earlier crashes are forgotten."""
CRASH_LOOP = 5
"""Crashes, none of them forgotten, from which on it is called a crash loop."""

Key = tuple[str, int]
"""A worker's place: its revision, and its number from 0."""


def backoff(crashes: int) -> float:
    """Seconds to wait after so many crashes in a row: 0.5, 1, 2, ... 30."""
    return float(min(LONGEST_WAIT, FIRST_WAIT * 2 ** max(0, min(crashes, 16) - 1)))


@dataclass(frozen=True)
class Restart:
    """What follows a worker's end: its crashes in a row by now, and the seconds to wait, None for "never"."""

    crashes: int
    wait: float | None


def after_exit(*, was_ready: bool, crashes: int, healthy: float) -> Restart:
    """What follows the end of a worker that nobody asked to end.

    Args:
        was_ready: Whether any worker of its revision was ever ready. One that never was is not tried again, since the
            same model fails in the same way; staging it again starts it anew.
        crashes: Those in a row before this one.
        healthy: Seconds that this worker was ready.
    """
    if not was_ready:
        return Restart(crashes + 1, None)
    now = 1 if healthy >= HEALTHY_AGAIN else crashes + 1
    return Restart(now, backoff(now))


@dataclass(frozen=True)
class Standing:
    """One worker as it stands. ``wanted``: it belongs to the count that is asked for."""

    key: Key
    ready: bool
    accepting: bool
    wanted: bool


@dataclass(frozen=True)
class Moves:
    """Who is to accept, and who is to cease."""

    accept: tuple[Key, ...]
    cease: tuple[Key, ...]


def moves(routed: str | None, workers: Iterable[Standing]) -> Moves:
    """The next moves of traffic.

    All ready workers of the routed revision accept first. The others cease only when somebody of the routed revision
    accepts, so that there is no moment at which nobody does; without a routed revision all cease.
    """
    standing = list(workers)
    ours = [each for each in standing if each.key[0] == routed and each.wanted]
    accept = tuple(each.key for each in ours if each.ready and not each.accepting)
    if routed is not None and not any(each.accepting for each in ours):
        return Moves(accept, ())
    return Moves(accept, tuple(each.key for each in standing if each.accepting and each not in ours))
