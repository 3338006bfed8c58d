"""What an image is made of, as one value: the same recipe is the same image on every machine.

Where a base or a wheel comes from is no part of it: `Recipe.digest` and the image know contents only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from deployer.environment import Lock, LockedWheel
from deployer.environment.platforms import wheel_tags
from deployer.errors import BuildError
from deployer.image.values import BaseImage
from deployer.value import JSON, digest

__all__ = ["BaseIdentity", "Recipe", "Weights", "check_fit"]

Weights = Literal["embed", "mount"]

_MACHINES = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}


@dataclass(frozen=True, slots=True)
class BaseIdentity:
    """The base of an image, by content.

    Attributes:
        reference: How it was named, for people and to fetch it again.
        manifest: Digest of its manifest where it was fetched from, or None.
        digest: Of its configuration.
        platform: ``linux/amd64`` or ``linux/arm64``.
        python: Path of its interpreter.
        python_version: Its minor version.
        glibc: Version.
        packages: Debian packages that were installed on what ``reference`` names, ``NAME=VERSION``.
    """

    reference: str
    manifest: str | None
    digest: str
    platform: str
    python: str
    python_version: str
    glibc: str
    packages: tuple[str, ...] = ()

    @classmethod
    def of(cls, base: BaseImage, packages: tuple[str, ...] = ()) -> BaseIdentity:
        """That of a base that was looked at, and of the packages that were installed on what its reference names."""
        return cls(
            reference=base.reference,
            manifest=base.manifest,
            digest=base.digest,
            platform=base.platform,
            python=base.python,
            python_version=base.python_version,
            glibc=base.glibc,
            packages=packages,
        )


@dataclass(frozen=True, slots=True)
class Recipe:
    """What an image is made of.

    Attributes:
        base: What it stands on.
        environment: Its wheels.
        runtime: Version of the serving runtime, hex.
        model: Digest of the model, hex.
        weights: ``embed`` puts the model into the image, ``mount`` leaves its place empty.
        bytecode: Exactly which interpreter compiles it, ``cpython-3.11.7``, or ``none``.
    """

    base: BaseIdentity
    environment: Lock
    runtime: str
    model: str
    weights: Weights = "embed"
    bytecode: str = "none"

    @property
    def digest(self) -> str:
        """SHA-256 in hex over all that the image's bytes depend on."""
        return digest(self._contents() | {"model": self.model})

    @property
    def environment_digest(self) -> str:
        """The same without the model: equal for images that differ by their model alone."""
        return digest(self._contents())

    def _contents(self) -> dict[str, JSON]:
        base = self.base
        return {
            "recipe": 1,
            "base": [base.digest, base.platform, base.python, base.python_version, base.glibc],
            "environment": self.environment.digest,
            "torch": self.environment.torch,
            "sources": [_source(wheel) for wheel in self.environment.wheels if wheel.source],
            "runtime": self.runtime,
            "weights": self.weights,
            "bytecode": self.bytecode,
        }


def _source(wheel: LockedWheel) -> JSON:
    source = wheel.source
    built_with = [[each.name, each.version, each.filename, each.sha256] for each in source.built_with] if source else []
    return [wheel.name, source and source.filename, source and source.sha256, built_with]


def check_fit(base: BaseIdentity, environment: Lock) -> None:
    """Accepts a base on which the locked wheels run.

    Raises:
        BuildError: Its Python, architecture or glibc is another; says what to do.
    """
    if environment.python != base.python_version:
        raise _misfit(
            base,
            f"has Python {base.python_version}, and the model needs {environment.python}",
            f"name a base with Python {environment.python}: --set image.base=python:{environment.python}-slim",
        )
    machine = _MACHINES.get(base.platform)
    if machine is None or not environment.platform.startswith(f"{machine}-"):
        raise _misfit(
            base,
            f"is for {base.platform}, and the wheels are for {environment.platform}",
            "lock again with --upgrade, or name a base for that platform",
        )
    needed = re.search(r"manylinux_(\d+)_(\d+)$", environment.platform)
    if needed and _numbers(base.glibc) < (int(needed[1]), int(needed[2])):
        raise _misfit(
            base,
            f"has glibc {base.glibc}, and the wheels were chosen for {needed[1]}.{needed[2]}",
            "lock again with --upgrade, or name a newer base",
        )
    _check_wheels(environment)


def _check_wheels(environment: Lock) -> None:
    """A lock that was written by hand, or for another platform, is found out before anything is fetched."""
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    known = wheel_tags(environment.python, environment.platform)
    for wheel in environment.wheels:
        try:
            tags = parse_wheel_filename(wheel.filename)[3]
        except InvalidWheelFilename:
            tags = frozenset()
        if not any(tag in known for tag in tags):
            raise BuildError(
                f"{wheel.name}'s wheel does not run on Python {environment.python}, {environment.platform}",
                where=wheel.filename,
                hint="lock again with --upgrade",
            )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def _misfit(base: BaseIdentity, reason: str, hint: str) -> BuildError:
    return BuildError(f"the base image {reason}", where=base.reference, hint=hint)
