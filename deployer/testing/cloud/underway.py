"""Requests that are on their way to an instance: it is not ended under them, as the services promise."""

from __future__ import annotations

import threading
import time

__all__ = ["Underway"]


class Underway:
    """Those of one instance, from when it was chosen to when it begins to answer."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._count, self._closed = 0, False

    @property
    def sent(self) -> int:
        """How many are on their way."""
        return self._count

    @property
    def closed(self) -> bool:
        """Whether it takes none any more."""
        return self._closed

    def begin(self) -> bool:
        """One is sent; False where the instance takes none any more."""
        with self._changed:
            if not self._closed:
                self._count += 1
            return not self._closed

    def end(self) -> None:
        """It is answered, or has failed."""
        with self._changed:
            self._count -= 1
            self._changed.notify_all()

    def close(self, seconds: float) -> None:
        """Let none begin any more, and return when the others have ended, or after so many real seconds."""
        until = time.monotonic() + seconds
        with self._changed:
            self._closed = True
            while self._count and (left := until - time.monotonic()) > 0:
                self._changed.wait(left)
