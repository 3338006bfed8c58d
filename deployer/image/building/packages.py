"""Names of Debian packages, as ``image.packages`` has them.

Only what these patterns take ever reaches a Dockerfile. Source: Debian Policy, 5.6.1 (Source) and 5.6.12 (Version).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from deployer.errors import SpecError
from deployer.nearest import closest

__all__ = ["Package", "parse_packages"]

_WORD = re.compile(r"(?P<name>[a-z0-9][a-z0-9+.-]+)(=(?P<version>[A-Za-z0-9.+~-]+|\d+:[A-Za-z0-9.+:~-]+))?")
_LONGEST = 200

_ELSEWHERE = {
    "openjdk": "openjdk-17-jre-headless",
    "java": "default-jre-headless",
    "libgomp": "libgomp1",
    "openmp": "libgomp1",
    "opencv": "libgl1, libglib2.0-0",
    "libgl": "libgl1",
    "mesa": "libgl1",
    "libsndfile": "libsndfile1",
    "postgresql": "libpq5",
    "unixodbc": "unixodbc",
}
"""What people write, and what Debian calls it."""


@dataclass(frozen=True, slots=True, order=True)
class Package:
    """A Debian package.

    Attributes:
        name: ``libgomp1``.
        version: Exactly this one, or None for what the archive has.
    """

    name: str
    version: str | None = None

    def __str__(self) -> str:
        return f"{self.name}={self.version}" if self.version else self.name


def parse_packages(words: Iterable[str], *, where: str = "image.packages") -> tuple[Package, ...]:
    """Packages by name or ``NAME=VERSION``, sorted, each once.

    Raises:
        SpecError: One is no name of a package, or is asked for in two versions.
    """
    found: dict[str, Package] = {}
    for word in words:
        match = _WORD.fullmatch(word) if len(word) <= _LONGEST else None
        if match is None:
            raise SpecError(
                f"{word[:80]!r} is not the name of a Debian package",
                where=where,
                hint="lower-case letters, digits, '+', '-' and '.', and a version behind '=': libgomp1=12.2.0-14",
            )
        package = Package(match["name"], match["version"])
        other = found.setdefault(package.name, package)
        if other != package:
            raise SpecError(f"{other} and {package} exclude each other", where=where, hint="name one of them")
    return tuple(sorted(found.values(), key=lambda one: one.name))


def debian_name(word: str, known: Iterable[str]) -> str | None:
    """What Debian may call it: the nearest of the names that it has, else what is known by heart.

    Args:
        word: A name that Debian does not have.
        known: Names that it has, near to it.
    """
    return closest(word, known) or _ELSEWHERE.get(re.sub(r"[0-9.+-]*$", "", word))
