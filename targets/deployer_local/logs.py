"""The lines of an endpoint's workers, merged by time, from files that may be rotated while they are read."""

from __future__ import annotations

import contextlib
import heapq
import json
import os
import time
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from deployer.target import LogLine
from deployer_local.store import Store
from deployer_local.supervisor.worker import slot_of

__all__ = ["follow_lines", "last_lines", "read_lines", "time_of"]

LONGEST = 65536
PAUSE = 0.2
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


def _texts(paths: list[Path]) -> Iterator[str]:
    for path in paths:
        with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
            while line := file.readline(LONGEST):
                yield line.decode("utf-8", "replace").rstrip("\r\n")


def _lines(key: tuple[str, int], paths: list[Path]) -> Iterator[tuple[float, int, LogLine]]:
    at: float | None = None
    for count, text in enumerate(_texts(paths)):
        own = time_of(text)
        at = max(own, at or own) if own is not None else at  # the server writes a line some milliseconds later
        yield at or 0.0, count, LogLine(text=text, revision=key[0], replica=str(key[1]), at=None if own is None else at)


def read_lines(store: Store, revision: str | None, tail: int | None, since: float | None) -> Iterator[LogLine]:
    """What was written so far. A line without a time of its own counts as written with the line before it."""
    merged = heapq.merge(*(_lines(key, paths) for key, paths in sorted(_files(store, revision).items())), key=_order)
    wanted = (line for at, _, line in merged if since is None or at >= since)
    return iter(deque(wanted, maxlen=tail)) if tail is not None else wanted


def _order(entry: tuple[float, int, LogLine]) -> float:
    return entry[0]


class _Tail:
    """Follows one file through rotation: it is copied, and then made empty."""

    def __init__(self, key: tuple[str, int], path: Path, *, from_end: bool) -> None:
        self._key = key
        self._path = path
        self._position = path.stat().st_size if from_end and path.exists() else 0
        self._rest = b""

    def more(self) -> Iterator[LogLine]:
        data = b""
        with contextlib.suppress(FileNotFoundError), self._path.open("rb") as file:
            if os.fstat(file.fileno()).st_size < self._position:
                data += self._of_copy()
                self._position = 0
            data += self._read(file)
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST:
            lines, self._rest = [*lines, self._rest], b""
        for line in lines:
            text = line.decode("utf-8", "replace").rstrip("\r")
            yield LogLine(text=text, revision=self._key[0], replica=str(self._key[1]), at=time_of(text))

    def _read(self, file: IO[bytes]) -> bytes:
        file.seek(self._position)
        data = file.read(16 * 1024 * 1024)
        self._position += len(data)
        return data

    def _of_copy(self) -> bytes:
        with contextlib.suppress(OSError), self._path.with_name(f"{self._path.name}.1").open("rb") as copy:
            copy.seek(self._position)
            return copy.read()
        return b""


def follow_lines(store: Store, revision: str | None, tail: int | None, since: float | None) -> Iterator[LogLine]:
    """What was written so far, and then what is written, until the caller closes it or the endpoint is gone."""
    tails = {
        paths[-1]: _Tail(key, paths[-1], from_end=True)
        for key, paths in _files(store, revision).items()
        if not paths[-1].name[-1].isdigit()
    }
    yield from read_lines(store, revision, tail, since)
    while store.path.is_dir():
        for key, paths in _files(store, revision).items():
            if paths[-1] not in tails:
                tails[paths[-1]] = _Tail(key, paths[-1], from_end=False)
        found = [line for each in list(tails.values()) for line in each.more()]
        yield from sorted(found, key=lambda line: line.at or 0.0)
        if not found:
            time.sleep(PAUSE)


def last_lines(path: Path) -> list[str]:
    """The last lines of a log, at most 256 KiB."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - LAST_BYTES))
        return file.read().decode("utf-8", "replace").splitlines()
    return []
