"""The model as the uppermost layer: its tar is made as it is read, and never lies anywhere."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO

from deployer.errors import BuildError
from deployer.image.layers import LayerCache
from deployer.image.places import MODEL
from deployer.image.tar import Entry, folder_entry, stream_of, tar_chunks, tar_size
from deployer.image.values import Layer
from deployer.model.digest import FileDigest, ModelDigest, changed, open_regular
from deployer.model.progress import Meter, OnProgress
from deployer.model.tree import FileEntry, files_of, unreadable

__all__ = ["FolderLayer", "model_entries", "model_layer"]

_CHUNK = 1 << 20


@dataclass(frozen=True)
class FolderLayer(Layer):
    """A folder as a layer; its files are read each time that it is opened, a piece at a time.

    Attributes:
        root: The folder; nothing may write to it.
        place: Its path in the image.
    """

    diff_id: str
    size: int
    what: str
    root: Path = field(compare=False)
    place: str

    def open(self) -> AbstractContextManager[BinaryIO]:
        return stream_of(self.chunks())

    def chunks(self) -> Iterator[bytes]:
        """The tar, a piece at a time.

        Raises:
            SpecError: A file changed, or is none.
            BuildError: It has another size than before.
        """
        return tar_chunks(model_entries(files_of(self.root), self.place))


def model_layer(root: Path, model: str, cache: LayerCache, progress: OnProgress | None = None) -> FolderLayer:
    """The layer of a model's private copy. The first time it is read to the end, then its digest is remembered.

    Args:
        root: The copy, from `deployer.model.snapshot`.
        model: Its digest, in hex.
        cache: Where layers' digests are remembered.
        progress: Told bytes while it is read.

    Raises:
        BuildError: The folder holds another model.
        SpecError: It holds something that may not ship.
    """
    key = {"kind": "model", "model": model, "place": MODEL}
    known = cache.remembered(key)
    if known is None:
        known = _read(root, model, progress)
        cache.remember(key, *known)
    return FolderLayer(*known, "the model", root, MODEL)


def _read(root: Path, model: str, progress: OnProgress | None) -> tuple[str, int]:
    files = files_of(root)
    found: list[tuple[str, FileDigest]] = []
    entries = model_entries(files, MODEL, found)
    size = tar_size(entries)
    meter = Meter(size, "bytes", progress)
    total = hashlib.sha256()
    for piece in tar_chunks(entries):
        total.update(piece)
        meter.advance(len(piece))
    have = ModelDigest.of(found).sha256
    if have != model:
        raise BuildError(
            f"the folder holds another model: planned {model[:12]}, found {have[:12]}",
            where=str(root),
            hint="run the command again",
        )
    return f"sha256:{total.hexdigest()}", size


def model_entries(
    files: Sequence[FileEntry], place: str, found: list[tuple[str, FileDigest]] | None = None
) -> list[Entry]:
    """A model's files as a tar's entries; with ``found``, each file's digest is put there as it is read."""
    return [
        folder_entry(place),
        *(Entry(f"{place}/{file.path}", "file", file.size, chunks=partial(_pieces, file, found)) for file in files),
    ]


def _pieces(file: FileEntry, found: list[tuple[str, FileDigest]] | None) -> Iterator[bytes]:
    total = hashlib.sha256() if found is not None else None
    try:
        descriptor = open_regular(file)
        with os.fdopen(descriptor, "rb", buffering=0) as stream:
            before = os.fstat(descriptor)
            while piece := stream.read(_CHUNK):
                if total:
                    total.update(piece)
                yield piece
            if os.fstat(descriptor).st_mtime_ns != before.st_mtime_ns:
                raise changed(file)
    except OSError as error:
        raise unreadable(error, file.location) from None
    if found is not None and total:
        found.append((file.path, FileDigest(file.size, total.hexdigest())))
