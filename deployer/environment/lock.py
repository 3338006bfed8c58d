"""The environment lock: exactly which wheels a model runs with, by name and by content.

It is small, holds no address and no credential, and is kept in an endpoint's Record: the same lock gives the same
environment wherever the wheels come from.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from deployer.errors import SpecError

__all__ = ["Lock", "LockedWheel"]

_HEADER = re.compile(r"# environment lock 1: python (3\.\d+), ([a-z0-9_.-]+)")
_LINE = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9-]*)==(?P<version>[A-Za-z0-9.!+_-]+) --hash=sha256:(?P<sha256>[0-9a-f]{64})"
    r"  # (?P<path>[^\s#]+\.whl)(?: (?P<size>\d+))?"
)


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
    """

    name: str
    version: str
    filename: str
    sha256: str
    size: int | None = None
    path: str | None = None

    @property
    def requirement(self) -> str:
        """The line that installs exactly this wheel's content: ``numpy==2.3.1 --hash=sha256:...``."""
        return f"{self.name}=={self.version} --hash=sha256:{self.sha256}"


@dataclass(frozen=True, slots=True)
class Lock:
    """The wheels of one environment.

    Args:
        python: A minor version, such as ``3.11``.
        platform: uv's word, such as ``x86_64-manylinux_2_28``.
        wheels: Sorted by name.
    """

    python: str
    platform: str
    wheels: tuple[LockedWheel, ...]

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
        lines = [f"# environment lock 1: python {self.python}, {self.platform}"]
        for wheel in self.wheels:
            size = "" if wheel.size is None else f" {wheel.size}"
            lines.append(f"{wheel.requirement}  # {_place(wheel)}{size}")
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
            found = _LINE.fullmatch(line)
            if found is None:
                raise SpecError("not a line of an environment lock", where=f"{where}:{number}")
            path = found["path"]
            inside = path.removeprefix("./") if path.startswith("./") else None
            size = int(found["size"]) if found["size"] else None
            filename = path.rpartition("/")[2]
            wheels.append(LockedWheel(found["name"], found["version"], filename, found["sha256"], size, inside))
        return cls(header[1], header[2], tuple(wheels))

    def version_of(self, name: str) -> str | None:
        """The locked version of a package, or None."""
        return next((wheel.version for wheel in self.wheels if wheel.name == name), None)


def _place(wheel: LockedWheel) -> str:
    return f"./{wheel.path}" if wheel.path else wheel.filename
