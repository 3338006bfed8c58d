"""Folders that appear whole or not at all: made beside their place, then renamed into it."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from deployer.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["appearing", "passing", "sync_folder"]


@contextlib.contextmanager
def appearing(into: Path) -> Iterator[Path]:
    """A folder (0700) to fill, which becomes ``into`` when the block ends well and is removed when it does not.

    Left-overs of the same folder whose makers were killed are removed first.

    Args:
        into: Does not exist yet, or is an empty folder; its parents are made.

    Raises:
        Conflict: ``into`` has something in it, now or when the block ends.
        OSError: It cannot be made or renamed.
    """
    if into.is_symlink() or (into.exists() and (not into.is_dir() or any(into.iterdir()))):
        raise Conflict("the folder must be new or empty", where=str(into), hint="remove it or name another")
    into.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _remove_leftovers(into)
    partial = Path(tempfile.mkdtemp(prefix=f".{into.name}.partial-{os.getpid()}-", dir=into.parent))
    try:
        yield partial
        if sys.platform == "win32" and into.is_dir():
            into.rmdir()
        _put(partial, into)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    sync_folder(into.parent)


@contextlib.contextmanager
def passing(into: Path) -> Iterator[Path]:
    """A folder (0700) for small files that nobody needs after the block, beside ``into``, which is never made.

    It is removed when the block ends; those of makers that were killed are removed by the next one.

    Raises:
        OSError: It cannot be made.
    """
    into.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _remove_leftovers(into)
    place = Path(tempfile.mkdtemp(prefix=f".{into.name}.partial-{os.getpid()}-", dir=into.parent))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _put(partial: Path, into: Path) -> None:
    try:
        partial.replace(into)
    except OSError as error:
        if error.errno in {errno.ENOTEMPTY, errno.EEXIST}:
            raise Conflict("another process made the folder meanwhile", where=str(into), hint="try again") from None
        raise


def sync_folder(path: Path) -> None:
    """Makes a folder's entries last through a loss of power."""
    if sys.platform == "win32":  # a folder cannot be opened there
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_leftovers(into: Path) -> None:
    if sys.platform == "win32":  # os.kill(pid, 0) would end the process there
        return
    pattern = re.compile(rf"\.{re.escape(into.name)}\.partial-(\d+)-")
    for found in into.parent.iterdir():
        match = pattern.match(found.name)
        if match and not _is_alive(int(match[1])):
            shutil.rmtree(found, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
