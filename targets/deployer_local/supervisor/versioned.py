"""A file that is replaced only by who has seen its newest version: compare and swap without any lock.

Version N lies in ``STEM.N.json``; the highest number is what holds. A new version is written beside, synced, and then
*linked* to the next number, which the kernel refuses when somebody has been faster. A lock would do the same until its
holder is stopped (a laptop's lid, SIGSTOP): then nobody else could go on, and this way everybody can.

What is written goes into the folder that was opened, whatever its name means by now: one that was made later under the
same name takes nothing from before.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from .files import BESIDE

__all__ = ["Moved", "Version", "is_version", "read_version", "write_version"]

_NAME = re.compile(r"([a-z]+)\.(\d+)\.json")
_TRIES = 200
KEPT = 3
"""Versions that are kept beside the newest: a number is free again only when so many newer ones are there.

`write_version` sees that."""


class Moved(OSError):
    """Somebody else wrote meanwhile, or the folder is gone."""


@dataclass(frozen=True)
class Version:
    """One version of a file: its number, its bytes, and when it was written (nanoseconds)."""

    number: int
    data: bytes
    stamp: int

    @property
    def token(self) -> str:
        """Names this version, and no other of that file, nor of one of that name in a later folder."""
        return f"{self.number}-{self.stamp}"


def is_version(name: str, *stems: str) -> bool:
    """Whether a file's name is that of a version of one of these files."""
    match = _NAME.fullmatch(name)
    return match is not None and match[1] in stems


def _numbers(place: int, stem: str) -> list[int]:
    found = (_NAME.fullmatch(name) for name in os.listdir(place))
    return sorted(int(match[2]) for match in found if match is not None and match[1] == stem)


def read_version(folder: Path, stem: str) -> Version | None:
    """The version that holds; None when there is none. Raises OSError: it cannot be read."""
    try:
        place = os.open(folder, os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        return _read(place, stem)
    finally:
        os.close(place)


def _read(place: int, stem: str) -> Version | None:
    for _ in range(_TRIES):
        numbers = _numbers(place, stem)
        if not numbers:
            return None
        with contextlib.suppress(FileNotFoundError):  # newer ones have come between
            file = os.open(_named(stem, numbers[-1]), os.O_RDONLY, dir_fd=place)
            with os.fdopen(file, "rb") as opened:
                return Version(numbers[-1], opened.read(), os.fstat(file).st_mtime_ns)
    raise OSError(f"{stem} changes faster than it can be read")


def write_version(folder: Path, stem: str, data: bytes, before: Version | None) -> Version:
    """Make the bytes the next version after ``before`` (None: the first), mode 0600.

    Raises:
        Moved: ``before`` is not the version that holds any more, or the folder is gone.
        OSError: The disk is full, or the file system has no hard links.
    """
    try:
        place = os.open(folder, os.O_RDONLY)
    except FileNotFoundError as error:
        raise Moved(f"{folder} is gone") from error
    number = before.number + 1 if before is not None else 1
    try:
        holds = _read(place, stem)
        if (holds and holds.token) != (before and before.token):
            raise Moved(f"{stem} was written meanwhile")
        _drop_old(place, stem)
        stamp = _appear(place, stem, _named(stem, number), data)
        numbers = _numbers(place, stem)
        if numbers[-1] - number >= KEPT:  # the number was free only because it was dropped long since
            _drop(place, _named(stem, number))
            raise Moved(f"{stem} was written meanwhile")
        os.fsync(place)
        return Version(number, data, stamp)
    finally:
        os.close(place)


def _drop_old(place: int, stem: str) -> None:
    """Before the next one comes, so that its coming is the last that a writer does."""
    numbers = _numbers(place, stem)
    for old in numbers:
        if numbers[-1] - old >= KEPT:
            _drop(place, _named(stem, old))


def _named(stem: str, number: int) -> str:
    return f"{stem}.{number}.json"


def _appear(place: int, stem: str, name: str, data: bytes) -> int:
    """Make the whole file under a name that is free, or not at all; answers when it was written.

    On Linux it has no name until it is linked (``O_TMPFILE``): a writer that is killed leaves nothing. Where that
    is not to be had, it is written beside; the next writer removes what a killed one left there.
    """
    nameless: int | None = getattr(os, "O_TMPFILE", None)
    if nameless is None:
        return _appear_from_beside(place, stem, name, data)
    try:
        file = os.open(".", os.O_WRONLY | nameless, 0o600, dir_fd=place)
    except FileNotFoundError as error:
        raise Moved("the folder is gone") from error
    except OSError:
        return _appear_from_beside(place, stem, name, data)
    with os.fdopen(file, "wb") as opened:
        stamp = _fill(opened, data)
        _link(place, f"/proc/self/fd/{file}", name)
    return stamp


def _appear_from_beside(place: int, stem: str, name: str, data: bytes) -> int:
    _sweep(place)
    beside = f"{BESIDE}{os.getpid()}-{time.monotonic_ns()}-{stem}"
    try:
        file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=place)
    except FileNotFoundError as error:
        raise Moved("the folder is gone") from error
    try:
        with os.fdopen(file, "wb") as opened:
            stamp = _fill(opened, data)
        _link(place, beside, name)
    finally:
        _drop(place, beside)
    return stamp


def _fill(opened: BinaryIO, data: bytes) -> int:
    opened.write(data)
    opened.flush()
    os.fsync(opened.fileno())
    return os.fstat(opened.fileno()).st_mtime_ns


def _link(place: int, source: str, to: str) -> None:
    try:
        os.link(source, to, src_dir_fd=place, dst_dir_fd=place)
    except (FileExistsError, FileNotFoundError) as error:
        raise Moved(f"{to} was written meanwhile") from error


def _sweep(place: int) -> None:
    """Remove what writers that are gone left beside."""
    for name in os.listdir(place):
        match = re.fullmatch(rf"{re.escape(BESIDE)}(\d+)-\d+-[a-z]+", name)
        if match is None:
            continue
        try:
            os.kill(int(match[1]), 0)
        except ProcessLookupError:
            _drop(place, name)
        except OSError:
            continue


def _drop(place: int, name: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=place)
