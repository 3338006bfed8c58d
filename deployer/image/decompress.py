"""A layer's blob as its plain tar, whatever it is compressed with. The first bytes tell, not the media type."""

from __future__ import annotations

import contextlib
import importlib
import io
import sys
from collections.abc import Iterator
from typing import BinaryIO, cast

from deployer.errors import BuildError, DeployerError

__all__ = ["is_gzip", "opened_plain"]

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_BUFFER = 1 << 18


@contextlib.contextmanager
def opened_plain(blob: BinaryIO, where: str) -> Iterator[BinaryIO]:
    """The tar in a blob; the blob is read to its end when the tar is, so that its digest is checked.

    Args:
        blob: Gzip, zstd or plain.
        where: The image, for the error.

    Raises:
        BuildError: While reading: it is damaged, or compressed with something else.
    """
    buffered = io.BufferedReader(cast("io.RawIOBase", blob), _BUFFER)
    magic = buffered.peek(4)[:4]
    with contextlib.ExitStack() as stack:
        if magic.startswith(_GZIP):
            from isal import igzip

            plain = stack.enter_context(igzip.IGzipFile(fileobj=buffered, mode="rb"))  # type: ignore[no-untyped-call]
            yield _guarded(cast("BinaryIO", plain), where)
        elif magic == _ZSTD:
            yield _guarded(stack.enter_context(_zstd(cast("BinaryIO", buffered))), where)
        else:
            yield cast("BinaryIO", buffered)
        while buffered.read(_BUFFER):
            pass


def is_gzip(media_type: str) -> bool:
    """Whether a media type of Docker's or OCI's says gzip."""
    return media_type.endswith((".gzip", "+gzip"))


def _zstd(stream: BinaryIO) -> contextlib.AbstractContextManager[BinaryIO]:
    name = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
    try:
        zstd = importlib.import_module(name)
    except ModuleNotFoundError:
        raise BuildError(
            "a layer is compressed with zstd, which this Python cannot read",
            hint="pip install backports.zstd, or take another image.base",
        ) from None
    return cast("contextlib.AbstractContextManager[BinaryIO]", zstd.ZstdFile(stream, "rb"))


class _Guarded(io.RawIOBase):
    """A decompressor whose errors are ours; those of what lies below it and above it stay their own."""

    def __init__(self, source: BinaryIO, where: str) -> None:
        super().__init__()
        self._source = source
        self._where = where

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview | bytearray) -> int:  # type: ignore[override]
        try:
            return int(self._source.readinto(buffer) or 0)  # type: ignore[attr-defined]
        except DeployerError:
            raise
        except Exception as error:  # gzip's are OSError, EOFError and zlib's own, zstd's are Exception
            raise BuildError(f"a layer cannot be decompressed: {error}", where=self._where, hint="try again") from None


def _guarded(source: BinaryIO, where: str) -> BinaryIO:
    return cast("BinaryIO", io.BufferedReader(_Guarded(source, where), _BUFFER))
