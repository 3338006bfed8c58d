"""The identity of a model: SHA-256 over the canonical listing of its files.

Modes, times and empty folders do not count, and neither does the file that MLflow adds when it downloads a registered
model, so that the same model has one digest wherever it lies.
"""

from __future__ import annotations

import hashlib
import os
import stat
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from deployer.errors import SpecError
from deployer.model.progress import Meter, OnProgress, Stopped
from deployer.model.tree import FileEntry, files_of, unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

__all__ = [
    "BLOCK",
    "FileDigest",
    "ModelDigest",
    "changed",
    "digest",
    "each_file",
    "hash_file",
    "is_changed",
    "open_regular",
]

BLOCK = 1 << 20
"""Bytes that are read at once: memory stays flat whatever a model weighs."""

_THREADS = 4
_HEADER = b"deployer model digest 1\n"


class FileDigest(NamedTuple):
    """Size in bytes and SHA-256 in hex of one file."""

    size: int
    sha256: str


@dataclass(frozen=True)
class ModelDigest:
    """What a model is, by content.

    Args:
        sha256: Hex, over the sorted listing of (path, size, SHA-256).
        files: Relative path to size and SHA-256, sorted by path.
    """

    sha256: str
    files: Mapping[str, FileDigest] = field(repr=False)

    @property
    def count(self) -> int:
        """How many files."""
        return len(self.files)

    @property
    def bytes(self) -> int:
        """The size of all files together."""
        return sum(file.size for file in self.files.values())

    def __str__(self) -> str:
        return self.sha256

    @classmethod
    def of(cls, files: Iterable[tuple[str, FileDigest]]) -> ModelDigest:
        """The digest of a listing, in whatever order it comes."""
        ordered = sorted(files, key=lambda item: item[0].encode("utf-8"))
        total = hashlib.sha256(_HEADER)
        for path, (size, sha256) in ordered:
            total.update(f"{path}\0{size}\0{sha256}\n".encode())
        return cls(total.hexdigest(), MappingProxyType(dict(ordered)))


def digest(path: Path, *, progress: OnProgress | None = None) -> ModelDigest:
    """Hashes a model's folder in place, in blocks of 1 MiB: memory does not grow with the model.

    Raises:
        NotFound: There is no such folder.
        SpecError: It holds something that may not ship (links, devices, unsafe names), or a file changed meanwhile.
    """
    entries = files_of(path)
    meter = Meter(sum(entry.size for entry in entries), "bytes", progress)
    return ModelDigest.of(each_file(entries, lambda entry: _hash_entry(entry, meter), meter))


def each_file(
    entries: Sequence[FileEntry], work: Callable[[FileEntry], FileDigest], meter: Meter
) -> list[tuple[str, FileDigest]]:
    """Works on files in a few threads (hashing releases the interpreter); the first failure stops them all."""
    with ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="model-files") as pool:
        tasks = [pool.submit(work, entry) for entry in entries]
        try:
            wait(tasks, return_when=FIRST_EXCEPTION)
            failed = [task.exception() for task in tasks if task.done() and not task.cancelled()]
            cause = next((error for error in failed if error and not isinstance(error, Stopped)), None)
            if cause:
                raise cause
            return [(entry.path, task.result()) for entry, task in zip(entries, tasks, strict=True)]
        except BaseException:
            meter.stop()
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _hash_entry(entry: FileEntry, meter: Meter) -> FileDigest:
    try:
        descriptor = open_regular(entry)
        try:
            before = os.fstat(descriptor)
            result = hash_file(descriptor, before.st_size, meter.advance)
            if is_changed(before, os.fstat(descriptor), result.size):
                raise changed(entry)
            return result
        finally:
            os.close(descriptor)
    except OSError as error:
        raise unreadable(error, entry.location) from None


def hash_file(
    descriptor: int,
    expected: int,
    on_block: Callable[[int], None],
    write: Callable[[memoryview], object] | None = None,
) -> FileDigest:
    """Reads an open file from where it stands to its end, in blocks.

    Args:
        descriptor: Open for reading; it stays open.
        expected: Its size; one that has more is not read on, since its writer may be as fast as we are.
        on_block: Told the size of each block.
        write: Given each block, when the file is copied on the way.
    """
    total, size = hashlib.sha256(), 0
    buffer = bytearray(BLOCK)
    view = memoryview(buffer)
    with open(descriptor, "rb", buffering=0, closefd=False) as file:
        while size <= expected and (count := file.readinto(buffer)):
            block = view[:count]
            total.update(block)
            if write:
                write(block)
            size += count
            on_block(count)
    return FileDigest(size, total.hexdigest())


def open_regular(entry: FileEntry) -> int:
    """Opens a file that was seen as a regular one, and refuses it if it is something else by now.

    Raises:
        SpecError: It was replaced meanwhile.
        OSError: As `os.open`.
    """
    # O_NONBLOCK: a named pipe that was put in its place must not make us wait for a writer.
    flags = os.O_RDONLY
    for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"):
        flags |= getattr(os, name, 0)
    descriptor = os.open(entry.location, flags)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise changed(entry)
    return descriptor


def is_changed(before: os.stat_result, after: os.stat_result, read: int) -> bool:
    """Whether a file's size or time of change moved while it was read."""
    return (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or read != after.st_size


def changed(entry: FileEntry) -> SpecError:
    """What a file that did not keep still is called."""
    return SpecError(
        f"the file {entry.path!a} changed while it was read",
        where=str(entry.location),
        hint="wait until nothing writes to the model any more, then try again",
    )
