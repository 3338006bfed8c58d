"""What lies in the layers of an image, put on one another as an engine does. Nothing is unpacked.

Source: the OCI image specification, "Image Layer Filesystem Changeset" (whiteouts, opaque folders).
"""

from __future__ import annotations

import posixpath
import re
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from deployer.errors import BuildError

__all__ = ["Entry", "Listing", "Tree", "read_listing", "stacked"]

_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
_LINKS = 40
"""As many as Linux follows."""

_LIBC = re.compile(r"(?:^|/)libc(?:\.so\.6|-2\.\d+\.so)$")
_LIBC_VERSION = re.compile(rb"GNU C Library [^\n]{0,200}? version (2\.\d+)")


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in a layer.

    Attributes:
        kind: ``file``, ``folder``, ``link`` (symbolic), ``same`` (a hard link) or ``other``.
        target: Of a link as it is written; of a hard link its path from the root.
        mode: Permission bits.
        said: What was read out of it: a C library's version.
    """

    kind: str
    target: str = ""
    mode: int = 0
    said: str = ""


@dataclass(frozen=True)
class Listing:
    """One layer.

    Attributes:
        entries: By path, without the leading slash.
        gone: Paths that it removes from what is below.
        emptied: Folders of which it hides what is below.
    """

    entries: Mapping[str, Entry]
    gone: frozenset[str] = frozenset()
    emptied: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Tree:
    """The layers together.

    Args:
        entries: By path, without the leading slash.
    """

    entries: Mapping[str, Entry] = field(repr=False)

    def find(self, path: str) -> tuple[str, Entry] | None:
        """What a path leads to, links followed within the image; None when it leads nowhere."""
        left, done, links = path.strip("/").split("/"), "", 0
        while left:
            part = left.pop(0)
            if part in {"", "."}:
                continue
            if part == "..":
                done = posixpath.dirname(done)
                continue
            here = f"{done}/{part}" if done else part
            entry = self.entries.get(here)
            if entry and entry.kind == "link":
                links += 1
                if links > _LINKS:
                    return None
                left = entry.target.split("/") + left
                done = "" if entry.target.startswith("/") else done
            elif entry and entry.kind == "same":
                links += 1
                if links > _LINKS:
                    return None
                left, done = entry.target.split("/") + left, ""
            else:
                done = here
        entry = self.entries.get(done)
        return (f"/{done}", entry) if entry else None


def read_listing(tar: BinaryIO, where: str) -> Listing:
    """Reads one layer's tar to its end.

    Raises:
        BuildError: It is no tar.
    """
    entries: dict[str, Entry] = {}
    gone: set[str] = set()
    emptied: set[str] = set()
    try:
        with tarfile.open(fileobj=tar, mode="r|") as archive:
            for member in archive:
                path = posixpath.normpath("/" + member.name).strip("/")
                folder, name = posixpath.split(path)
                if name == _OPAQUE:
                    emptied.add(folder)
                elif name.startswith(_WHITEOUT):
                    gone.add(posixpath.join(folder, name.removeprefix(_WHITEOUT)))
                elif path:
                    entries[path] = _entry(archive, member, path)
    except tarfile.TarError as error:
        raise BuildError(f"a layer is not a tar: {error}", where=where) from None
    return Listing(entries, frozenset(gone), frozenset(emptied))


def stacked(layers: Iterable[Listing]) -> Tree:
    """Puts layers on one another, the lowest first."""
    tree: dict[str, Entry] = {}
    for layer in layers:
        replaced = {path for path, entry in layer.entries.items() if entry.kind != "folder" and _is_folder(tree, path)}
        removed = layer.gone | replaced
        if removed or layer.emptied:
            tree = {path: entry for path, entry in tree.items() if not _hidden(path, removed, layer.emptied)}
        tree.update(layer.entries)
    return Tree(tree)


def _is_folder(tree: Mapping[str, Entry], path: str) -> bool:
    entry = tree.get(path)
    return entry is not None and entry.kind == "folder"


def _hidden(path: str, removed: frozenset[str] | set[str], emptied: frozenset[str]) -> bool:
    if path in removed:
        return True
    while path:
        path = posixpath.dirname(path)
        if path in emptied or (path and path in removed):
            return True
    return False


def _entry(archive: tarfile.TarFile, member: tarfile.TarInfo, path: str) -> Entry:
    mode = member.mode & 0o7777
    if member.isfile():
        said = _libc_version(archive, member) if _LIBC.search(path) else ""
        return Entry("file", mode=mode, said=said)
    if member.isdir():
        return Entry("folder", mode=mode)
    if member.issym():
        return Entry("link", target=member.linkname)
    if member.islnk():
        return Entry("same", target=posixpath.normpath("/" + member.linkname).strip("/"))
    return Entry("other")


def _libc_version(archive: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    content = archive.extractfile(member)
    found = _LIBC_VERSION.search(content.read()) if content else None
    return found[1].decode() if found else ""
