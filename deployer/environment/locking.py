"""From requirements to a lock, with the wheels that are built here where the spec names their sources."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deployer.environment.resolve import lock_wheels

if TYPE_CHECKING:
    from deployer.environment.lock import Lock
    from deployer.environment.request import EnvironmentRequest
    from deployer.environment.uv import Uv

__all__ = ["lock_environment"]


def lock_environment(request: EnvironmentRequest, uv: Uv) -> Lock:
    """Decides exactly which wheels an environment holds.

    Nothing is built or run: a package that has only a source is refused, unless ``request.build`` names it. The index
    is asked for metadata, not for wheels, where it can give that (PEP 658).

    Raises:
        SpecError: A requirement names a wheel that the model does not have, or a source of packages is none; the
            password of an index is not set.
        BuildError: The requirements cannot be met: the error names who needs what; or the index cannot be read; or a
            source that is to be built cannot be.
    """
    if not request.build:
        return lock_wheels(request, uv)
    from deployer.environment.building import build_missing

    return lock_wheels(request, uv, build_missing)
