"""The layers of wheels: each laid out by itself, small ones put together from what was laid out."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
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

__all__ = ["bytecode_of", "joined_chunks", "wheel_chunks"]

_CHUNK = 1 << 20


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
    """The bytecode of the sources among them that compile; the others are left to fail where they are imported."""
    if compiler is None:
        return
    sources = [entry for entry in entries if entry.path.endswith(".py")]
    contents = ((f"/{entry.path}", b"".join(entry.chunks())) for entry in sources)
    for entry, content in zip(sources, compiler.compile(contents), strict=True):
        if content is not None:
            yield file_entry(cached_name(entry.path, python), content)


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
    importable = [entry for entry in entries if entry.path.startswith(f"{root}/")]
    bytecode = list(bytecode_of(importable, python, compiler))
    record = f"{root}/{opened.info}/RECORD"
    rows: list[tuple[str, bytes | None, int]] = [
        (_beside(root, file.entry.path), file.sha256 or _sha256(file.entry), file.entry.size) for file in opened.files
    ]
    rows += [(_beside(root, path), None, 0) for path in (record, *(entry.path for entry in bytecode))]
    return [*entries, *bytecode, file_entry(record, installed_record(rows))]


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
