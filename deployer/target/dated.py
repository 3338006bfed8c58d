"""The clock of a service, by what its answers are dated with: claims and ages are judged by it, not by ours."""

from __future__ import annotations

import contextlib
import time
from email.utils import parsedate_to_datetime

__all__ = ["ServiceClock"]

_FRESH = 60.0
"""Seconds for which a clock that was read is gone on with."""


class ServiceClock:
    """Goes on between two answers by this process's own. Good to a second, since a ``Date`` has whole ones."""

    def __init__(self) -> None:
        self._read: tuple[float, float] | None = None
        """The service's clock, and this process's when it was read."""

    @property
    def fresh(self) -> bool:
        """Whether it was read a short while ago."""
        return self._read is not None and time.monotonic() - self._read[1] <= _FRESH

    def now(self) -> float | None:
        """Seconds since the epoch; None where it was never read."""
        if self._read is None:
            return None
        read, at = self._read
        return read + time.monotonic() - at

    def note(self, date: str | None) -> None:
        """Take the time from an answer's ``Date``: what is within its second already is gone on with."""
        with contextlib.suppress(ValueError, TypeError):
            told, here = parsedate_to_datetime(date or "").timestamp(), time.monotonic()
            guess = self.now()
            # The answer was under way for a moment, too.
            same = guess is not None and told - 0.5 <= guess <= told + 2.0
            self._read = (guess if same and guess is not None else told + 0.5, here)

    def forget(self) -> None:
        """As one that was never read."""
        self._read = None
