"""Compiled wheels, kept by content beside those that are built without an engine (`environment.building`)."""

from __future__ import annotations

import re
import secrets
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from deployer.environment import Lock, LockedWheel
from deployer.environment.lock import BuiltWheel
from deployer.environment.platforms import wheel_tags
from deployer.errors import BuildError, Conflict, SpecError
from deployer.image.wheels import hash_of
from deployer.model.partial import appearing
from deployer.model.used import mark_used

__all__ = ["CompiledWheels", "taken_out"]

_CHUNK = 1 << 20


@dataclass(frozen=True)
class CompiledWheels:
    """The wheels in ``CACHE/built`` that run on one Python and platform.

    Args:
        folder: ``CACHE/built``.
        python: A minor version.
        platform: uv's word.
    """

    folder: Path
    python: str
    platform: str

    def find(self, source: str, sha256: str | None = None) -> BuiltWheel | None:
        """A whole wheel of a source.

        Args:
            source: SHA-256 of the source.
            sha256: Of exactly the wheel that is meant; any that fits by default.
        """
        for note in sorted(self._of(source).glob(f"{sha256[:32] if sha256 else '*'}/built.lock")):
            try:
                locked = Lock.parse(note.read_text("utf-8")).wheels[0]
                path = note.with_name(locked.filename)
                if (
                    self._named(locked.filename)[0]
                    and sha256 in {None, locked.sha256}
                    and hash_of(path) == locked.sha256
                ):
                    mark_used(note)
                    return BuiltWheel(locked, path)
            except (OSError, IndexError, SpecError):
                continue
        return None

    def keep(self, made: BuiltWheel) -> BuiltWheel:
        """Copies a wheel in, whole or not at all.

        Raises:
            OSError: It cannot be written.
        """
        locked = made.locked
        place = self._of(locked.source.sha256 if locked.source else "") / locked.sha256[:32]
        try:
            with appearing(place) as partial:
                shutil.copyfile(made.path, partial / locked.filename)
                (partial / "built.lock").write_text(Lock(self.python, self.platform, (locked,)).text, "utf-8")
        except Conflict:  # another command of ours was faster, or the file was damaged
            kept = place / locked.filename
            if not kept.is_file() or hash_of(kept) != locked.sha256:
                partial = place / f".{secrets.token_hex(4)}"
                shutil.copyfile(made.path, partial)
                partial.replace(kept)
        return BuiltWheel(locked, place / locked.filename)

    def checked(self, path: Path, name: str, source: str) -> LockedWheel:
        """A new wheel as a lock names it.

        Args:
            path: The wheel.
            name: Normalised, what it must be.
            source: What it was compiled from, for errors.

        Raises:
            BuildError: It is of another name, or for another Python or platform.
        """
        found, version = self._named(path.name)
        if found != name:
            raise BuildError(
                f"the build of {name} made {path.name[:120]}, which is no wheel of it for {self.platform}",
                where=source,
                hint="ask for another version",
            )
        return LockedWheel(name, version, path.name, hash_of(path), path.stat().st_size)

    def _named(self, filename: str) -> tuple[str, str]:
        """Name and version that a file name says, empty when it is no wheel that runs here."""
        from packaging.utils import InvalidWheelFilename, parse_wheel_filename

        try:
            name, version, _, tags = parse_wheel_filename(filename)
        except InvalidWheelFilename:
            return "", ""
        fits = any(tag in wheel_tags(self.python, self.platform) for tag in tags)
        return (str(name), str(version)) if fits else ("", "")

    def _of(self, source: str) -> Path:
        return self.folder / f"{source[:32]}-{self.python}"


def taken_out(layer: BinaryIO, into: Path) -> tuple[list[Path], bytes]:
    """What a build left in its folder ``out``: the wheels, written to a folder, and the text of ``links``.

    Args:
        layer: A plain tar.
        into: An empty folder.
    """
    wheels, links = [], b""
    with tarfile.open(fileobj=layer, mode="r|") as archive:
        for member in archive:
            found = re.fullmatch(r"(?:\./)?out/(links|[A-Za-z0-9][A-Za-z0-9._+!-]*\.whl)", member.name)
            content = archive.extractfile(member) if found and member.isreg() else None
            if found is None or content is None:
                continue
            if found[1] == "links":
                links = content.read(_CHUNK)
                continue
            with (into / found[1]).open("wb") as file:
                shutil.copyfileobj(content, file, _CHUNK)
            wheels.append(into / found[1])
    return wheels, links
