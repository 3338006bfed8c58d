"""What loads into engines have in common: what was loaded before, and what is told of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from deployer.errors import BuildError
from deployer.image.archive import LaidOut, Member
from deployer.image.compress import BlobStore
from deployer.image.values import Image
from deployer.target import Engine, HeldImage

__all__ = ["QUESTIONS", "Count", "Loaded", "Memory", "named", "other_image"]

_REMEMBERED = 200
"""Images that are remembered for each engine, the newest first."""

_Entry = tuple[str, tuple[str, ...], str, dict[str, int]]
"""An image's digest and layers; its handle and its files' sizes where it was laid out."""

QUESTIONS = 8
"""Images that an engine is asked about, the most promising first."""


@dataclass(frozen=True)
class Loaded:
    """What a load did.

    Attributes:
        image: As the engine has it now.
        carried: Layers that were sent.
        sent: Bytes that were sent; 0 when it had the image.
    """

    image: HeldImage
    carried: int = 0
    sent: int = 0


def named(engine: Engine, held: HeldImage, names: tuple[str, ...]) -> HeldImage | None:
    """An image that an engine has, under these names too; None when somebody let go of it meanwhile."""
    for name in names:
        if name not in held.references:
            try:
                engine.tag(held.handle, name)
            except BuildError:
                if engine.find(held.handle) is not None:
                    raise
                return None
    return engine.find(held.handle) or held


def other_image(image: Image, names: tuple[str, ...]) -> BuildError:
    """That what came out of a load is not what went in."""
    return BuildError(
        "the engine took the image in, and has another one now",
        where=names[0] if names else image.digest,
        hint="try again; if it stays so, push it to a registry instead: image.registry",
    )


class Count:
    """Counts the bytes that are sent.

    Args:
        told: Is told those of each piece.
    """

    def __init__(self, told: Callable[[int], None] | None) -> None:
        self.bytes = 0
        self._told = told

    def counted(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """The same pieces."""
        for piece in pieces:
            self.bytes += len(piece)
            if self._told is not None:
                self._told(len(piece))
            yield piece


@dataclass(frozen=True)
class Memory:
    """The images that were loaded into an engine, with their layers; of containerd's store also with their files."""

    folder: Path
    engine: str

    def images(self) -> list[tuple[str, tuple[str, ...]]]:
        """Digest and layers, the newest first."""
        return [(digest, layers) for digest, layers, _, _ in self._entries()]

    def laid(self) -> list[tuple[str, frozenset[str]]]:
        """Handle, and digests of the files."""
        return [(handle, frozenset(files)) for _, _, handle, files in self._entries() if handle]

    def sizes(self) -> dict[str, int]:
        """Digest of a file -> its bytes."""
        return {digest: size for _, _, _, files in self._entries() for digest, size in files.items()}

    def add(self, image: Image, found: LaidOut | None = None, members: tuple[Member, ...] = ()) -> None:
        """One more, the newest now."""
        sizes = found.sizes if found is not None else ()
        files = {each.digest: size for each, size in zip(members, sizes, strict=False)}
        own = (image.digest, image.diff_ids, found.digest if found is not None else "", files)
        self._write([own, *self._without(image.digest)])

    def forget(self, digest: str) -> None:
        """One that is removed from the engine."""
        self._write(self._without(digest))

    def _without(self, digest: str) -> list[_Entry]:
        return [each for each in self._entries() if each[0] != digest]

    def _write(self, entries: list[_Entry]) -> None:
        with BlobStore(self.folder).adding(self._note) as file:
            file.write(json.dumps(entries[:_REMEMBERED]).encode())

    def _entries(self) -> list[_Entry]:
        try:
            found = json.loads(self._note.read_text("utf-8"))
            return [
                (
                    str(digest),
                    tuple(map(str, layers)),
                    str(handle),
                    {str(key): int(size) for key, size in files.items()},
                )
                for digest, layers, handle, files in found
            ]
        except (OSError, ValueError, TypeError, AttributeError):
            return []

    @property
    def _note(self) -> Path:
        return self.folder / f"{re.sub(r'[^A-Za-z0-9]', '_', self.engine)[:100]}.json"
