"""The cache of layers: what was made once on a machine is not made again, whatever model it was made for.

A layer's key says all that its bytes depend on. Two makers of one layer write the same bytes, and each file appears
whole, so they need not wait for each other. A layer is used when it is as it was left, by size and time of change; if
only the time moved, by its content. Anything else is made again.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from deployer.errors import BuildError
from deployer.image.values import FileLayer
from deployer.model.used import mark_used
from deployer.value import JSON, digest

__all__ = ["FORMAT", "LayerCache"]

FORMAT = 2
"""Raised whenever the same key comes to mean other bytes."""

_CHUNK = 1 << 20
_STALE = 24 * 3600.0
"""Seconds after which a file that nobody finished is removed."""


@dataclass(frozen=True, slots=True)
class LayerCache:
    """The layers in one folder.

    Args:
        folder: ``CACHE/layers``.
    """

    folder: Path

    def find(self, key: Mapping[str, JSON], what: str) -> FileLayer | None:
        """The layer of that key, if it is here and whole."""
        tar, note = self._places(key)
        known = _noted(note)
        if known is None:
            return None
        diff_id, size, changed = known
        try:
            status = tar.stat()
        except OSError:
            return None
        if status.st_size != size:
            return None
        if status.st_mtime_ns != changed:
            try:
                if _digest(tar) != diff_id:
                    return None
            except OSError:
                return None
            with suppress(OSError):
                self._note(note, diff_id, size, status.st_mtime_ns)
        mark_used(tar, status)
        return FileLayer(diff_id, size, what, tar)

    def keep(self, key: Mapping[str, JSON], what: str, chunks: Iterator[bytes]) -> FileLayer:
        """Writes a layer, whole or not at all.

        Raises:
            BuildError: It cannot be written; what the pieces' maker raises is passed on.
        """
        tar, note = self._places(key)
        partial = self.folder / f".{tar.name}.{os.getpid()}-{secrets.token_hex(4)}"
        total, size = hashlib.sha256(), 0
        try:
            self._prepare()
            with partial.open("xb", buffering=0) as file:
                for piece in _gathered(chunks):
                    total.update(piece)
                    size += len(piece)
                    _write(file.fileno(), piece)
                changed = os.fstat(file.fileno()).st_mtime_ns
            partial.replace(tar)
            diff_id = f"sha256:{total.hexdigest()}"
            self._note(note, diff_id, size, changed)
        except OSError as error:
            found = self.find(key, what)
            if found:  # on Windows another's file cannot be replaced while it is read
                return found
            raise BuildError(
                f"a layer cannot be written: {(error.strerror or str(error)).lower()}",
                where=str(error.filename or self.folder),
                hint="free some space: deployer gc",
            ) from None
        finally:
            with suppress(OSError):
                partial.unlink(missing_ok=True)
        return FileLayer(diff_id, size, what, tar)

    def made(self, key: Mapping[str, JSON], what: str, make: Callable[[], Iterator[bytes]]) -> FileLayer:
        """The layer of that key, from the cache or made now."""
        return self.find(key, what) or self.keep(key, what, make())

    def drop(self, layer: FileLayer) -> None:
        """Forgets a layer whose content was found to be another than its digest says, so that it is made again."""
        with suppress(OSError):
            layer.path.with_suffix(".json").unlink(missing_ok=True)
            layer.path.unlink(missing_ok=True)

    def remembered(self, key: Mapping[str, JSON]) -> tuple[str, int] | None:
        """Digest and size of a layer that is made on the fly and was seen before."""
        note = self._places(key)[1]
        known = _noted(note)
        if known is None:
            return None
        mark_used(note)
        return known[:2]

    def remember(self, key: Mapping[str, JSON], diff_id: str, size: int) -> None:
        """Notes digest and size of a layer that is made on the fly, so that it need not be read again to know them."""
        with suppress(OSError):
            self._prepare()
            self._note(self._places(key)[1], diff_id, size, 0)

    def _places(self, key: Mapping[str, JSON]) -> tuple[Path, Path]:
        name = digest({"format": FORMAT, **key})
        return self.folder / f"{name}.tar", self.folder / f"{name}.json"

    def _prepare(self) -> None:
        if self.folder.is_dir():
            return
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _note(self, note: Path, diff_id: str, size: int, changed: int) -> None:
        partial = self.folder / f".{note.name}.{os.getpid()}-{secrets.token_hex(4)}"
        partial.write_text(json.dumps([diff_id, size, changed]), "utf-8")
        partial.replace(note)

    def sweep(self, now: float | None = None) -> None:
        """Removes what makers that were killed left behind a day or more ago."""
        then = (time.time() if now is None else now) - _STALE
        for path in self.folder.glob(".*-*"):
            with suppress(OSError):
                if path.stat().st_mtime < then:
                    path.unlink()


def _noted(note: Path) -> tuple[str, int, int] | None:
    try:
        diff_id, size, changed = json.loads(note.read_text("utf-8"))
        return str(diff_id), int(size), int(changed)
    except (OSError, ValueError, TypeError):
        return None


def _digest(path: Path) -> str:
    total = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while piece := file.read(_CHUNK):
            total.update(piece)
    return f"sha256:{total.hexdigest()}"


def _gathered(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes in larger pieces: a header of 512 bytes is not worth a write of its own."""
    pieces: list[bytes] = []
    size = 0
    for piece in chunks:
        pieces.append(piece)
        size += len(piece)
        if size >= _CHUNK:
            yield b"".join(pieces)
            pieces, size = [], 0
    if pieces:
        yield b"".join(pieces)


def _write(descriptor: int, piece: bytes) -> None:
    view = memoryview(piece)
    while view:
        view = view[os.write(descriptor, view) :]
