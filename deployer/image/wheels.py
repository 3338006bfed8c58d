"""Locked wheels as files: in the model, in a wheelhouse, in the cache, or fetched; always of the locked content."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from deployer.environment.building import built_wheel
from deployer.errors import BuildError
from deployer.image.downloading import Download
from deployer.image.finding import find_urls
from deployer.image.grouping import place_of
from deployer.model.progress import Meter, OnProgress
from deployer.model.used import mark_used

if TYPE_CHECKING:
    from deployer.environment import Lock, LockedWheel, PackageSources, Uv

__all__ = ["WheelFiles", "hash_of"]

_AT_ONCE = 8
_CHUNK = 1 << 20


@dataclass
class WheelFiles:
    """The files of a lock's wheels.

    Args:
        lock: Which wheels.
        sources: Where they come from.
        folder: ``CACHE/wheels``, where fetched ones are kept by their hash.
        uv: To ask where they are.
        downloaded: What came over the network: how many.
        downloaded_bytes: Their size.
    """

    lock: Lock
    sources: PackageSources
    folder: Path
    uv: Uv
    downloaded: int = field(default=0, init=False)
    downloaded_bytes: int = field(default=0, init=False)

    def each(
        self, wheels: Sequence[LockedWheel], progress: OnProgress | None = None
    ) -> Iterator[tuple[LockedWheel, Path]]:
        """The file of each wheel, as soon as it is there: those on this machine first, then as they come.

        Args:
            wheels: Of the lock.
            progress: Told bytes that were fetched.

        Raises:
            BuildError: One cannot be had, or is not of the locked content.
            TargetUnavailable: The index does not answer.
        """
        missing = []
        for wheel in wheels:
            place = self._at_hand(wheel)
            if place:
                yield wheel, place
            else:
                missing.append(wheel)
        if missing:
            yield from self._fetched(missing, progress)

    def _at_hand(self, wheel: LockedWheel) -> Path | None:
        root = self.sources.model_root
        if wheel.path is not None and root is not None:
            return _exactly(root / wheel.path, wheel, "the model's wheel is not the one that was locked")
        for inside in self._inside.get(wheel.filename, ()):  # an image's own lock does not say where
            if hash_of(inside) == wheel.sha256:
                return inside
        if self.sources.wheelhouse is not None and wheel.source is None:
            return _exactly(self.sources.wheelhouse / wheel.filename, wheel, "the wheelhouse has another content")
        if wheel.source is not None:
            return built_wheel(wheel, self.lock.python, self.sources, self.uv)
        kept = self._place(wheel)
        if not kept.is_file():
            return None
        if hash_of(kept) == wheel.sha256:
            mark_used(kept)
            return kept
        kept.unlink(missing_ok=True)  # a damaged one
        return None

    @cached_property
    def _inside(self) -> dict[str, list[Path]]:
        """The wheels that the model brings along, by file name."""
        found: dict[str, list[Path]] = {}
        for path in sorted(self.sources.model_root.rglob("*.whl")) if self.sources.model_root else ():
            if path.is_file() and not path.is_symlink():
                found.setdefault(path.name, []).append(path)
        return found

    def _place(self, wheel: LockedWheel) -> Path:
        return self.folder / f"{wheel.sha256}.whl"

    def _fetched(self, wheels: list[LockedWheel], progress: OnProgress | None) -> Iterator[tuple[LockedWheel, Path]]:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        urls = find_urls(self.lock, wheels, self.sources, self.uv)
        wheels.sort(key=_sooner)
        known = [wheel.size for wheel in wheels if wheel.size is not None]
        meter = Meter(sum(known) if len(known) == len(wheels) else None, "bytes", progress)
        with Download(self.sources, meter) as download, ThreadPoolExecutor(_AT_ONCE, "wheels") as pool:
            tasks = {pool.submit(self._fetch, download, wheel, urls[wheel.sha256]): wheel for wheel in wheels}
            try:
                for task in as_completed(tasks):
                    place = task.result()
                    self.downloaded += 1
                    self.downloaded_bytes += place.stat().st_size
                    yield tasks[task], place
            except BaseException:
                meter.stop()
                pool.shutdown(wait=True, cancel_futures=True)
                raise

    def _fetch(self, download: Download, wheel: LockedWheel, url: str) -> Path:
        partial = self.folder / f".{wheel.sha256}.{os.getpid()}-{secrets.token_hex(4)}"
        try:
            sha256 = download.fetch(url, partial)
            if sha256 != wheel.sha256:
                raise BuildError(
                    "a wheel is not the one that was locked: its SHA-256 is another",
                    where=wheel.filename,
                    hint="the index serves other content under the same name; check it, or lock again with --upgrade",
                )
            partial.replace(self._place(wheel))
        finally:
            partial.unlink(missing_ok=True)
        return self._place(wheel)


def _sooner(wheel: LockedWheel) -> tuple[int, int]:
    """What most images have lies lowest and is wanted first; of the others the largest takes longest."""
    return place_of(wheel.name)[0], -(wheel.size or 0)


def hash_of(path: Path) -> str:
    """SHA-256 of a file, in hex.

    Raises:
        OSError: It cannot be read.
    """
    total = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while piece := file.read(_CHUNK):
            total.update(piece)
    return total.hexdigest()


def _exactly(path: Path, wheel: LockedWheel, otherwise: str) -> Path:
    if path.is_symlink() or not path.is_file():
        raise BuildError(f"there is no {path.name}", where=str(path), hint="put it there, or lock again with --upgrade")
    if hash_of(path) != wheel.sha256:
        raise BuildError(f"{otherwise}: its SHA-256 is another", where=str(path), hint="lock again with --upgrade")
    return path
