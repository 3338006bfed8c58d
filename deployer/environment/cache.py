"""Ready environments, kept by the digest of their lock, so that the same requirements are installed once.

Nothing is ever run from here: what runs is a copy. An entry is used only when it is whole, by the sizes and times of
all its files as they were written down when it was made; otherwise it is made again.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["CachedEnvironments", "Listing", "listing_of", "sync_everything"]

_REPLACED = ("pyvenv.cfg", "bin/python", "bin/python3")
"""Written anew for each copy, so no part of what makes an entry whole."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What lies in a folder.

    Args:
        digest: SHA-256 in hex over path, kind, size and time of change of everything.
        files: How many files.
        bytes: Their size.
    """

    digest: str
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class CachedEnvironments:
    """The environments in one cache folder.

    Args:
        folder: ``CACHE/environments``.
    """

    folder: Path

    def entry(self, digest: str) -> Path:
        """Where the environment of a lock lies, if it does."""
        return self.folder / digest / "environment"

    @contextlib.contextmanager
    def locked(self, digest: str) -> Iterator[None]:
        """Holds the entry for this process; another that wants it waits. A killed holder lets go of it."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.folder / f"{digest}.lock").open("a") as file, _exclusive(file.fileno()):
            yield

    def is_whole(self, digest: str) -> bool:
        """Whether the entry is as it was when it was made. To be asked while it is `locked`."""
        try:
            written = json.loads((self.folder / digest / "listing.json").read_text("utf-8"))
            found = listing_of(self.entry(digest))
        except (OSError, ValueError):
            return False
        return bool(written == [found.digest, found.files, found.bytes])

    def make(self, digest: str, fill: Callable[[Path], None]) -> Path:
        """Makes the entry anew: filled beside, then renamed. To be called while it is `locked`.

        Args:
            digest: The lock's.
            fill: Given an empty folder; what it raises, is raised, and nothing is left.
        """
        partial = self.folder / f"{digest}.partial"
        for old in (partial, self.folder / digest):
            if old.exists():
                shutil.rmtree(old)
        partial.mkdir(mode=0o700)
        try:
            (partial / "environment").mkdir(mode=0o700)
            fill(partial / "environment")
            found = listing_of(partial / "environment")
            (partial / "listing.json").write_text(json.dumps([found.digest, found.files, found.bytes]), "utf-8")
            partial.replace(self.folder / digest)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        return self.entry(digest)


def listing_of(root: Path) -> Listing:
    """Looks at everything in an environment's folder without reading any file.

    Raises:
        OSError: A folder cannot be read.
    """
    total, files, size = hashlib.sha256(), 0, 0
    for path, status, target in sorted(_walk(root, "")):
        if path in _REPLACED or path.startswith("bin/python3."):
            continue
        mode, length, changed = status
        total.update(f"{path}\0{mode:o}\0{length}\0{changed}\0{target}\n".encode("utf-8", "surrogateescape"))
        files += 1
        size += length
    return Listing(total.hexdigest(), files, size)


def _walk(root: Path, folder: str) -> Iterator[tuple[str, tuple[int, int, int], str]]:
    with os.scandir(root / folder) as items:
        for item in items:
            path = f"{folder}/{item.name}" if folder else item.name
            if item.is_symlink():
                yield path, (0, 0, 0), str(Path(item.path).readlink())
            elif item.is_dir():
                yield from _walk(root, path)
            else:
                status = item.stat()
                yield path, (status.st_mode, status.st_size, status.st_mtime_ns), ""


def sync_everything(folder: Path) -> None:
    """Makes what was written to the folder's file system last through a loss of power, if the folder is still there.

    One call for all of it: synced one by one, ten thousand small files take minutes on a disk that turns.
    """
    if sys.platform == "win32":
        return
    library = ctypes.CDLL(None)
    if not hasattr(library, "syncfs"):  # Linux has it
        os.sync()
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            library.syncfs(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def _exclusive(descriptor: int) -> Iterator[None]:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)
        try:
            yield
        finally:
            msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield  # closing the file lets go of it
