"""Files that are there whole or not at all: written beside, synced, renamed. Folders 0700, files 0600."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

__all__ = ["BESIDE", "make_folder", "read_object", "remove_tree", "remove_tree_slowly", "write_whole"]

BESIDE = ".new-"
"""How the names of files begin that are being written, beside those they will replace."""
_counter = 0


def make_folder(path: Path, *, inside: Path | None = None) -> None:
    """Make a folder and those above it with mode 0700; one that is there keeps its mode.

    Args:
        path: The folder.
        inside: A folder above it that must be there, and is not made again when it is not.

    Raises:
        OSError: It cannot be made; FileNotFoundError: ``inside`` is not there.
    """
    missing = []
    while path != inside and not path.is_dir():
        missing.append(path)
        path = path.parent
    for each in reversed(missing):
        with contextlib.suppress(FileExistsError):
            each.mkdir(0o700)


def write_whole(path: Path, data: bytes, *, sync: bool = True) -> None:
    """Write a file of mode 0600 so that a reader, or a crash, finds the old bytes or the new ones.

    Raises:
        OSError: The disk is full, or the folder is gone; the old file is as it was.
    """
    global _counter  # noqa: PLW0603 - two writes of one process never share a name
    _counter += 1
    beside = path.with_name(f"{BESIDE}{os.getpid()}-{_counter}-{path.name}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            if sync:
                os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
    if sync:
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def read_object(path: Path) -> dict[str, Any] | None:
    """The JSON object in a file, or None when there is no file, or it holds none."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _again(call: Callable[[str], object], name: str, _error: object) -> None:
    path = Path(name)
    for each in (path.parent, path):
        with contextlib.suppress(OSError):
            if not each.is_symlink() and each.is_dir():
                each.chmod(stat.S_IRWXU)
    with contextlib.suppress(FileNotFoundError):
        call(name)


def remove_tree(path: Path) -> None:
    """Remove a file or a folder with all that is in it, read-only folders too; nothing there is no error."""
    if path.is_dir() and not path.is_symlink():
        if sys.version_info >= (3, 12):
            shutil.rmtree(path, onexc=_again)
        else:
            shutil.rmtree(path, onerror=_again)
    else:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()


def remove_tree_slowly(path: Path, each: int = 200) -> Iterator[None]:
    """As `remove_tree`, in steps of so many entries, so that an event loop has its turns between them."""
    done = 0
    if path.is_dir() and not path.is_symlink():
        for folder, names, files in os.walk(path, topdown=False):
            for name in (*names, *files):
                entry = Path(folder, name)
                if entry.is_dir() and not entry.is_symlink():
                    continue
                with contextlib.suppress(OSError):
                    entry.unlink()
                done += 1
                if done % each == 0:
                    yield
    remove_tree(path)
    yield
