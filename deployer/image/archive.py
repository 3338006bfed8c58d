"""Archives that ``docker load`` reads, made while they are read: as ``docker save`` writes them, and as OCI layouts.

Sources: moby's ``image/spec`` 1.2, "Combined Image JSON + Filesystem Changeset Format" (a layer's file may be
compressed: the engine looks at its first bytes); OCI image-spec 1.1, "Image Layout", and containerd's
``images/archive/importer.go`` for the annotation that names an image.
"""

from __future__ import annotations

import json
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import BinaryIO, cast

from deployer.image.manifest import Blob, blob_of
from deployer.image.values import CHUNK, BaseLayer, BaseSource, Image
from deployer.value import canonical

__all__ = ["LaidOut", "Member", "archive", "laid_out", "layout_archive", "members_of"]

_OCI = "application/vnd.oci.image"


@dataclass(frozen=True)
class Member:
    """A layer on its way into an archive.

    Attributes:
        diff_id: Its plain tar's digest.
        size: Bytes of its file; None when that is seen only by reading it.
        open: Opens its file.
        digest: Of its file.
        compressed: How its file is compressed: ``gzip``, ``zstd``, or "" for a plain tar.
    """

    diff_id: str
    size: int | None
    open: Callable[[], AbstractContextManager[BinaryIO]]
    digest: str
    compressed: str = ""


def members_of(image: Image) -> tuple[Member, ...]:
    """All layers of an image: the base's as its source has them, ours plain."""
    source = image.base.source
    base = (
        Member(each.diff_id, each.size, _opener(source, each), each.digest or each.diff_id, _compression(each))
        for each in image.base.layers
    )
    return (*base, *(Member(each.diff_id, each.size, each.open, each.diff_id) for each in image.layers))


def _compression(layer: BaseLayer) -> str:
    return next((each for each in ("gzip", "zstd") if layer.digest and layer.media_type.endswith(each)), "")


def archive(
    config: bytes, digest: str, members: tuple[Member, ...], *, names: tuple[str, ...] = (), there: int = 0
) -> Iterator[bytes]:
    """An archive, a piece at a time; the same bytes for the same layers and names.

    Args:
        config: The image's configuration.
        digest: Its digest.
        members: Its layers, the lowest first.
        names: With tags; what the image is to be called.
        there: How many of the lowest layers the engine has, whose files are left out.
    """
    files = [f"{each.diff_id.partition(':')[2]}.tar" for each in members]
    name = f"{digest.partition(':')[2]}.json"
    document = [{"Config": name, "Layers": files, "RepoTags": list(names) or None}]
    yield from _file(name, config)
    yield from _file("manifest.json", json.dumps(document, sort_keys=True, separators=(",", ":")).encode())
    written: set[str] = {each.diff_id for each in members[:there]}
    for file, member in zip(files, members, strict=True):
        if member.diff_id not in written:
            written.add(member.diff_id)
            yield from _layer(file, member)
    yield b"\0" * (2 * tarfile.BLOCKSIZE)


@dataclass(frozen=True)
class LaidOut:
    """What an OCI layout says of an image.

    Attributes:
        manifest: Canonical JSON.
        digest: The manifest's, by which containerd's store names the image.
        sizes: Bytes of each layer's file, in their order.
    """

    manifest: bytes
    digest: str
    sizes: tuple[int, ...]


def laid_out(config: Blob, members: tuple[Member, ...], known: Mapping[str, int]) -> LaidOut:
    """The manifest of an image.

    Args:
        config: Its configuration.
        members: Its layers, the lowest first.
        known: Digest of a file -> its size, for those that would have to be read for it.
    """
    sizes = tuple(each.size if each.size is not None else known.get(each.digest) or _size(each) for each in members)
    layers = [
        {"mediaType": f"{_OCI}.layer.v1.tar{each.compressed and f'+{each.compressed}'}", "digest": each.digest,
         "size": size}
        for each, size in zip(members, sizes, strict=True)
    ]  # fmt: skip
    manifest = canonical(
        {
            "schemaVersion": 2,
            "mediaType": f"{_OCI}.manifest.v1+json",
            "config": {"mediaType": f"{_OCI}.config.v1+json", "digest": config.digest, "size": config.size},
            "layers": layers,
        }
    )
    return LaidOut(manifest, blob_of(manifest).digest, sizes)


def layout_archive(
    config: bytes, found: LaidOut, members: tuple[Member, ...], *, names: tuple[str, ...] = (),
    there: frozenset[str] = frozenset(),
) -> Iterator[bytes]:  # fmt: skip
    """An image as an archive of an OCI layout, a piece at a time, as ``docker load`` takes it into containerd's store.

    Args:
        config: The image's configuration.
        found: What the layout says of it.
        members: Its layers, the lowest first.
        names: With host and tag; what the image is to be called.
        there: Digests of files that are left out, since the engine has them.
    """
    described = {"mediaType": f"{_OCI}.manifest.v1+json", "digest": found.digest, "size": len(found.manifest)}
    named = [{**described, "annotations": {"io.containerd.image.name": name}} for name in names]
    index = {"schemaVersion": 2, "mediaType": f"{_OCI}.index.v1+json", "manifests": named or [described]}
    yield from _file("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
    yield from _file("index.json", canonical(index))
    yield from _file(_place(found.digest), found.manifest)
    yield from _file(_place(blob_of(config).digest), config)
    written = {*there}
    for member, size in zip(members, found.sizes, strict=True):
        if member.digest not in written:
            written.add(member.digest)
            yield from _layer(_place(member.digest), replace(member, size=size))
    yield b"\0" * (2 * tarfile.BLOCKSIZE)


def _place(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _size(member: Member) -> int:
    with member.open() as stream:
        return sum(len(piece) for piece in iter(lambda: stream.read(CHUNK), b""))


def _file(name: str, content: bytes) -> Iterator[bytes]:
    yield _header(name, len(content)) + content + _padding(len(content))


def _layer(name: str, member: Member) -> Iterator[bytes]:
    with _measured(member) as (size, stream):
        yield _header(name, size)
        left = size
        while left and (piece := stream.read(min(CHUNK, left))):
            left -= len(piece)
            yield piece
        stream.read(1)  # its end, where it is checked
        if left:
            raise EOFError(f"{name} ended {left} bytes early")
        yield _padding(size)


@contextmanager
def _measured(member: Member) -> Iterator[tuple[int, BinaryIO]]:
    with member.open() as stream:
        if member.size is not None:
            yield member.size, stream
            return
        with tempfile.TemporaryFile() as copy:
            while piece := stream.read(CHUNK):
                copy.write(piece)
            size = copy.tell()
            copy.seek(0)
            yield size, cast("BinaryIO", copy)


def _header(name: str, size: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o644
    return member.tobuf(tarfile.PAX_FORMAT)


def _padding(size: int) -> bytes:
    return b"\0" * (-size % tarfile.BLOCKSIZE)


def _opener(source: BaseSource, layer: BaseLayer) -> Callable[[], AbstractContextManager[BinaryIO]]:
    return lambda: source.open_layer(layer)
