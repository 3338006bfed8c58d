"""The environment lock: exactly which wheels a model runs with, by name and by content.

It is small, holds no address and no credential, and is kept in an endpoint's Record: the same lock gives the same
environment wherever the wheels come from.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from pathlib import Path

from deployer.errors import SpecError

__all__ = ["BuiltWheel", "Lock", "LockedSource", "LockedWheel"]

_HEADER = re.compile(r"# environment lock 1: python (3\.\d+), ([a-z0-9_.-]+)(?:, torch ([a-z0-9.]+))?")
_LINE = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9-]*)==(?P<version>[A-Za-z0-9.!+_-]+) --hash=sha256:(?P<sha256>[0-9a-f]{64})"
    r"  # (?P<path>[^\s#]+\.whl)(?: (?P<size>\d+))?"
)
_FROM = re.compile(r"#   from (?P<filename>[^\s#/\\]+) --hash=sha256:(?P<sha256>[0-9a-f]{64})")
_WITH = "#   with "


@dataclass(frozen=True, slots=True, order=True)
class LockedSource:
    """What a wheel was built from, so that the same wheel can be built again.

    Args:
        filename: The source distribution's.
        sha256: Hex, of that file.
        built_with: The wheels of the environment in which it was built.
    """

    filename: str
    sha256: str
    built_with: tuple[LockedWheel, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class LockedWheel:
    """One wheel.

    Args:
        name: Normalised (PEP 503).
        version: Exact.
        filename: As the index or the model calls it.
        sha256: Hex, of the wheel file.
        size: Bytes, or None when the index does not say.
        path: Its place inside the model when the model brings it along, else None.
        source: What it was built from when no index has it, else None.
    """

    name: str
    version: str
    filename: str
    sha256: str
    size: int | None = None
    path: str | None = None
    source: LockedSource | None = None

    @property
    def requirement(self) -> str:
        """The line that installs exactly this wheel's content: ``numpy==2.3.1 --hash=sha256:...``."""
        return f"{self.name}=={self.version} --hash=sha256:{self.sha256}"


@dataclass(frozen=True)
class BuiltWheel:
    """A wheel that was built here.

    Args:
        locked: As a lock names it, with its source.
        path: The file, in the cache.
    """

    locked: LockedWheel
    path: Path


@dataclass(frozen=True, slots=True)
class Lock:
    """The wheels of one environment.

    Args:
        python: A minor version, such as ``3.11``.
        platform: uv's word, such as ``x86_64-manylinux_2_28``.
        wheels: Sorted by name.
        torch: The build of PyTorch's own index that its torch comes from, ``cpu`` or ``cu128``; None for any index.
    """

    python: str
    platform: str
    wheels: tuple[LockedWheel, ...]
    torch: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "wheels", tuple(sorted(self.wheels, key=lambda wheel: wheel.name)))

    @property
    def digest(self) -> str:
        """SHA-256 in hex over Python, platform, and each wheel's name, version, file name and content."""
        total = hashlib.sha256(f"environment lock 1\n{self.python}\n{self.platform}\n".encode())
        for wheel in self.wheels:
            total.update(f"{wheel.name}\0{wheel.version}\0{wheel.filename}\0{wheel.sha256}\n".encode())
        return total.hexdigest()

    @property
    def text(self) -> str:
        """A line of Python and platform, then a line for each wheel; `parse` reads it back."""
        torch = f", torch {self.torch}" if self.torch else ""
        lines = [f"# environment lock 1: python {self.python}, {self.platform}{torch}"]
        for wheel in self.wheels:
            lines.append(_written(wheel))
            if wheel.source:
                lines.append(f"#   from {wheel.source.filename} --hash=sha256:{wheel.source.sha256}")
                lines.extend(f"{_WITH}{_written(one)}" for one in wheel.source.built_with)
        return "\n".join(lines) + "\n"

    @classmethod
    def parse(cls, text: str, *, where: str = "environment lock") -> Lock:
        """Reads `text` back.

        Raises:
            SpecError: It is not the text of a lock; the error has the line.
        """
        lines = text.splitlines()
        header = _HEADER.fullmatch(lines[0]) if lines else None
        if header is None:
            raise SpecError("not an environment lock", where=where, hint="make it again by an update with --upgrade")
        wheels: list[LockedWheel] = []
        for number, line in enumerate(lines[1:], start=2):
            try:
                _read_line(line, wheels)
            except ValueError:
                raise SpecError("not a line of an environment lock", where=f"{where}:{number}") from None
        return cls(header[1], header[2], tuple(wheels), header[3])

    def version_of(self, name: str) -> str | None:
        """The locked version of a package, or None."""
        return next((wheel.version for wheel in self.wheels if wheel.name == name), None)


def _written(wheel: LockedWheel) -> str:
    size = "" if wheel.size is None else f" {wheel.size}"
    return f"{wheel.requirement}  # {f'./{wheel.path}' if wheel.path else wheel.filename}{size}"


def _read_line(line: str, wheels: list[LockedWheel]) -> None:
    """Adds a wheel, or to the last one what it was built from."""
    if not line.startswith("#"):
        wheels.append(_read(line))
        return
    if not wheels:
        raise ValueError(line)
    last = wheels[-1]
    if found := _FROM.fullmatch(line):
        source = LockedSource(found["filename"], found["sha256"])
    elif line.startswith(_WITH) and last.source:
        built_with = (*last.source.built_with, _read(line.removeprefix(_WITH)))
        source = replace(last.source, built_with=built_with)
    else:
        raise ValueError(line)
    wheels[-1] = replace(last, source=source)


def _read(line: str) -> LockedWheel:
    found = _LINE.fullmatch(line)
    if found is None:
        raise ValueError(line)
    path = found["path"]
    inside = path.removeprefix("./") if path.startswith("./") else None
    size = int(found["size"]) if found["size"] else None
    return LockedWheel(found["name"], found["version"], path.rpartition("/")[2], found["sha256"], size, inside)
