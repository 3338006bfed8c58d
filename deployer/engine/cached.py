"""What lies in this machine's cache, and when each thing was last used. Nothing is changed here.

Every entry can be made again by whoever misses it. Of what a maker was writing when it was killed, a hidden file or
folder is left (`deployer.model.partial`, `BlobStore.adding`, `LayerCache.keep`); the folders of makers at work look the
same, and are told apart by their process, which the name says, and by the time of their last change.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from pathlib import Path

from deployer.model.used import last_used

__all__ = ["STALE", "Entry", "Kind", "entries", "is_at_work"]

STALE = 24 * 3600.0
"""Seconds after which what nobody writes to any more was left behind."""

_MAKERS = re.compile(r"\.(making|building|compiling|install|lock)\.partial-\d+-")
_PID = re.compile(r"\.(?:partial-(\d+)-|(\d+)-[0-9a-f]{8}$)")


class Kind(StrEnum):
    """What an entry is."""

    LAYERS = "layers"
    BLOBS = "blobs"
    WHEELS = "wheels"
    BUILT = "built"
    MODELS = "models"
    ENVIRONMENTS = "environments"
    NOTES = "notes"
    RESTS = "rests"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that is used, and removed, as a whole.

    Attributes:
        kind: What it is.
        paths: Its files, or its folder, in the order in which they are removed.
        signs: The files whose times tell when it was used; none for a rest, of which everything counts.
    """

    kind: Kind
    paths: tuple[Path, ...]
    signs: tuple[Path, ...] = ()

    @property
    def used(self) -> float | None:
        """Seconds since the epoch; None when it is gone. Nothing is opened to know it: that would count as use."""
        times = [time for time in map(last_used, self.signs) if time is not None]
        return max(times) if times else _changed(self.paths)

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(status.st_size for path in self.paths for status in _everything(path, folders=False))


def entries(cache: Path) -> Iterator[Entry]:
    """Everything in a cache that may be removed; what is not known is let alone, as is the cache of uv.

    Args:
        cache: Its folder; it need not be there.
    """
    yield from _layers(cache / "layers")
    yield from (_file(Kind.BLOBS, each) for each in _files(cache / "blobs"))
    yield from (_file(Kind.WHEELS, each) for each in _files(cache / "wheels"))
    for group in _folders(cache / "built"):
        yield from (Entry(Kind.BUILT, (each,), (each / "built.lock",)) for each in _folders(group))
    for each in _folders(cache / "models"):  # while it comes it has its maker's word behind its name
        coming = "-" in each.name
        yield Entry(Kind.RESTS, (each,)) if coming else Entry(Kind.MODELS, (each,), (each / "MLmodel",))
    for each in _folders(cache / "environments"):
        coming = each.name.endswith(".partial")
        yield Entry(Kind.RESTS, (each,)) if coming else Entry(Kind.ENVIRONMENTS, (each,), (each / "listing.json",))
    notes = (cache / "bases", cache / "engines", *_folders(cache / "pushed"), *_folders(cache / "blobs"))
    yield from (_file(Kind.NOTES, each) for each in chain.from_iterable(map(_files, notes)))
    whole = (cache / name for name in ("layers", "blobs", "wheels", "models", "environments"))
    inside = (*whole, *_folders(cache / "built"), *notes)
    for each in (path for folder in inside for path in _scan(folder) if path.name.startswith(".")):
        yield Entry(Kind.RESTS, (each,))
    yield from (Entry(Kind.RESTS, (each,)) for each in _scan(cache) if _MAKERS.match(each.name))


def is_at_work(rest: Entry, now: float) -> bool:
    """Whether somebody may still be writing to what looks like a rest.

    Args:
        rest: Of the kind `Kind.RESTS`.
        now: Seconds since the epoch.
    """
    used = rest.used
    return used is not None and (now - used < STALE or any(_lives(path.name) for path in rest.paths))


def _lives(name: str) -> bool:
    """Whether the process that a name says is there; one of another machine or container seems not to be."""
    found = _PID.search(name)
    if found is None or sys.platform == "win32":  # os.kill(pid, 0) would end the process there
        return False
    try:
        os.kill(int(found[1] or found[2]), 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def _layers(folder: Path) -> Iterator[Entry]:
    """A layer and its note: first the layer, since on Windows one that is read stays, and then keeps its note."""
    known: dict[str, list[Path]] = {}
    for path in _files(folder):
        known.setdefault(path.stem, []).append(path)
    for paths in known.values():
        ordered = tuple(sorted(paths, key=lambda path: (path.suffix != ".tar", path.name)))
        yield Entry(Kind.LAYERS, ordered, ordered)


def _file(kind: Kind, path: Path) -> Entry:
    return Entry(kind, (path,), (path,))


def _files(folder: Path) -> list[Path]:
    return [path for path in _scan(folder) if not path.name.startswith(".") and not path.is_dir()]


def _folders(folder: Path) -> list[Path]:
    return [path for path in _scan(folder) if not path.name.startswith(".") and path.is_dir() and not path.is_symlink()]


def _scan(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _changed(paths: tuple[Path, ...]) -> float | None:
    times = [status.st_mtime for path in paths for status in _everything(path, folders=True)]
    return max(times, default=None)


def _everything(path: Path, *, folders: bool) -> Iterator[os.stat_result]:
    """What is known of a file, or of all that is in a folder; what goes meanwhile is left out."""
    is_folder = path.is_dir() and not path.is_symlink()
    if folders or not is_folder:
        with suppress(OSError):
            yield path.lstat()
    for where, inner, names in os.walk(path) if is_folder else ():
        for name in (*names, *inner) if folders else names:
            with suppress(OSError):
                yield Path(where, name).lstat()
