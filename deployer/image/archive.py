"""Archives as ``docker save`` writes them and ``docker load`` reads them, made while they are read.

Source: moby's ``image/spec`` 1.2, "Combined Image JSON + Filesystem Changeset Format". A layer's file may be
compressed: the engine looks at its first bytes.
"""

from __future__ import annotations

import json
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import BinaryIO, cast

from deployer.image.values import CHUNK, BaseLayer, BaseSource, Image

__all__ = ["Member", "archive", "members_of"]


@dataclass(frozen=True)
class Member:
    """A layer on its way into an archive.

    Attributes:
        diff_id: Its plain tar's digest.
        size: Bytes of its file; None when that is seen only by reading it.
        open: Opens its file.
    """

    diff_id: str
    size: int | None
    open: Callable[[], AbstractContextManager[BinaryIO]]


def members_of(image: Image) -> tuple[Member, ...]:
    """All layers of an image: the base's as its source has them, ours plain."""
    source = image.base.source
    base = (Member(each.diff_id, each.size, _opener(source, each)) for each in image.base.layers)
    return (*base, *(Member(each.diff_id, each.size, each.open) for each in image.layers))


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
