"""Blobs as streams that know what they must be."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO

from deployer.errors import BuildError

if TYPE_CHECKING:
    import requests

__all__ = ["Resumed", "Verified"]

_TIMES = 4
"""How often one blob's download is taken up again."""


class Resumed(io.RawIOBase):
    """A download that goes on where it was when its connection breaks.

    Args:
        open_at: Asks for the blob from an offset; the answer is 206, or 200 from the beginning.
        size: Bytes in all; None when not known, and a break is then seen as late as the digest is.
        failed: Makes the error when it cannot go on.
    """

    def __init__(
        self,
        open_at: Callable[[int], requests.Response],
        size: int | None,
        failed: Callable[[BaseException], Exception],
    ) -> None:
        super().__init__()
        self._open_at = open_at
        self._size = size
        self._failed = failed
        self._at = 0
        self._left = _TIMES
        self._answer = open_at(0)
        stated = self._answer.headers.get("Content-Length", "")
        if self._size is None and stated.isdigit():
            self._size = int(stated)

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: memoryview | bytearray) -> int:  # type: ignore[override]
        """Reads what there is, at most the buffer's length; 0 at the end."""
        import urllib3

        while True:
            try:
                piece = self._answer.raw.read(len(buffer), decode_content=False)
            except (urllib3.exceptions.HTTPError, OSError) as error:
                self._again(error)
                continue
            if not piece and self._size is not None and self._at < self._size:
                self._again(EOFError("the connection ended early"))
                continue
            buffer[: len(piece)] = piece
            self._at += len(piece)
            return len(piece)

    def close(self) -> None:
        """Lets go of the connection."""
        self._answer.close()
        super().close()

    def _again(self, error: BaseException) -> None:
        self._answer.close()
        if self._left <= 0:
            raise self._failed(error) from None
        self._left -= 1
        self._answer = self._open_at(self._at)
        if self._answer.status_code == 200:
            skip = self._at
            while skip and (piece := self._answer.raw.read(min(skip, 1 << 20), decode_content=False)):
                skip -= len(piece)


class Verified(io.RawIOBase):
    """A stream that raises at its end unless it was what its digest says.

    Args:
        source: What is read; closed with this.
        digest: ``sha256:...``.
        where: For the error.
    """

    def __init__(self, source: BinaryIO | io.RawIOBase, digest: str, where: str) -> None:
        super().__init__()
        self._source = source
        self._digest = digest
        self._where = where
        self._sum = hashlib.sha256()

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: memoryview | bytearray) -> int:  # type: ignore[override]
        """As of any stream.

        Raises:
            BuildError: At the end, when it was something else.
        """
        count = self._source.readinto(buffer) or 0  # type: ignore[union-attr]
        if count:
            self._sum.update(memoryview(buffer)[:count])
        elif f"sha256:{self._sum.hexdigest()}" != self._digest:
            raise BuildError(
                f"a layer or document is not what its digest says: {self._digest}",
                where=self._where,
                hint="try again; if it stays so, the registry or a proxy before it is broken",
            )
        return count

    def close(self) -> None:
        """Closes the source too."""
        self._source.close()
        super().close()
