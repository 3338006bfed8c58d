"""Base images that an engine has. It gives its images as ``docker save`` archives only, which are read as they come.

The archive has the exact configuration (the engine's ``inspect`` has not), and each layer as a plain tar; since
Docker 25, and with containerd's store, it is an OCI layout besides, there with layers as they were pulled. So files are
known by what is in them, not by their names.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, cast

from deployer.errors import BuildError
from deployer.image.decompress import opened_plain
from deployer.image.listing import Listing, read_listing
from deployer.image.values import BaseLayer, BaseSource
from deployer.target import Engine, HeldImage

__all__ = ["PLAIN_LAYER", "EngineSource", "Hashing", "read_saved"]

PLAIN_LAYER = "application/vnd.docker.image.rootfs.diff.tar"
"""The media type of layers that an engine gives."""

_LARGEST_CONFIG = 16 << 20
_IN_MEMORY = 8 << 20


@dataclass(frozen=True)
class EngineSource(BaseSource):
    """An image in an engine.

    Attributes:
        engine: The engine.
        image: Its handle there.
    """

    engine: Engine = field(repr=False)
    image: str

    @contextlib.contextmanager
    def open_layer(self, layer: BaseLayer) -> Iterator[BinaryIO]:
        """As the contract says; the archive is read as far as the layer."""
        with tempfile.TemporaryFile() as copy:
            with self.engine.save(self.image) as stream:
                found = any(_copied(member, layer.diff_id, copy, self.image) for member in _members(stream, self.image))
            if not found:
                raise BuildError(
                    f"the engine does not give layer {layer.diff_id} any more", where=self.image, hint="pull it again"
                )
            copy.seek(0)
            yield cast("BinaryIO", copy)


def read_saved(engine: Engine, held: HeldImage) -> tuple[bytes, tuple[Listing, ...]]:
    """The configuration and what lies in the layers, from one reading of the archive.

    Raises:
        BuildError: The archive lacks something.
        TargetUnavailable: The engine does not answer.
    """
    config: bytes | None = None
    listings: dict[str, Listing] = {}
    with engine.save(held.handle) as stream:
        for member in _members(stream, held.id):
            if member.peek(1)[:1] in b"{[" and member.peek(1):
                content = member.read(_LARGEST_CONFIG)
                if f"sha256:{hashlib.sha256(content).hexdigest()}" == held.id:
                    config = content
            else:
                _list_layer(member, frozenset(held.diff_ids), listings, held.id)
    missing = [each for each in held.diff_ids if each not in listings]
    if config is None or missing:
        raise BuildError(
            f"the engine's archive lacks {'its configuration' if config is None else f'layer {missing[0]}'}",
            where=held.references[0] if held.references else held.id,
            hint="pull the base again, or take it from its registry",
        )
    json.loads(config)
    return config, tuple(listings[each] for each in held.diff_ids)


class Hashing(io.RawIOBase):
    """A stream that sums up what passes.

    Args:
        source: What is read.
    """

    def __init__(self, source: BinaryIO) -> None:
        super().__init__()
        self._source = source
        self._sum = hashlib.sha256()

    @property
    def digest(self) -> str:
        """Of what was read so far."""
        return f"sha256:{self._sum.hexdigest()}"

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: memoryview | bytearray) -> int:  # type: ignore[override]
        """As of any stream."""
        count = self._source.readinto(buffer) or 0  # type: ignore[attr-defined]
        self._sum.update(memoryview(buffer)[:count])
        return int(count)


def _members(stream: BinaryIO, where: str) -> Iterator[io.BufferedReader]:
    try:
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isfile() and member.size else None
                if content is not None:
                    yield io.BufferedReader(cast("io.RawIOBase", content), 1 << 18)
    except tarfile.TarError as error:
        raise BuildError(f"the engine's archive cannot be read: {error}", where=where, hint="try again") from None


def _list_layer(member: io.BufferedReader, wanted: frozenset[str], listings: dict[str, Listing], where: str) -> None:
    with opened_plain(member, where) as plain:
        hashing = Hashing(plain)
        try:
            listing = read_listing(cast("BinaryIO", io.BufferedReader(hashing, 1 << 18)), where)
        except BuildError:
            return  # VERSION and the like
        _drain(hashing)
    if hashing.digest in wanted:
        listings[hashing.digest] = listing


def _copied(
    member: io.BufferedReader, diff_id: str, copy: tempfile._TemporaryFileWrapper[bytes] | BinaryIO, where: str
) -> bool:
    copy.seek(0)
    copy.truncate()
    with opened_plain(member, where) as plain:
        hashing = Hashing(plain)
        while piece := hashing.read(1 << 18):
            copy.write(piece)
    return hashing.digest == diff_id


def _drain(stream: io.RawIOBase) -> None:
    while stream.read(1 << 18):
        pass
