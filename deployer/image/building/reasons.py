"""When the Docker builder is needed, as a line that a person reads: it is chosen by itself."""

from __future__ import annotations

from collections.abc import Sequence

from deployer.errors import BuildError
from deployer.image.building.packages import Package

__all__ = ["docker_reason", "missing_engine"]


def docker_reason(packages: Sequence[Package] = (), compiled: Sequence[str] = ()) -> str | None:
    """Why an image is built with Docker: ``since image.packages asks for libgomp1``; None when wheels suffice.

    Args:
        packages: What ``image.packages`` asks for.
        compiled: Names of sources that must be compiled.
    """
    parts = []
    if packages:
        parts.append(f"image.packages asks for {_listed([one.name for one in packages])}")
    if compiled:
        has = "has" if len(compiled) == 1 else "have"
        parts.append(f"{_listed(compiled)} {has} no wheel and must be compiled")
    return f"since {' and '.join(parts)}" if parts else None


def missing_engine(reason: str, target: str) -> BuildError:
    """There is no engine to build with.

    Args:
        reason: From `docker_reason`.
        target: Whose images they are.
    """
    return BuildError(
        f"the image must be built with Docker, {reason}, and no engine is at hand",
        where=target,
        hint="name the target whose engine builds it: --target docker; or a base that has it all: --set image.base=REF",
    )


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
