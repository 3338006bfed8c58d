"""Base images in a registry. Their blobs are kept on this host once they were read, by their digest."""

from __future__ import annotations

import contextlib
import io
import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from deployer.errors import BuildError
from deployer.image.manifest import Parsed, chosen, parsed, read_document
from deployer.image.reference import name_of
from deployer.image.registry import RegistryClient
from deployer.image.registry.blobs import Verified
from deployer.image.values import BaseLayer, BaseSource, ImageReference
from deployer.model.used import mark_used

__all__ = ["RegistrySource", "resolve"]

_LARGEST_CONFIG = 16 << 20


@dataclass(frozen=True)
class RegistrySource(BaseSource):
    """An image in a registry.

    Attributes:
        client: Of the registry.
        reference: The repository, with the digest of the platform's manifest.
        kept: Folder for blobs that were read to their end.
    """

    client: RegistryClient = field(repr=False)
    reference: ImageReference
    kept: Path

    def open_layer(self, layer: BaseLayer) -> AbstractContextManager[BinaryIO]:
        """As the contract says."""
        if layer.digest is None:
            raise BuildError("the layer is not of a registry", where=name_of(self.reference))
        return self._open(layer.digest, layer.size)

    @contextlib.contextmanager
    def _open(self, digest: str, size: int | None) -> Iterator[BinaryIO]:
        path = self.kept / digest.partition(":")[2]
        with contextlib.suppress(OSError):
            if size is None or path.stat().st_size == size:
                with path.open("rb") as file, io.BufferedReader(Verified(file, digest, str(path)), 1 << 18) as kept:
                    mark_used(path)
                    yield kept
                return
        with self.client.open_blob(self.reference, digest, size) as stream, _keeping(stream, path) as both:
            yield both


def resolve(client: RegistryClient, reference: ImageReference, platform: str) -> tuple[ImageReference, Parsed, bytes]:
    """Finds the image of a platform.

    Args:
        client: Of the registry.
        reference: A tag, or a digest of a manifest or an index.
        platform: ``linux/amd64``.

    Returns:
        The repository with the digest of that image's own manifest, what this says, and its configuration.

    Raises:
        BuildError: There is none, or it is refused.
        SpecError: It is not for that platform.
        TargetUnavailable: The registry does not answer.
    """
    where = name_of(reference)
    at = reference
    while True:
        found = client.manifest(at)
        document = read_document(found.content, where)
        entry = chosen(document, platform, where)
        at = ImageReference(reference.registry, reference.repository, digest=entry.digest if entry else found.digest)
        if entry is None:
            break
    manifest = parsed(document, where)
    with client.open_blob(at, manifest.config.digest, manifest.config.size) as stream:
        config = stream.read(_LARGEST_CONFIG) + stream.read(1)
    return at, manifest, config


@contextlib.contextmanager
def _keeping(source: BinaryIO, path: Path) -> Iterator[BinaryIO]:
    """The stream, written beside; the copy is kept when it was read to its end without an error."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        file = partial.open("wb")
    except OSError:
        yield source  # a full or unwritable cache is no reason not to go on
        return
    tee = _Tee(source, file)
    try:
        yield io.BufferedReader(tee, 1 << 18)
        file.close()
        if tee.whole:
            partial.replace(path)
    finally:
        file.close()
        partial.unlink(missing_ok=True)


class _Tee(io.RawIOBase):
    def __init__(self, source: BinaryIO, copy: BinaryIO) -> None:
        super().__init__()
        self._source = source
        self._copy: BinaryIO | None = copy
        self.whole = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview | bytearray) -> int:  # type: ignore[override]
        count = self._source.readinto(buffer) or 0  # type: ignore[attr-defined]
        if not count:
            self.whole = self._copy is not None
        elif self._copy is not None:
            try:
                self._copy.write(memoryview(buffer)[:count])
            except OSError:
                self._copy = None
        return int(count)
