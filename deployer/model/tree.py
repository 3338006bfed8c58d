"""A model's folder as it lies on disk: its regular files, and a refusal of everything else."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deployer.errors import NotFound, SpecError
from deployer.model.filenames import check_names

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["BOOKKEEPING", "FileEntry", "files_of", "found_folder", "unreadable"]

BOOKKEEPING = "registered_model_meta"
"""Written by MLflow beside MLmodel when a registered model is downloaded (MLflow 3.17.2,
store/artifact/models_artifact_repo.py); it is no part of the model, so that a download and its source agree."""

_KINDS = (
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a character device"),
    (stat.S_ISBLK, "a block device"),
)


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One regular file of a model.

    Args:
        path: Relative, with forward slashes.
        size: Bytes.
        location: Where it lies.
    """

    path: str
    size: int
    location: Path


def files_of(root: Path) -> tuple[FileEntry, ...]:
    """Every regular file below ``root``, sorted by path; without MLflow's download-time bookkeeping.

    The root itself may be a symbolic link; nothing below it may.

    Raises:
        NotFound: There is no such folder.
        SpecError: Something there is not a regular file or folder, has an unsafe name, or cannot be read.
    """
    if not root.is_dir():
        raise NotFound("there is no such folder", where=str(root))
    entries: list[FileEntry] = []
    _collect(root, "", entries)
    entries.sort(key=lambda entry: entry.path.encode("utf-8", "surrogateescape"))
    check_names((entry.path for entry in entries), where=str(root))
    return tuple(entries)


def _collect(root: Path, start: str, into: list[FileEntry]) -> None:
    folders = [start]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(root / folder) as found:
                for item in found:
                    path = f"{folder}/{item.name}" if folder else item.name
                    status = item.stat(follow_symlinks=False)
                    if stat.S_ISDIR(status.st_mode):
                        folders.append(path)
                    elif not stat.S_ISREG(status.st_mode):
                        raise _refused(root, path, status.st_mode)
                    elif path != BOOKKEEPING:
                        into.append(FileEntry(path, status.st_size, root / path))
        except OSError as error:
            raise unreadable(error, root / folder) from None


def _refused(root: Path, path: str, mode: int) -> SpecError:
    kind = next((name for is_kind, name in _KINDS if is_kind(mode)), "not a regular file")
    hint = "only regular files are shipped; put the file itself in its place and save the model again"
    if stat.S_ISLNK(mode):
        try:
            kind = f"a symbolic link to {str((root / path).readlink())!a}"
        except OSError:
            kind = "a symbolic link"
        hint = "only regular files are shipped; copy the model with its links followed: cp -RL MODEL COPY"
    return SpecError(f"the model holds {kind}: {path!a}", where=str(root), hint=hint)


def unreadable(error: OSError, path: Path) -> SpecError:
    """What a file or folder that cannot be read is called."""
    return SpecError(
        f"cannot be read: {(error.strerror or str(error)).lower()}",
        where=str(path),
        hint="check the permissions of the model's folder and that nothing changes it meanwhile",
    )


def found_folder(folder: Path, uri: str) -> Path:
    """A model's folder that was resolved before.

    Raises:
        NotFound: It is not there (any more), or never was on this machine.
    """
    if folder.is_dir():
        return folder
    raise NotFound(
        f"the model's files are in {folder}, which is not on this machine",
        where=uri,
        hint="a tracking server that keeps artifacts on its own disk must serve them: mlflow server --serve-artifacts",
    )
