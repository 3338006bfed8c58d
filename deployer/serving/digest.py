"""The digest of a model's folder, for weights that were mounted and not built into the image.

It is the deployer's own model digest, computed here once more since this package stands alone: SHA-256 over a header
and the listing of all files (path, size, SHA-256), sorted by the path's bytes. Modes, times, empty folders and the file
that MLflow adds to a download do not count. Names are taken as bytes, whatever the locale.
"""

from __future__ import annotations

import hashlib
import os
import stat
import threading
import time
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from .log import Log

__all__ = ["ModelDigestDiffers", "Sum", "check_digest", "model_digest"]

BLOCK = 1 << 20
THREADS = 4
TELL_EVERY = 5.0
HEADER = b"deployer model digest 1\n"
BOOKKEEPING = b"registered_model_meta"


class ModelDigestDiffers(Exception):
    """The folder holds another model than the one that shall be served."""


class Sum(NamedTuple):
    """A folder's digest (64 hexadecimal digits), how many files it has, and their bytes."""

    sha256: str
    files: int
    bytes: int


def check_digest(folder: str, expected: str, log: Log) -> None:
    """Compare the folder's digest with the one that is wished; every 5 s the log says how far it has come.

    Raises:
        ModelDigestDiffers: It is another; the text names both.
        OSError, ValueError: As :func:`model_digest`.
    """
    began = time.perf_counter()
    found = model_digest(folder, lambda done, total: log.event("checking-model", bytes=done, total=total))
    if found.sha256 != expected:
        raise ModelDigestDiffers(
            f"the model in {folder} has the digest {found.sha256}, not {expected} as this revision has:"
            f" {found.files} files of {found.bytes} bytes in all are there; mount the model that was deployed"
        )
    seconds = time.perf_counter() - began
    log.event("model-checked", digest=found.sha256, files=found.files, bytes=found.bytes, ms=round(seconds * 1000))


def model_digest(folder: str, tell: Callable[[int, int], None], every: float = TELL_EVERY) -> Sum:
    """Hash a model's folder in blocks of 1 MiB, four files at once: memory stays flat however large it is.

    Args:
        folder: Where ``MLmodel`` lies. It may be a symbolic link; nothing in it may.
        tell: Called every so many seconds with the bytes done and in all; not at all when it is done sooner.
        every: Seconds.

    Raises:
        OSError: It is not there, or a part of it cannot be read.
        ValueError: It holds a link, a device or the like, or a file that changed meanwhile.
    """
    try:
        return _model_digest(os.fsencode(folder), tell, every)
    except OSError as error:
        if isinstance(error.filename, bytes):
            error.filename = os.fsdecode(error.filename)
        raise


@dataclass(frozen=True)
class _File:
    path: bytes
    location: bytes
    size: int


def _model_digest(root: bytes, tell: Callable[[int, int], None], every: float) -> Sum:
    files = sorted(_files_of(root), key=lambda file: file.path)
    work = _Work()
    size = sum(file.size for file in files)
    with ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="digest") as pool:
        tasks = [pool.submit(work.line, file) for file in files]
        pending = set(tasks)
        try:
            while pending:
                done, pending = wait(pending, timeout=every, return_when=FIRST_EXCEPTION)
                for task in done:
                    task.result()
                if pending:
                    tell(work.done, size)
        except BaseException:
            work.stopped.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    total = hashlib.sha256(HEADER)
    for task in tasks:
        total.update(task.result())
    return Sum(total.hexdigest(), len(files), size)


def _files_of(root: bytes) -> list[_File]:
    files: list[_File] = []
    folders = [b""]
    while folders:
        folder = folders.pop()
        with os.scandir(root + b"/" + folder) as found:
            for item in found:
                path = folder + b"/" + item.name if folder else item.name
                status = item.stat(follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode):
                    folders.append(path)
                elif not stat.S_ISREG(status.st_mode):
                    raise ValueError(f"the model holds something that is no regular file: {os.fsdecode(path)!a}")
                elif path != BOOKKEEPING:
                    files.append(_File(path, root + b"/" + path, status.st_size))
    return files


class _Work:
    """What the threads do and count."""

    def __init__(self) -> None:
        self.done = 0
        self.stopped = threading.Event()
        self._lock = threading.Lock()

    def line(self, file: _File) -> bytes:
        """A file's line of the listing."""
        # O_NONBLOCK: a named pipe that was put in its place must not make us wait for a writer.
        flags = os.O_RDONLY
        for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"):
            flags |= getattr(os, name, 0)
        descriptor = os.open(file.location, flags)
        with os.fdopen(descriptor, "rb", buffering=0) as opened:
            before = os.fstat(descriptor)
            total, size = hashlib.sha256(), 0
            buffer = bytearray(BLOCK)
            view = memoryview(buffer)
            while size <= before.st_size and (count := opened.readinto(buffer)):
                if self.stopped.is_set():
                    return b""
                total.update(view[:count])
                size += count
                with self._lock:
                    self.done += count
            after = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode) or size != file.size or _moved(before, after):
            raise ValueError(f"the file {os.fsdecode(file.path)!a} of the model changed while it was read")
        return file.path + f"\0{size}\0{total.hexdigest()}\n".encode()


def _moved(before: os.stat_result, after: os.stat_result) -> bool:
    return (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns)
