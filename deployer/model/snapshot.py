"""The private copy of a model that ships, hashed as it was written.

What is deployed is exactly this copy: whatever happens to the source afterwards, its digest stays true.
"""

from __future__ import annotations

import errno
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from deployer.errors import BuildError, SpecError
from deployer.model.artifacts import opened
from deployer.model.digest import (
    FileDigest,
    ModelDigest,
    changed,
    digest,
    each_file,
    hash_file,
    is_changed,
    open_regular,
)
from deployer.model.metadata import describe_folder
from deployer.model.mlmodel import MLMODEL
from deployer.model.partial import appearing, sync_folder
from deployer.model.progress import Meter, OnProgress
from deployer.model.tree import BOOKKEEPING, FileEntry, files_of, found_folder, unreadable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deployer.model.resolve import ResolvedModel

__all__ = ["Snapshot", "snapshot"]

_FICLONE = 0x40049409
"""ioctl_ficlone(2): the destination shares the source's blocks until one of them is written."""


@dataclass(frozen=True)
class Snapshot:
    """A model's private copy.

    Args:
        path: Its folder, 0700; its files are 0600.
        digest: SHA-256 in hex of what was written, as `deployer.model.digest` counts it.
        files: Relative path to size and SHA-256.
        bytes: Size of all files.
    """

    path: Path
    digest: str
    files: Mapping[str, FileDigest] = field(repr=False)
    bytes: int


def snapshot(
    resolved: ResolvedModel, into: Path, *, planned: str | None = None, progress: OnProgress | None = None
) -> Snapshot:
    """Copies or downloads a model into ``into``, whole or not at all.

    It is made in a hidden folder beside, synced, and renamed. Copies share no inode with their source (blocks, where
    the file system can clone). Left-overs of killed runs beside it are removed.

    Args:
        resolved: From `deployer.model.resolve`.
        into: A folder that does not exist yet, or an empty one; its parents are made.
        planned: The digest that it must have; None for any.
        progress: Told bytes.

    Raises:
        Conflict: ``into`` has something in it.
        NotFound: The model is not there any more.
        SpecError: It is no whole model, or holds what may not ship: links, devices, unsafe or colliding names; or a
            file changed meanwhile.
        TargetUnavailable: The store cannot be reached, or a download is incomplete.
        BuildError: The copy cannot be written, such as when the disk is full.
    """
    try:
        with appearing(into) as partial:
            fill = _copied if resolved.folder is not None else _downloaded
            taken = fill(resolved, partial, progress)
            if planned not in (None, taken.sha256):
                raise SpecError(
                    "the model's files changed after the plan was made: "
                    f"planned {planned:.12}, found {taken.sha256:.12}",
                    where=resolved.resolved,
                    hint="run the command again",
                )
            describe_folder(partial)
            for folder, _, _ in os.walk(partial, topdown=False):
                sync_folder(Path(folder))
    except OSError as error:
        raise _unwritable(error, into) from None
    return Snapshot(into, taken.sha256, taken.files, taken.bytes)


def _copied(resolved: ResolvedModel, into: Path, progress: OnProgress | None) -> ModelDigest:
    root = found_folder(Path(resolved.location), resolved.uri)
    entries = files_of(root)
    if not any(entry.path == MLMODEL for entry in entries):
        describe_folder(root)  # raises the precise error
    for folder in sorted({parent for entry in entries for parent in (into / entry.path).parents if parent != into}):
        if into in folder.parents:
            folder.mkdir(mode=0o700, exist_ok=True)
    meter = Meter(sum(entry.size for entry in entries), "bytes", progress)
    return ModelDigest.of(each_file(entries, lambda entry: _copy(entry, into / entry.path, meter), meter))


def _copy(entry: FileEntry, target: Path, meter: Meter) -> FileDigest:
    try:
        source = open_regular(entry)
    except OSError as error:
        raise unreadable(error, entry.location) from None
    try:
        before = os.fstat(source)
        with target.open("x+b", buffering=0) as copy:
            target.chmod(0o600)
            if _cloned(source, copy.fileno()):
                result = hash_file(copy.fileno(), before.st_size, meter.advance)
            else:
                result = hash_file(
                    source, before.st_size, meter.advance, lambda block: _write_all(copy.fileno(), block)
                )
            os.fsync(copy.fileno())
        if is_changed(before, os.fstat(source), result.size):
            raise changed(entry)
        return result
    finally:
        os.close(source)


def _write_all(descriptor: int, block: memoryview) -> None:
    while block:
        block = block[os.write(descriptor, block) :]


def _cloned(source: int, target: int) -> bool:
    if sys.platform != "linux":
        return False
    import fcntl

    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError:
        return False
    return True


def _downloaded(resolved: ResolvedModel, into: Path, progress: OnProgress | None) -> ModelDigest:
    with opened(resolved) as remote:
        names = [file.path for file in remote.files()]
        if MLMODEL not in names:
            shown = ", ".join(ascii(name)[1:-1] for name in names[:6])
            raise SpecError(
                "not a packaged MLflow model: it has no MLmodel file",
                where=resolved.uri,
                hint=f"name the folder that holds MLmodel; this one holds {shown}",
            )
        remote.fetch_all(into, progress)
    (into / BOOKKEEPING).unlink(missing_ok=True)
    for entry in files_of(into):  # refuses again, by what is on the disk now
        if entry.location.stat().st_nlink > 1:
            raise SpecError(f"the model holds a hard link: {entry.path!a}", where=resolved.uri)
        _sync_private(entry.location)
    for folder, _, _ in os.walk(into):
        Path(folder).chmod(0o700)
    return digest(into)


def _sync_private(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
    try:
        path.chmod(0o600)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unwritable(error: OSError, into: Path) -> BuildError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return BuildError("the disk is full", where=str(into.parent), hint="free some space and try again")
    return BuildError(
        f"the model's copy cannot be written: {(error.strerror or str(error)).lower()}",
        where=str(error.filename or into),
        hint="check that the folder can be written",
    )
