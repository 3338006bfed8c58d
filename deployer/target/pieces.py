"""Bytes that come in pieces, as a file that is read forwards: for what takes files alone."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import IO, Any

__all__ = ["Forwards", "Pieces"]


class Pieces(io.RawIOBase):
    """Pieces of bytes as a file.

    Args:
        pieces: In their order.
    """

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._left = memoryview(b"")

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """As a file's."""
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._left = memoryview(piece)
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count

    def drain(self) -> None:
        """Take what is left: who unpacks an archive stops where it ends, and whoever gives it has a last word."""
        self._left = memoryview(b"")
        for _ in self._pieces:
            pass


class Forwards:
    """A file that can be read, and nothing else: an SDK would wind one back that says that it can.

    Args:
        source: The file.
    """

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source

    def read(self, size: int = -1) -> bytes:
        """As a file's."""
        return self._source.read(size)
