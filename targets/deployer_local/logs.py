"""The lines of an endpoint's workers, merged by time, from files that may be rotated while they are read."""

from __future__ import annotations

import contextlib
import heapq
import json
import os
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from typing import IO

from deployer.target import LogLine
from deployer_local.store import Store
from deployer_local.supervisor.policy import Key
from deployer_local.supervisor.worker import slot_of

__all__ = ["follow_lines", "last_lines", "read_lines", "time_of"]

LONGEST = 65536
PAUSE = 0.2
MOST = 16 * 1024 * 1024
LAST_BYTES = 256 * 1024


def time_of(text: str) -> float | None:
    """When a line was written, by itself: a JSON object's ``time``; None when it does not say."""
    if not text.startswith('{"time": "'):
        return None
    try:
        found = json.loads(text).get("time")
        return datetime.strptime(found, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC).timestamp()
    except (ValueError, TypeError, RecursionError):
        return None


def _files(store: Store, revision: str | None) -> dict[tuple[str, int], list[Path]]:
    """The files of each worker's log, the oldest first."""
    found: dict[tuple[str, int], list[tuple[int, Path]]] = {}
    for path in (store.path / "logs").glob("*.log*"):
        key = slot_of(path)
        if key is None or (revision is not None and key[0] != revision):
            continue
        age = path.name.rpartition(".")[2]
        found.setdefault(key, []).append((int(age) if age.isdigit() else 0, path))
    return {key: [path for _, path in sorted(paths, reverse=True)] for key, paths in found.items()}


def _texts(paths: list[Path], limits: Mapping[Path, int]) -> Iterator[str]:
    for path in paths:
        left = limits.get(path, sys.maxsize)
        with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
            while left > 0 and (line := file.readline(min(LONGEST, left))):
                left -= len(line)
                yield line.decode("utf-8", "replace").rstrip("\r\n")


def _lines(key: Key, paths: list[Path], limits: Mapping[Path, int]) -> Iterator[tuple[float, LogLine]]:
    at: float | None = None
    for text in _texts(paths, limits):
        own = time_of(text)
        at = max(own, at or own) if own is not None else at  # the server writes a line some milliseconds later
        yield at or 0.0, LogLine(text=text, revision=key[0], replica=str(key[1]), at=None if own is None else at)


def read_lines(
    store: Store, revision: str | None, tail: int | None, since: float | None, limits: Mapping[Path, int] | None = None
) -> Iterator[LogLine]:
    """What was written so far. A line without a time of its own counts as written with the line before it.

    Args:
        store: The endpoint's.
        revision: Only its lines.
        tail: Only so many, the last ones.
        since: Only from then on.
        limits: How many bytes of a file are read, where that is told.
    """
    files = sorted(_files(store, revision).items())
    merged = heapq.merge(*(_lines(key, paths, limits or {}) for key, paths in files), key=itemgetter(0))
    wanted = (line for at, line in merged if since is None or at >= since)
    return iter(deque(wanted, maxlen=tail)) if tail is not None else wanted


class _Tail:
    """Follows one file through rotation: it is copied to ``NAME.1``, and then made empty."""

    def __init__(self, key: Key, path: Path, position: int) -> None:
        self._key = key
        self._path = path
        self._copy = path.with_name(f"{path.name}.1")
        self._known = self._identity()
        self._position = position
        self._rest = b""

    def more(self) -> Iterator[LogLine]:
        """What was written since the last look."""
        data = b""
        with contextlib.suppress(FileNotFoundError), self._path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if self._was_rotated(size):
                data += self._of_copy()
                self._position = 0
            data += self._read(file)
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST:
            lines, self._rest = [*lines, self._rest], b""
        for line in lines:
            text = line.decode("utf-8", "replace").rstrip("\r")
            yield LogLine(text=text, revision=self._key[0], replica=str(self._key[1]), at=time_of(text))

    def _identity(self) -> tuple[int, int] | None:
        with contextlib.suppress(OSError):
            stat = self._copy.stat()
            return stat.st_ino, stat.st_mtime_ns
        return None

    def _was_rotated(self, size: int) -> bool:
        found = self._identity()
        if found is None or found == self._known or size >= self._copy.stat().st_size:
            return size < self._position  # a copy that is not followed by the cut yet is none
        self._known = found
        return True

    def _read(self, file: IO[bytes]) -> bytes:
        file.seek(self._position)
        data = file.read(MOST)
        self._position += len(data)
        return data

    def _of_copy(self) -> bytes:
        with contextlib.suppress(OSError), self._copy.open("rb") as copy:
            copy.seek(self._position)
            return copy.read()
        return b""


def follow_lines(store: Store, revision: str | None, tail: int | None, since: float | None) -> Iterator[LogLine]:
    """What was written so far, and then what is written, until the caller closes it or the endpoint is gone."""
    files = _files(store, revision)
    limits = {paths[-1]: _length(paths[-1]) for paths in files.values() if paths[-1].suffix == ".log"}
    tails = {paths[-1]: _Tail(key, paths[-1], limits.get(paths[-1], 0)) for key, paths in files.items()}
    yield from read_lines(store, revision, tail, since, limits)
    while store.path.is_dir():
        for key, paths in _files(store, revision).items():
            if paths[-1] not in tails:
                tails[paths[-1]] = _Tail(key, paths[-1], 0)
        found = [line for each in list(tails.values()) for line in each.more()]
        yield from sorted(found, key=lambda line: line.at or 0.0)
        if not found:
            time.sleep(PAUSE)


def _length(path: Path) -> int:
    with contextlib.suppress(OSError):
        return path.stat().st_size
    return 0


def last_lines(path: Path) -> list[str]:
    """The last lines of a log, at most 256 KiB."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - LAST_BYTES))
        return file.read().decode("utf-8", "replace").splitlines()
    return []
