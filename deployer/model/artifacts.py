"""A model's files on an artifact store: what is listed there is checked before anything is written here.

An artifact server's listing is untrusted. Each answer is checked once, kept, and what MLflow then downloads is exactly
what was checked: a second, different answer is never asked for.
"""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deployer.errors import NotFound, SpecError, TargetUnavailable
from deployer.model.filenames import check_name, check_names
from deployer.model.progress import OnProgress, Progress

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deployer.model.resolve import ResolvedModel

__all__ = ["RemoteFile", "RemoteModel", "opened"]

_DEEPEST = 32
_MOST_FILES = 200_000
_POLL = 0.5


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file on the store.

    Args:
        path: Relative to the model, with forward slashes.
        size: Bytes, or None when the store does not say.
    """

    path: str
    size: int | None


class RemoteModel:
    """One model on an artifact store, open for listing and downloading. Made by `opened`."""

    def __init__(self, repository: Any, where: str) -> None:
        self._repository = repository
        self._where = where
        self._ask = repository.list_artifacts
        self._answers: dict[str, list[Any]] = {}
        repository.list_artifacts = self._list

    def root(self) -> tuple[tuple[RemoteFile, ...], tuple[str, ...]]:
        """The files and the folders at the model's root.

        Raises:
            NotFound: Nothing is there.
            SpecError: A name there is unsafe.
        """
        items = self._list("")
        if not items:
            raise NotFound(
                "nothing is there", where=self._where, hint="check the path: it must hold the model's MLmodel"
            )
        files = tuple(RemoteFile(item.path, item.file_size) for item in items if not item.is_dir)
        return files, tuple(item.path for item in items if item.is_dir)

    def files(self) -> tuple[RemoteFile, ...]:
        """Every file of the model, sorted by path.

        Raises:
            NotFound: Nothing is there.
            SpecError: A name is unsafe, or the listing has no end.
        """
        self.root()
        found: list[RemoteFile] = []
        folders = [""]
        while folders:
            for item in self._list(folders.pop()):
                if item.is_dir:
                    folders.append(item.path)
                else:
                    found.append(RemoteFile(item.path, item.file_size))
                if len(found) + len(folders) > _MOST_FILES:
                    raise SpecError(f"more than {_MOST_FILES} files, which no model has", where=self._where)
        check_names((file.path for file in found), where=self._where)
        return tuple(sorted(found, key=lambda file: file.path.encode()))

    def fetch(self, path: str, into: Path) -> Path:
        """Downloads one file of the model to the same path below ``into``."""
        check_name(path, where=self._where)
        self._repository.download_artifacts(path, str(into))
        return self._arrived(into / path, path)

    def fetch_all(self, into: Path, progress: OnProgress | None = None) -> None:
        """Downloads every file of the model below ``into``, which exists and is empty.

        Raises:
            TargetUnavailable: A file did not arrive whole.
        """
        files = self.files()
        sizes = [file.size for file in files]
        total = None if None in sizes else sum(size or 0 for size in sizes)
        with _watched(into, total, progress):
            self._repository.download_artifacts("", str(into))
        for file in files:
            arrived = self._arrived(into / file.path, file.path)
            if file.size is not None and arrived.stat().st_size != file.size:
                raise self._incomplete(file.path, f"has {arrived.stat().st_size} of {file.size} bytes")

    def _arrived(self, place: Path, path: str) -> Path:
        if place.is_symlink() or not place.is_file():
            raise self._incomplete(path, "did not arrive")
        return place

    def _incomplete(self, path: str, what: str) -> TargetUnavailable:
        return TargetUnavailable(
            f"the download is incomplete: {path!a} {what}", transient=True, where=self._where, hint="try again"
        )

    def _list(self, path: str | None = None) -> list[Any]:
        key = path or ""
        if key not in self._answers:
            answer = [item for item in self._ask(path) if item.path not in {".", key}]
            for item in answer:
                self._check(key, item.path)
            self._answers[key] = answer
        return list(self._answers[key])

    def _check(self, folder: str, path: object) -> None:
        if not isinstance(path, str):
            raise SpecError("the artifact server lists something that is no path", where=self._where)
        check_name(path, where=self._where)
        parent, _, _ = path.rpartition("/")
        if parent != folder:
            raise SpecError(
                f"the artifact server lists {path!a} inside {folder or 'the root'!a}, where it is not",
                where=self._where,
                hint="the store is damaged or hostile; nothing was downloaded",
            )
        if path.count("/") > _DEEPEST:
            raise SpecError(f"folders nested deeper than {_DEEPEST}, which no model has", where=self._where)


@contextlib.contextmanager
def opened(resolved: ResolvedModel) -> Iterator[RemoteModel]:
    """The files of a model that is not on this machine's disk.

    Raises:
        SpecError: The scheme needs a package that is not installed; the hint is the exact ``pip install``.
        TargetUnavailable: The store cannot be reached or does not let us in.
    """
    if resolved.source is not None:
        with resolved.source.files(resolved.location, resolved.uri) as files:
            yield RemoteModel(files, resolved.uri)
        return
    with resolved.tracking.repository(resolved.location, resolved.uri) as repository:
        yield RemoteModel(repository, resolved.uri)


@contextlib.contextmanager
def _watched(folder: Path, total: int | None, progress: OnProgress | None) -> Iterator[None]:
    """Reports what has arrived by looking at the folder: the one thing that every kind of store has in common."""
    if progress is None:
        yield
        return
    report, over = progress, threading.Event()

    def watch() -> None:
        while not over.wait(_POLL):
            report(Progress(_arrived_bytes(folder), total, "bytes"))

    watcher = threading.Thread(target=watch, name="model-download", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
    report(Progress(_arrived_bytes(folder), total, "bytes"))


def _arrived_bytes(folder: Path) -> int:
    size = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            size += path.stat().st_size if path.is_file() else 0
    return size
