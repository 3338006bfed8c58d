"""A wheel as the entries of a layer: nothing in it is trusted, everything in it is what its RECORD lists.

Names are checked as a model's are (`deployer.model.filenames`); links, devices, encrypted or overlapping members, and
contents that unpack to absurd sizes are refused. Files of the ``.data`` folder go where their scheme says.
Source: "Binary distribution format" (packaging.python.org); APPNOTE.TXT of the zip format.
"""

from __future__ import annotations

import hashlib
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from deployer.errors import BuildError, SpecError
from deployer.image.places import VENV, site_packages
from deployer.image.record import RecordRow, read_record, verified
from deployer.image.scripts import console_scripts, with_interpreter
from deployer.image.tar import Entry, file_entry
from deployer.model.filenames import check_names

if TYPE_CHECKING:
    from deployer.environment import LockedWheel

__all__ = ["Installed", "OpenedWheel", "open_wheel"]

_CHUNK = 1 << 20
_MOST_FILES = 200_000
_MOST_BYTES = 64 << 30
_FREELY = 64 << 20
"""Bytes that a wheel may unpack to, however small it is."""
_MOST_RATIO = 200
"""Beyond that, how many times its size; the densest known wheels, of tables and tests, stay below 30."""
_ENCRYPTED = 0x1
_FRAME = frozenset({"pyvenv.cfg", "bin", "lib", "lib64", "include"})
"""What is the environment's own, and no wheel's to replace by a file."""
_KINDS = {stat.S_IFLNK: "a symbolic link", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
          stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Installed:
    """A file of a wheel, at its place in the image.

    Attributes:
        entry: What goes into the layer.
        sha256: Of its content, when known without reading; bytes.
    """

    entry: Entry
    sha256: bytes | None


def open_wheel(path: Path, wheel: LockedWheel, python: str) -> OpenedWheel:
    """Opens a wheel's file, and checks all that can be checked without reading its content.

    Args:
        path: The file, whose hash was checked.
        wheel: What it should be.
        python: The image's minor version.

    Raises:
        BuildError: It is not a wheel that may be laid out; the error says which rule it breaks.
    """
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError, UnicodeError):
        raise _refused(wheel, "it is no zip archive") from None
    try:
        return OpenedWheel(archive, path.stat().st_size, wheel, python)
    except BaseException:
        archive.close()
        raise


class OpenedWheel:
    """A wheel whose names, sizes and lists are in order. Its files' hashes are checked as they are read.

    Attributes:
        files: What it installs but for RECORD and bytecode, each at its place in the image.
        info: Folder of its metadata, such as ``numpy-2.3.1.dist-info``.
    """

    def __init__(self, archive: zipfile.ZipFile, size: int, wheel: LockedWheel, python: str) -> None:
        self._archive = archive
        self._wheel = wheel
        self._packages = site_packages(python)
        self._python = python
        members = _checked(archive, size, wheel)
        self.info = _info(members, wheel)
        own = [f"{self.info}/{name}" for name in ("RECORD", "RECORD.jws", "RECORD.p7s")]
        self._unlisted = frozenset(own)
        self._written = frozenset({*own, f"{self.info}/INSTALLER", f"{self.info}/REQUESTED"})
        self._rows = self._listed(members)
        self._check_version()
        self.files = tuple(self._installed(members))

    def __enter__(self) -> OpenedWheel:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._archive.close()

    def check_left_out(self) -> None:
        """Reads what is listed but not installed, so that every file of the wheel was compared with RECORD.

        Raises:
            BuildError: A file is not what RECORD lists.
        """
        for name in self._left_out:
            for _ in self._read(name):
                pass

    def _installed(self, members: dict[str, zipfile.ZipInfo]) -> Iterator[Installed]:
        data = f"{self.info.removesuffix('.dist-info')}.data/"
        self._left_out: list[str] = []
        seen: set[str] = set()
        for name, member in members.items():
            if name in self._written or "__pycache__" in name.split("/"):
                self._left_out.append(name)
                continue
            scheme, _, rest = name.removeprefix(data).partition("/") if name.startswith(data) else ("purelib", "", name)
            place = self._place(scheme, rest, name)
            if place in seen:
                raise _refused(self._wheel, f"its file {name!a} has the same place as another")
            seen.add(place)
            executable = bool(member.external_attr >> 16 & 0o111)
            if scheme == "scripts":
                content = with_interpreter(b"".join(self._read(name)))
                yield _made(file_entry(place, content, executable=True))
                continue
            row = self._rows[name]
            sha256 = row.digest if row.algorithm == "sha256" else None
            content_of: Callable[[], Iterator[bytes]] = partial(self._read, name)
            yield Installed(Entry(place, "file", member.file_size, executable, chunks=content_of), sha256)
        points = f"{self.info}/entry_points.txt"
        if points in members:
            for program, content in console_scripts(b"".join(self._read(points)), self._wheel.filename):
                place = self._place("scripts", program, points)
                if place not in seen:  # a script of its own goes before one that is asked for
                    seen.add(place)
                    yield _made(file_entry(place, content, executable=True))
        yield _made(file_entry(f"{self._packages}/{self.info}/INSTALLER", b"deployer\n"))

    def _place(self, scheme: str, rest: str, name: str) -> str:
        roots = {
            "purelib": self._packages,
            "platlib": self._packages,
            "scripts": f"{VENV}/bin",
            "headers": f"{VENV}/include/site/python{self._python}/{self._wheel.name}",
            "data": VENV,
        }
        if scheme not in roots or not rest:
            raise _refused(self._wheel, f"its file {name!a} belongs to no scheme of the wheel format")
        place = f"{roots[scheme]}/{rest}"
        inside = place.removeprefix(f"{VENV}/").lower()
        if inside in _FRAME or (inside.startswith("bin/python") and inside.count("/") == 1):
            raise _refused(self._wheel, f"its file {name!a} would take the place of the environment's own")
        return place

    def _listed(self, members: dict[str, zipfile.ZipInfo]) -> dict[str, RecordRow]:
        name = f"{self.info}/RECORD"
        if name not in members:
            raise _refused(self._wheel, "it has no RECORD")
        rows = read_record(self._content(name), self.info, self._wheel.filename)
        for missing in sorted(rows.keys() - members.keys() - self._unlisted):
            raise _refused(self._wheel, f"its RECORD lists {missing!a}, which is not in it")
        for extra in sorted(members.keys() - rows.keys() - self._unlisted):
            raise _refused(self._wheel, f"its file {extra!a} is not in its RECORD")
        rows |= {each: RecordRow(each, "", None, None) for each in self._unlisted}
        for row in rows.values():
            if row.digest is not None and row.size not in (None, members[row.path].file_size):
                raise _refused(self._wheel, f"its file {row.path!a} is not of the size that its RECORD lists")
        return rows

    def _check_version(self) -> None:
        name = f"{self.info}/WHEEL"
        if name not in self._rows:
            raise _refused(self._wheel, "it has no WHEEL file")
        lines = b"".join(self._read(name)).decode("utf-8", "replace").splitlines()
        version = next((line.partition(":")[2].strip() for line in lines if line.startswith("Wheel-Version:")), "")
        if version.partition(".")[0] != "1":
            raise _refused(self._wheel, f"its format is version {version[:20]!a}, and 1 is known")

    def _read(self, name: str) -> Iterator[bytes]:
        return verified(self._pieces(name), self._rows[name], self._wheel.filename)

    def _content(self, name: str) -> bytes:
        return b"".join(self._pieces(name))

    def _pieces(self, name: str) -> Iterator[bytes]:
        try:
            with self._archive.open(name) as file:
                while piece := file.read(_CHUNK):
                    yield piece
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, RuntimeError) as error:
            raise _refused(self._wheel, f"its file {name!a} cannot be read: {str(error)[:80]}") from None


def _made(entry: Entry) -> Installed:
    return Installed(entry, hashlib.sha256(b"".join(entry.chunks())).digest())


def _checked(archive: zipfile.ZipFile, size: int, wheel: LockedWheel) -> dict[str, zipfile.ZipInfo]:
    """Its files by name; folders have no entries of their own in a layer."""
    members: dict[str, zipfile.ZipInfo] = {}
    packed = unpacked = 0
    infos = archive.infolist()
    if len(infos) > _MOST_FILES:
        raise _refused(wheel, f"it has {len(infos)} files; {_MOST_FILES} are the most")
    for info in infos:
        name = info.orig_filename
        kind = _KINDS.get(stat.S_IFMT(info.external_attr >> 16))
        if kind:
            raise _refused(wheel, f"it holds {kind}: {name[:200]!a}")
        if info.flag_bits & _ENCRYPTED:
            raise _refused(wheel, f"its file {name[:200]!a} is encrypted")
        packed, unpacked = packed + info.compress_size, unpacked + info.file_size
        bare = name.removesuffix("/")
        if bare in members or bare != info.filename.removesuffix("/"):
            raise _refused(wheel, f"its file name {name[:200]!a} is there twice, or is not a plain one")
        members[bare] = info
    if packed > size:
        raise _refused(wheel, "its files overlap each other")
    if unpacked > min(_MOST_BYTES, max(_FREELY, _MOST_RATIO * size)):
        raise _refused(wheel, f"its {size} bytes say that they unpack to {unpacked}")
    try:
        check_names(members, where=wheel.filename)
    except SpecError as error:
        raise _refused(wheel, error.message) from None
    files = {name: info for name, info in members.items() if not info.orig_filename.endswith("/")}
    for name in files:
        parent = name
        while parent := parent.rpartition("/")[0]:
            if parent in files:
                raise _refused(wheel, f"its {parent!a} is both a file and a folder")
    return files


def _info(members: dict[str, zipfile.ZipInfo], wheel: LockedWheel) -> str:
    from packaging.utils import canonicalize_name

    found = {name.partition("/")[0] for name in members if name.partition("/")[0].endswith(".dist-info")}
    if len(found) != 1:
        raise _refused(wheel, f"it has {len(found)} .dist-info folders; a wheel has one")
    info = found.pop()
    if canonicalize_name(info.removesuffix(".dist-info").rpartition("-")[0]) != wheel.name:
        raise _refused(wheel, f"its metadata is of another package: {info!a}")
    return info


def _refused(wheel: LockedWheel, reason: str) -> BuildError:
    return BuildError(
        f"the wheel is refused: {reason}",
        where=wheel.filename,
        hint=f"ask its maker, or name another version of {wheel.name}",
    )
