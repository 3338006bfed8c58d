"""Lines of several replicas as one: merged by their times, and followed while replicas come and go."""

from __future__ import annotations

import contextlib
import heapq
import queue
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence

from deployer.target.capabilities import LogLine

__all__ = ["Source", "follow", "merged"]

LOOK = 0.5
"""Seconds between two looks for replicas that have come."""
HELD = 0.1
"""Seconds that lines of several replicas are gathered, so that they come in their order."""


class Source(ABC):
    """One replica's output."""

    identity: str
    """Names it among the others, for ever."""

    @abstractmethod
    def open(self, tail: int | None) -> Iterator[bytes]:
        """Pieces of its output, as they come, until it ends or is closed.

        Args:
            tail: Only so many lines of what there is already; None for all.
        """

    @abstractmethod
    def line(self, text: str) -> LogLine:
        """One line of it, read."""

    @abstractmethod
    def close(self) -> None:
        """Have `open` end."""


def merged(streams: Iterable[Iterable[LogLine]], tail: int | None) -> Iterator[LogLine]:
    """Lines of streams that each are in order; with ``tail`` only the last ones."""
    found = heapq.merge(*streams, key=lambda line: line.at or 0.0)
    return iter(deque(found, maxlen=tail)) if tail is not None else found


class _Follower:
    """Reads one source on a thread of its own."""

    def __init__(self, source: Source, tail: int | None, lines: queue.Queue[LogLine]) -> None:
        self._source = source
        self._lines = lines
        self._pieces = source.open(tail)
        threading.Thread(target=self._read, name=f"log of {source.identity}", daemon=True).start()

    def _read(self) -> None:
        rest = b""
        with contextlib.suppress(Exception):  # the stream was closed, or the replica is gone
            for piece in self._pieces:
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    self._put(line)
        if rest:
            self._put(rest)

    def _put(self, line: bytes) -> None:
        self._lines.put(self._source.line(line.decode("utf-8", "replace")))

    def close(self) -> None:
        """Stop reading."""
        with contextlib.suppress(Exception):
            self._source.close()


def follow(
    sources: Callable[[], Sequence[Source]], is_there: Callable[[], bool], tail: int | None
) -> Iterator[LogLine]:
    """What was written so far, and then what is written, until the caller closes it or the endpoint is gone.

    Args:
        sources: The replicas that run; those that are known already may be among them.
        is_there: Whether anything of the endpoint is left; asked when no replica is.
        tail: Only so many lines of what each of the first has written.
    """
    lines: queue.Queue[LogLine] = queue.Queue()
    followers: dict[str, _Follower] = {}
    looked, first = 0.0, True
    try:
        while True:
            if time.monotonic() - looked >= LOOK:
                there = sources()
                for each in there:
                    if each.identity not in followers:
                        followers[each.identity] = _Follower(each, tail if first else None, lines)
                looked, first = time.monotonic(), first and not there
                if not there and lines.empty() and not is_there():
                    return
            yield from _gathered(lines)
    finally:
        for follower in followers.values():
            follower.close()


def _gathered(lines: queue.Queue[LogLine]) -> Iterable[LogLine]:
    """The lines that have come within a moment, in their order."""
    found: list[LogLine] = []
    with contextlib.suppress(queue.Empty):
        found.append(lines.get(timeout=LOOK))
        until = time.monotonic() + HELD
        while (left := until - time.monotonic()) > 0:
            found.append(lines.get(timeout=left))
    return sorted(found, key=lambda line: line.at or 0.0) if found else ()
