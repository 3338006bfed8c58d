"""Clears this machine's cache of what was not used for long, and of what killed commands left in it."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deployer.engine.cached import STALE, Entry, Kind, entries, is_at_work
from deployer.engine.surveying import Removal

__all__ = ["HERE", "clear_cache"]

HERE = "this machine"
"""What takes a target's place in a `Removal`."""

_RECENT = 3600.0
"""Seconds: a command that runs may still need what was taken since. While one is seen at work, it is `STALE`."""

_WORDS = {
    Kind.LAYERS: ("layer of images", "layers of images"),
    Kind.BLOBS: ("blob of images", "blobs of images"),
    Kind.WHEELS: ("downloaded package", "downloaded packages"),
    Kind.BUILT: ("package built from source", "packages built from source"),
    Kind.MODELS: ("downloaded model", "downloaded models"),
    Kind.ENVIRONMENTS: ("environment for builds", "environments for builds"),
    Kind.NOTES: ("note of what was read and sent", "notes of what was read and sent"),
    Kind.RESTS: ("rest of a command that was killed", "rests of commands that were killed"),
}
_UNITS = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))


@dataclass
class _Sum:
    count: int = 0
    size: int = 0


def clear_cache(cache: Path, *, remove: bool, older_than: float, now: float) -> tuple[Removal, ...]:
    """Find what was not used for long and, with ``remove``, look again and remove it; whoever misses it makes it again.

    Args:
        cache: Its folder; it need not be there.
        remove: False: only tell.
        older_than: Seconds since the last use; what was used in the last hour always stays, and in the last day while
            another command is seen at work.
        now: Seconds since the epoch.

    Returns:
        One for each kind; another where something was in use again, or could not be removed.
    """
    found = list(entries(cache))
    at_work = {each for each in found if each.kind is Kind.RESTS and is_at_work(each, now)}
    idle = max(older_than, STALE if at_work else _RECENT)
    sums: dict[tuple[Kind, bool], _Sum] = {}
    for each in found:
        if each in at_work or not _is_idle(each, idle, now):
            continue
        size = each.size
        gone = remove and _removed(each, cache, idle, now)
        if remove and not gone and each.used is None:
            continue  # somebody else removed it
        total = sums.setdefault((each.kind, gone), _Sum())
        total.count += 1
        total.size += size
    return tuple(
        Removal(
            target=HERE,
            identity=f"{cache}|{kind}",
            what=_told(kind, total.count, idle),
            size=total.size,
            removed=gone,
            count=total.count,
        )
        for (kind, gone), total in sorted(sums.items(), key=lambda item: (list(Kind).index(item[0][0]), not item[0][1]))
    )


def _is_idle(entry: Entry, idle: float, now: float) -> bool:
    used = entry.used
    return used is not None and now - used >= (STALE if entry.kind is Kind.RESTS else idle)


def _told(kind: Kind, count: int, idle: float) -> str:
    words = f"{count:,} {_WORDS[kind][count != 1]}"
    return words if kind is Kind.RESTS else f"{words}, not used for {_period(idle)}"


def _period(seconds: float) -> str:
    """In the largest unit that says it exactly: ``30 days``, ``36 hours``."""
    whole = round(seconds)
    unit, length = next((unit, length) for unit, length in _UNITS if whole % length == 0)
    count = whole // length
    return f"{count:,} {unit}" if count == 1 else f"{count:,} {unit}s"


def _removed(entry: Entry, cache: Path, idle: float, now: float) -> bool:
    """Look again and remove it; False when it is in use again, or cannot be removed."""
    try:
        with _held(entry, cache):
            if not _is_idle(entry, idle, now) or (entry.kind is Kind.RESTS and is_at_work(entry, now)):
                return False
            for path in entry.paths:
                _remove(path)
    except OSError:
        return False
    if entry.kind is Kind.BUILT:
        with contextlib.suppress(OSError):  # another wheel of the same source is in it
            entry.paths[0].parent.rmdir()
    return True


@contextlib.contextmanager
def _held(entry: Entry, cache: Path) -> Iterator[None]:
    """An environment is copied while its lock is held."""
    place = entry.paths[0]
    if place.parent != cache / "environments" or place.name.startswith("."):
        yield
        return
    from deployer.environment.cache import CachedEnvironments

    with CachedEnvironments(cache / "environments").locked(place.name.removesuffix(".partial")):
        yield


def _remove(path: Path) -> None:
    """A folder is put aside first, so that nobody finds a part of it; if that is left, it is the next one's rest."""
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    aside = path if path.name.startswith(".") else path.with_name(
        f".{path.name}.partial-{os.getpid()}-{secrets.token_hex(4)}"
    )  # fmt: skip
    path.replace(aside)
    shutil.rmtree(aside)
