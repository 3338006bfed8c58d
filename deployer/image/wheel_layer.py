"""The layers of wheels: each laid out by itself, small ones put together from what was laid out."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from deployer.image.bytecode import Compiler, cached_name
from deployer.image.places import VENV, site_packages
from deployer.image.record import installed_record
from deployer.image.tar import Entry, file_entry, folder_entry, tar_chunks
from deployer.image.unpack import OpenedWheel, open_wheel
from deployer.image.values import FileLayer

if TYPE_CHECKING:
    from deployer.environment import LockedWheel

__all__ = ["bytecode_of", "has_bytecode", "joined_chunks", "wheel_chunks"]

_TESTS = frozenset({"test", "tests"})
_CHUNK = 1 << 20
_KEPT = 32 << 20
"""Bytes of a wheel's sources that are kept between compiling and writing them; what is beyond is read twice."""


def wheel_chunks(path: Path, wheel: LockedWheel, python: str, compiler: Compiler | None) -> Iterator[bytes]:
    """The layer of one wheel.

    Args:
        path: The wheel's file, whose hash was checked.
        wheel: What it is.
        python: The image's minor version.
        compiler: None leaves bytecode out.

    Raises:
        BuildError: The wheel is refused.
    """
    with open_wheel(path, wheel, python) as opened:
        opened.check_left_out()
        yield from tar_chunks(_laid_out(opened, python, compiler))


def bytecode_of(entries: Sequence[Entry], python: str, compiler: Compiler | None) -> Iterator[Entry]:
    """The bytecode of the sources among them that compile; the others are left to fail where they are imported.

    A package's own tests are imported by nobody who serves a model, so theirs is left out.
    """
    if compiler is None:
        return
    sources = [entry for entry in entries if has_bytecode(entry.path)]
    contents = ((f"/{entry.path}", b"".join(entry.chunks())) for entry in sources)
    for entry, content in zip(sources, compiler.compile(contents), strict=True):
        if content is not None:
            yield file_entry(cached_name(entry.path, python), content)


def has_bytecode(path: str) -> bool:
    """Whether a file of an environment gets bytecode."""
    *folders, name = path.split("/")
    return name.endswith(".py") and not _TESTS & set(folders)


def joined_chunks(layers: Sequence[FileLayer]) -> Iterator[bytes]:
    """Layers of this module as one; of two files with the same path the later layer's is taken, as if it lay above."""
    with ExitStack() as stack:
        entries: dict[str, Entry] = {}
        for layer in layers:
            stream = stack.enter_context(layer.open())
            with tarfile.open(fileobj=stream, mode="r:") as archive:
                for member in archive:
                    entries[member.name] = _copied(member, stream)
        yield from tar_chunks(entries.values())


def _laid_out(opened: OpenedWheel, python: str, compiler: Compiler | None) -> list[Entry]:
    root = site_packages(python)
    entries = [file.entry for file in opened.files]
    if compiler is not None:
        entries = list(_read_once(entries, root))
    importable = [entry for entry in entries if entry.path.startswith(f"{root}/")]
    bytecode = list(bytecode_of(importable, python, compiler))
    record = f"{root}/{opened.info}/RECORD"
    rows: list[tuple[str, bytes | None, int]] = [
        (_beside(root, file.entry.path), file.sha256 or _sha256(file.entry), file.entry.size) for file in opened.files
    ]
    rows += [(_beside(root, path), None, 0) for path in (record, *(entry.path for entry in bytecode))]
    return [*entries, *bytecode, file_entry(record, installed_record(rows))]


def _read_once(entries: Iterable[Entry], root: str) -> Iterator[Entry]:
    """The same, but what is read of the first sources to compile them is at hand when they are written."""
    left = _KEPT
    for entry in entries:
        if entry.path.startswith(f"{root}/") and has_bytecode(entry.path) and entry.size <= left:
            left -= entry.size
            yield replace(entry, chunks=_Twice(entry.chunks))
        else:
            yield entry


class _Twice:
    """A content that is asked for twice, and read once."""

    def __init__(self, read: Callable[[], Iterable[bytes]]) -> None:
        self._read = read
        self._content: bytes | None = None

    def __call__(self) -> tuple[bytes]:
        content, self._content = self._content, None
        if content is None:
            content = self._content = b"".join(self._read())
        return (content,)


def _beside(root: str, path: str) -> str:
    """A path of the environment as RECORD has it, from site-packages."""
    if path.startswith(f"{root}/"):
        return path.removeprefix(f"{root}/")
    up = root.removeprefix(f"{VENV}/").count("/") + 1
    return "../" * up + path.removeprefix(f"{VENV}/")


def _sha256(entry: Entry) -> bytes:
    total = hashlib.sha256()
    for piece in entry.chunks():
        total.update(piece)
    return total.digest()


def _copied(member: tarfile.TarInfo, stream: BinaryIO) -> Entry:
    if member.isdir():
        return folder_entry(member.name)
    executable = bool(member.mode & 0o111)
    piece = partial(_piece, stream, member.offset_data, member.size)
    return Entry(member.name, "file", member.size, executable, chunks=piece)


def _piece(stream: BinaryIO, start: int, size: int) -> Iterator[bytes]:
    stream.seek(start)
    while size and (piece := stream.read(min(size, _CHUNK))):
        size -= len(piece)
        yield piece
