"""Deterministic tar archives: the same entries give the same bytes, in whatever order, on whatever system.

Written here and not by `tarfile`, whose headers changed between Python versions. Root owns everything, every time is
`places.TIME`, modes are 0644 and 0755; folders come before what is in them. A header is POSIX ustar where that can
hold the name and size, else a pax header stands before it (POSIX.1-2017, pax, "ustar Interchange Format").
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from deployer.errors import BuildError
from deployer.image.places import TIME

__all__ = [
    "BLOCK",
    "Entry",
    "digest_of",
    "file_entry",
    "folder_entry",
    "link_entry",
    "stream_of",
    "tar_chunks",
    "tar_size",
]

BLOCK = 512
_END = bytes(2 * BLOCK)
_CHUNK = 1 << 20
_APART = "two packages claim it; do without one, or name another version"
_LARGEST_OCTAL = 0o77777777777
"""Bytes of the largest file that an ustar header can hold, 8 GiB less one."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in an archive.

    Attributes:
        path: From the image's root, without a leading slash.
        kind: ``file``, ``folder`` or ``link``.
        size: Bytes of a file; 0 for others.
        executable: Whether a file's mode is 0755 and not 0644.
        link: Where a symbolic link leads to.
        chunks: A file's content; called once for each time that the archive is written.
    """

    path: str
    kind: str = "file"
    size: int = 0
    executable: bool = False
    link: str = ""
    chunks: Callable[[], Iterable[bytes]] = tuple


def file_entry(path: str, content: bytes, *, executable: bool = False) -> Entry:
    """A file whose content is at hand."""
    return Entry(path, "file", len(content), executable, chunks=lambda: (content,))


def folder_entry(path: str) -> Entry:
    """A folder that is there although nothing is in it; those of other entries come by themselves."""
    return Entry(path, "folder")


def link_entry(path: str, target: str) -> Entry:
    """A symbolic link."""
    return Entry(path, "link", link=target)


def tar_chunks(entries: Iterable[Entry]) -> Iterator[bytes]:
    """The archive, a piece at a time; memory holds one piece.

    Raises:
        BuildError: Two entries have one path, or a file's content is not of the size that was told.
    """
    for entry in _ordered(entries):
        yield _header(entry)
        if entry.kind == "file":
            yield from _content(entry)
    yield _END


def tar_size(entries: Iterable[Entry]) -> int:
    """Bytes of the archive, without reading any content."""
    return sum(len(_header(entry)) + entry.size + -entry.size % BLOCK for entry in _ordered(entries)) + len(_END)


def stream_of(chunks: Iterator[bytes]) -> BinaryIO:
    """Pieces as a stream to read from; closing it closes their generator."""
    return io.BufferedReader(_Pieces(chunks), _CHUNK)


class _Pieces(io.RawIOBase):
    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]
        while not self._rest:
            piece = next(self._chunks, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        count = min(len(view), len(self._rest))
        view[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def close(self) -> None:
        if not self.closed:
            close = getattr(self._chunks, "close", None)
            if close:
                close()
        super().close()


def _ordered(entries: Iterable[Entry]) -> list[Entry]:
    """By path, each folder once and before what is in it."""
    known: dict[str, Entry] = {}
    for entry in entries:
        other = known.setdefault(entry.path, entry)
        if other is not entry and not (other.kind == entry.kind == "folder"):
            raise BuildError("two things in a layer have the same path", where=f"/{entry.path}", hint=_APART)
    for path in list(known):
        while (path := path.rpartition("/")[0]) and known.setdefault(path, folder := folder_entry(path)) is folder:
            pass
        if path and known[path].kind != "folder":
            raise BuildError("in a layer something is both a file and a folder", where=f"/{path}", hint=_APART)
    return [known[path] for path in sorted(known, key=lambda path: path.encode().split(b"/"))]


def _content(entry: Entry) -> Iterator[bytes]:
    written = 0
    for piece in entry.chunks():
        written += len(piece)
        if written > entry.size:
            break
        yield piece
    if written != entry.size:
        raise BuildError(
            f"the file is not of the size that it had before, {entry.size} bytes",
            where=f"/{entry.path}",
            hint="something changes it; try again",
        )
    if entry.size % BLOCK:
        yield bytes(-entry.size % BLOCK)


_FLAGS = {"file": b"0", "link": b"2", "folder": b"5"}


def _header(entry: Entry) -> bytes:
    path = entry.path.encode() + (b"/" if entry.kind == "folder" else b"")
    link = entry.link.encode()
    placed = _placed(path)
    extended = b""
    if placed is None:
        extended += _record(b"path", path)
    if len(link) > 100 or not link.isascii():
        extended += _record(b"linkpath", link)
        link = b""
    if entry.size > _LARGEST_OCTAL:
        extended += _record(b"size", b"%d" % entry.size)
    mode = 0o777 if entry.kind == "link" else 0o755 if entry.executable or entry.kind == "folder" else 0o644
    name, prefix = placed or (b"pax", b"")
    size = entry.size if entry.size <= _LARGEST_OCTAL else 0
    header = _ustar(name, prefix, mode=mode, size=size, flag=_FLAGS[entry.kind], link=link)
    if not extended:
        return header
    padded = extended + bytes(-len(extended) % BLOCK)
    return _ustar(b"pax", b"", mode=0o644, size=len(extended), flag=b"x") + padded + header


def _placed(path: bytes) -> tuple[bytes, bytes] | None:
    """The two fields that an ustar header has for a path, or None if it does not fit."""
    if not path.isascii():
        return None
    if len(path) <= 100:
        return path, b""
    cut = path.find(b"/", max(0, len(path) - 101), len(path) - 1)
    if 0 < cut <= 155:
        return path[cut + 1 :], path[:cut]
    return None


def _record(key: bytes, value: bytes) -> bytes:
    """``LENGTH KEY=VALUE``, where the length counts itself."""
    rest = b" " + key + b"=" + value + b"\n"
    length = len(rest)
    while length != len(rest) + len(b"%d" % length):
        length = len(rest) + len(b"%d" % length)
    return b"%d" % length + rest


def _ustar(name: bytes, prefix: bytes, *, mode: int, size: int, flag: bytes, link: bytes = b"") -> bytes:
    start = b"%s%07o\0%07o\0%07o\0%011o\0%011o\0" % (name.ljust(100, b"\0"), mode, 0, 0, size, TIME)
    end = b"%s%s%s%s%s" % (
        flag,
        link.ljust(100, b"\0"),
        b"ustar\x0000".ljust(72, b"\0"),
        b"0000000\x000000000\0",
        prefix.ljust(167, b"\0"),
    )
    checksum = sum(start) + sum(end) + 8 * 32
    return start + b"%06o\0 " % checksum + end


def digest_of(chunks: Iterable[bytes]) -> tuple[str, int]:
    """``sha256:...`` and size of what the pieces make together."""
    total, size = hashlib.sha256(), 0
    for piece in chunks:
        total.update(piece)
        size += len(piece)
    return f"sha256:{total.hexdigest()}", size
