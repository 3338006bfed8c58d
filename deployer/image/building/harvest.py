"""The layer that a build's last step made, taken out of the engine and made repeatable.

Two builds that install the same packages differ by times, logs and caches alone. Without these, and with entries in
one order, they are the same bytes: a base with the same packages has one digest, whoever made it.
"""

from __future__ import annotations

import copy
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import BinaryIO

from deployer.errors import BuildError
from deployer.image.places import TIME
from deployer.image.tar import BLOCK

__all__ = ["PACKAGES", "Harvest", "installed_in"]

PACKAGES = "opt/deployer/packages.txt"
"""Where an image says which packages were put on its base: ``NAME=VERSION`` lines."""

_OURS = "deployer-build"
_CHUNK = 1 << 20
_LARGEST_LIST = 1 << 22

_DROPPED = re.compile(
    r"""(?x) (?: ^ (?: deployer-build | dev | proc | run | sys | tmp | var/tmp | root
                     | var/cache/apt | var/cache/ldconfig | var/lib/apt )/ .
             | ^var/log/ .
             | ^etc/(?: resolv\.conf | hosts | hostname | mtab | (?: passwd | group | g?shadow | sub[ug]id )- )$
             | ^var/(?: cache/debconf | lib/dpkg )/ .* (?: -old | lock | lock-frontend )$
             | ^deployer-build$ | ^\.dockerenv$ )"""
)
"""What the engine, apt, dpkg and ldconfig leave behind that no package needs and no two builds have alike."""


@dataclass
class Harvest:
    """A layer as an engine gives it.

    Args:
        stream: Its plain tar, which can be read from any place.
        where: What it is called in errors.
        installed: What the build installed, ``NAME=VERSION``, sorted.
    """

    stream: BinaryIO
    where: str
    installed: tuple[str, ...] = field(default=(), init=False)

    def __post_init__(self) -> None:
        self._archive = self._opened()
        self._members = {_plain(each.name): each for each in self._archive.getmembers() if _plain(each.name)}
        for name in self._members:
            if ".." in PurePosixPath(name).parts:
                raise self._damaged(f"it names {name[:80]!r}")
        self.installed = tuple(self._said("installed"))
        began = self._said("began")
        if len(began) != 1 or not began[0].isdigit():
            raise self._damaged("it does not say when it began")
        self._began = int(began[0])

    def chunks(self) -> Iterator[bytes]:
        """The layer made repeatable.

        Times of files that packages bring stay (compiled Python counts on them); what was written during the build
        gets one time. Owners stay; set-user-id bits and file capabilities go, since a container of ours never gains
        rights. Devices go.
        """
        for name in self._order():
            member = self._members[name]
            kept = self._header(name, member)
            yield kept.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")
            if member.isreg():
                yield from self._content(member)
        yield from self._list()
        yield bytes(2 * BLOCK)

    def _opened(self) -> tarfile.TarFile:
        try:
            return tarfile.open(fileobj=self.stream, mode="r:")
        except tarfile.TarError as error:
            raise self._damaged(str(error)) from None

    def _order(self) -> list[str]:
        """By path; hard links last, so that what they lead to is there."""
        names = [name for name, member in self._members.items() if self._is_kept(name, member)]
        return sorted(names, key=lambda name: (self._members[name].islnk(), name.encode(errors="surrogateescape")))

    def _is_kept(self, name: str, member: tarfile.TarInfo) -> bool:
        real = re.sub(r"(^|/)\.wh\.(?!\.wh\.)", r"\1", name)  # a removal counts as what it removes
        if _DROPPED.search(real) and not (member.isdir() and real.startswith("var/log/")):
            return False
        return member.isreg() or member.isdir() or member.issym() or member.islnk()

    def _header(self, name: str, member: tarfile.TarInfo) -> tarfile.TarInfo:
        kept = copy.copy(member)
        kept.name = name
        if member.islnk():
            kept.linkname = _plain(member.linkname)
        kept.mtime = TIME if member.mtime >= self._began else int(member.mtime)
        kept.mode = member.mode & (0o1777 if member.isdir() else 0o777)
        kept.uname = kept.gname = ""
        kept.pax_headers = {}
        return kept

    def _content(self, member: tarfile.TarInfo) -> Iterator[bytes]:
        content = self._archive.extractfile(member)
        while content is not None and (piece := content.read(_CHUNK)):
            yield piece
        yield bytes(-member.size % BLOCK)

    def _list(self) -> Iterator[bytes]:
        folders = [folder for folder in ("opt", "opt/deployer") if folder not in self._members]
        for folder in folders:
            member = tarfile.TarInfo(folder)
            member.type, member.mode, member.mtime = tarfile.DIRTYPE, 0o755, TIME
            yield member.tobuf(tarfile.GNU_FORMAT)
        text = "".join(f"{line}\n" for line in self.installed).encode()
        member = tarfile.TarInfo(PACKAGES)
        member.size, member.mode, member.mtime = len(text), 0o644, TIME
        yield member.tobuf(tarfile.GNU_FORMAT) + text + bytes(-len(text) % BLOCK)

    def _said(self, name: str) -> list[str]:
        member = self._members.get(f"{_OURS}/{name}")
        content = self._archive.extractfile(member) if member and member.isreg() else None
        if content is None:
            raise self._damaged(f"it has no list {name!r}")
        return content.read(_LARGEST_LIST).decode("utf-8", "replace").splitlines()

    def _damaged(self, reason: str) -> BuildError:
        return BuildError(f"what the engine built cannot be read: {reason}", where=self.where, hint="try again")


def installed_in(layer: BinaryIO) -> tuple[str, ...] | None:
    """What a harvested layer installs; None when it is none.

    Args:
        layer: Its plain tar.
    """
    try:
        with tarfile.open(fileobj=layer, mode="r|") as archive:
            for member in archive:
                if member.name == PACKAGES and (content := archive.extractfile(member)):
                    return tuple(content.read(_LARGEST_LIST).decode().splitlines())
    except (tarfile.TarError, UnicodeDecodeError):
        return None
    return None


def _plain(name: str) -> str:
    return name.removeprefix("./").strip("/")
