"""Waits for what is told by nobody and has to be asked for: as long as a slow machine needs, and no longer."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

__all__ = ["eventually"]

_Found = TypeVar("_Found")


def eventually(found: Callable[[], _Found], seconds: float = 60.0, *, pause: float = 0.02) -> _Found:
    """The first answer that is not empty, by real time, whatever a double's own clock says."""
    until = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < until, f"it has not come within {seconds:g} s; last: {value!r}"
        time.sleep(pause)
    return value
