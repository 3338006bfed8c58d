"""The lines of an endpoint's replicas, merged by the engine's time stamps."""

from __future__ import annotations

import contextlib
import heapq
import queue
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from deployer.target import LogLine
from deployer_docker.client import told, unless_gone
from deployer_docker.facts import ContainerFact
from deployer_docker.survey import holdings, when

__all__ = ["follow_lines", "read_lines", "split_line"]

LOOK = 0.5
"""Seconds between two looks for containers that have come."""
HELD = 0.1
"""Seconds that lines of several replicas are gathered, so that they come in their order."""


def split_line(text: str, container: ContainerFact) -> LogLine:
    """A line with the time stamp before it that the engine puts there."""
    stamp, _, rest = text.partition(" ")
    at = when(stamp)
    return LogLine(
        text=(rest if at is not None else text).rstrip("\r"), revision=container.revision,
        replica=str(container.number), at=at,
    )  # fmt: skip


def _replicas(api: Any, endpoint: str, revision: str | None) -> list[ContainerFact]:
    found = holdings(api, endpoint).replicas
    wanted = [each for each in found if revision is None or each.revision == revision]
    return sorted(wanted, key=lambda each: (each.created, each.number))


def read_lines(
    api: Any, endpoint: str, revision: str | None, tail: int | None, since: float | None
) -> Iterator[LogLine]:
    """What was written so far.

    Args:
        api: docker-py's low-level client.
        endpoint: Which.
        revision: Only its lines.
        tail: Only so many, the last ones.
        since: Only from then on, seconds since the epoch.
    """
    streams = [list(_lines(api, each, tail, since)) for each in _replicas(api, endpoint, revision)]
    merged = heapq.merge(*streams, key=lambda line: line.at or 0.0)
    return iter(deque(merged, maxlen=tail)) if tail is not None else merged


def _lines(api: Any, container: ContainerFact, tail: int | None, since: float | None) -> Iterator[LogLine]:
    with told("read the log", container.name), unless_gone():
        data: bytes = api.logs(
            container.id, stdout=True, stderr=True, timestamps=True, tail="all" if tail is None else tail,
            since=since,
        )  # fmt: skip
        for text in data.decode("utf-8", "replace").splitlines():
            line = split_line(text, container)
            if since is None or line.at is None or line.at >= since:
                yield line


class _Follower:
    """Reads one container's log on a thread of its own, until it ends or is told to."""

    def __init__(
        self, api: Any, container: ContainerFact, tail: int | None, since: float | None, lines: queue.Queue[LogLine]
    ) -> None:
        self._container = container
        self._lines = lines
        self._stream: Any = None
        with told("follow the log", container.name), unless_gone():
            self._stream = api.logs(
                container.id, stdout=True, stderr=True, timestamps=True, stream=True, follow=True,
                tail="all" if tail is None else tail, since=since,
            )  # fmt: skip
            threading.Thread(target=self._read, name=f"log of {container.name}", daemon=True).start()

    def _read(self) -> None:
        rest = b""
        with contextlib.suppress(Exception):  # the stream was closed, or the container is gone
            for piece in self._stream:
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    self._lines.put(split_line(line.decode("utf-8", "replace"), self._container))
        if rest:
            self._lines.put(split_line(rest.decode("utf-8", "replace"), self._container))

    def close(self) -> None:
        """Stop reading."""
        if self._stream is not None:
            with contextlib.suppress(Exception):
                self._stream.close()


def follow_lines(
    api: Any, endpoint: str, revision: str | None, tail: int | None, since: float | None
) -> Iterator[LogLine]:
    """What was written so far, and then what is written, until the caller closes it or the endpoint is gone."""
    lines: queue.Queue[LogLine] = queue.Queue()
    followers: dict[str, _Follower] = {}
    looked, first = 0.0, True
    try:
        while True:
            if time.monotonic() - looked >= LOOK:
                there = _replicas(api, endpoint, revision)
                for each in there:
                    if each.id not in followers and each.running:
                        followers[each.id] = _Follower(api, each, tail if first else None, since, lines)
                looked, first = time.monotonic(), first and not there
                if not there and lines.empty() and not holdings(api, endpoint).any:
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
