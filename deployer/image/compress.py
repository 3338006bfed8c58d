"""Layers as the gzip blobs that registries store, each made once on this host.

The compressor is part of an image's manifest digest, so it is one: ISA-L's igzip at level 2. Its output does not depend
on the CPU's vector instructions (tried: SSE4.2, AVX2, AVX-512; level 3 does depend on them) nor on how the input is cut
into pieces, it is four times as fast as zlib's level 1, and as small. What an image is compared by is the digest of its
configuration, which names the plain layers: another compressor would cost an upload, and nothing else.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from deployer.errors import BuildError
from deployer.image.decompress import is_gzip, opened_plain
from deployer.image.engine_source import Hashing
from deployer.image.manifest import Blob
from deployer.image.values import CHUNK, BaseLayer, BaseSource, Image
from deployer.model.used import mark_used

__all__ = ["BlobStore", "NewFile", "Outgoing", "gzipped", "outgoing"]

_LEVEL = 2
_COMPRESSOR = f"igzip-{_LEVEL}"
_GZIP = 31
"""zlib's ``wbits`` for a gzip header; it carries no time and no name."""


@dataclass
class NewFile:
    """A file that is being written.

    Attributes:
        file: Itself.
        path: Where it will be.
    """

    file: BinaryIO
    path: Path | None

    def write(self, piece: bytes) -> int:
        """Adds to it."""
        return self.file.write(piece)


@dataclass(frozen=True)
class BlobStore:
    """Blobs on this host, by their digest, and which blob a plain layer became.

    Args:
        folder: Only ever added to here; a file that is there is whole.
    """

    folder: Path

    def path(self, digest: str) -> Path:
        """Where a blob lies, if it does."""
        return self.folder / digest.partition(":")[2]

    def has(self, blob: Blob) -> bool:
        """Whether a blob is there."""
        try:
            return self.path(blob.digest).stat().st_size == blob.size
        except OSError:
            return False

    def takes(self, blob: Blob) -> bool:
        """Whether a blob is there; if so, it is marked as used now."""
        there = self.has(blob)
        if there:
            mark_used(self.path(blob.digest))
        return there

    def known(self, diff_id: str) -> Blob | None:
        """The blob that a layer became when it was compressed, which may be gone from here."""
        try:
            found = json.loads(self._note(diff_id).read_text("utf-8"))
            blob = Blob(str(found["digest"]), int(found["size"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        mark_used(self._note(diff_id))
        return blob

    def remember(self, diff_id: str, blob: Blob) -> None:
        """Notes what a layer became."""
        with self.adding(self._note(diff_id)) as file:
            file.write(json.dumps({"digest": blob.digest, "size": blob.size}).encode())

    @contextlib.contextmanager
    def adding(self, path: Path | None = None) -> Iterator[NewFile]:
        """A file that gets its name when nothing was raised: `path`, or the one that `NewFile.path` was set to."""
        target = path or self.folder / "blob"
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial = target.with_name(f".{target.name}.{secrets.token_hex(6)}")
        try:
            with partial.open("wb") as file:
                new = NewFile(file, path)
                yield new
            if new.path is not None:
                partial.replace(new.path)
        finally:
            partial.unlink(missing_ok=True)

    def _note(self, diff_id: str) -> Path:
        return self.folder / _COMPRESSOR / f"{diff_id.partition(':')[2]}.json"


@dataclass(frozen=True)
class Outgoing:
    """A layer as a registry is to store it.

    Attributes:
        diff_id: Its plain tar's digest.
        what: For people.
        own: Whether it is ours; else the base's.
        known: Its blob, when that is known without making it.
        make: Puts the blob into the store, unless it is there, and gives it.
    """

    diff_id: str
    what: str
    own: bool
    known: Blob | None
    make: Callable[[], Blob]


def outgoing(image: Image, store: BlobStore) -> tuple[Outgoing, ...]:
    """The layers of an image, the base's first. Those of the base stay as they are, if they are gzip."""
    found: list[Outgoing] = []
    for layer in image.base.layers:
        if is_gzip(layer.media_type) and layer.digest is not None and layer.size is not None:
            blob = Blob(layer.digest, layer.size)
            make = _fetching(image.base.source, layer, blob, store)
            found.append(Outgoing(layer.diff_id, image.base.reference, own=False, known=blob, make=make))
        else:
            make = _compressing(layer.diff_id, _plain(image.base.source, layer, image.base.reference), store)
            known = store.known(layer.diff_id)
            found.append(Outgoing(layer.diff_id, image.base.reference, own=False, known=known, make=make))
    for ours in image.layers:
        make = _compressing(ours.diff_id, ours.open, store)
        found.append(Outgoing(ours.diff_id, ours.what, own=True, known=store.known(ours.diff_id), make=make))
    return tuple(found)


def gzipped(store: BlobStore, diff_id: str, open_plain: Callable[[], AbstractContextManager[BinaryIO]]) -> Blob:
    """The gzip blob of a layer, made unless it is in the store.

    Args:
        store: Where it goes.
        diff_id: What the plain tar must be.
        open_plain: Opens that.

    Raises:
        BuildError: It is something else.
    """
    from isal import isal_zlib

    known = store.known(diff_id)
    if known is not None and store.takes(known):
        return known
    compressor = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, _GZIP)
    plain, packed, size = hashlib.sha256(), hashlib.sha256(), 0
    with open_plain() as source, store.adding() as file:
        while piece := source.read(CHUNK):
            plain.update(piece)
            made = compressor.compress(piece)
            packed.update(made)
            size += file.write(made)
        made = compressor.flush()
        packed.update(made)
        size += file.write(made)
        if f"sha256:{plain.hexdigest()}" != diff_id:
            raise BuildError(
                f"a layer is not what its digest says: {diff_id}",
                where=str(getattr(source, "name", store.folder)),
                hint="the cache on this host is damaged: remove that file",
            )
        blob = Blob(f"sha256:{packed.hexdigest()}", size)
        file.path = store.path(blob.digest)
    store.remember(diff_id, blob)
    return blob


def _compressing(
    diff_id: str, open_plain: Callable[[], AbstractContextManager[BinaryIO]], store: BlobStore
) -> Callable[[], Blob]:
    return lambda: gzipped(store, diff_id, open_plain)


def _fetching(source: BaseSource, layer: BaseLayer, blob: Blob, store: BlobStore) -> Callable[[], Blob]:
    def make() -> Blob:
        if store.takes(blob):
            return blob
        with source.open_layer(layer) as stream, store.adding() as file:
            hashing = Hashing(stream)
            while piece := hashing.read(CHUNK):
                file.write(piece)
            if hashing.digest != blob.digest:
                raise BuildError(f"a layer of the base is not what its digest says: {blob.digest}", hint="try again")
            file.path = store.path(blob.digest)
        return blob

    return make


def _plain(source: BaseSource, layer: BaseLayer, where: str) -> Callable[[], AbstractContextManager[BinaryIO]]:
    @contextlib.contextmanager
    def opened() -> Iterator[BinaryIO]:
        with source.open_layer(layer) as blob, opened_plain(blob, where) as plain:
            yield cast("BinaryIO", io.BufferedReader(cast("io.RawIOBase", plain), CHUNK))

    return opened
