"""The back end ``memory`` as the registry finds it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from deployer.errors import SpecError
from deployer.spec import DeploymentSpec, ReplicaRange
from deployer.target import (
    Adoptable,
    Autoscales,
    Diagnoses,
    InvokesRevision,
    KeepsSecrets,
    Logs,
    Measured,
    Mirrors,
    Orphans,
    Preflight,
    Renderable,
    Site,
    Target,
    TargetKind,
    Watches,
    WeightedTraffic,
)
from deployer.testing.memory.config import MemoryConfig, MemoryOptions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["kind"]


def connect(options: MemoryOptions, site: Site) -> Target:
    """The target of these options.

    Raises:
        SpecError: On Windows: the store listens on a Unix socket, which Python has not there.
    """
    if sys.platform == "win32":
        raise SpecError("the memory target needs Unix sockets, so it does not work on Windows", where="target")
    from deployer.testing.memory.target import MemoryTarget

    return MemoryTarget(options, site)


def refuse(spec: DeploymentSpec) -> Iterable[tuple[str, str]]:
    """What the memory target cannot meet: it keeps no API keys, has no network and does not scale to zero."""
    return list(_refusals(spec))


def _refusals(spec: DeploymentSpec) -> Iterator[tuple[str, str]]:
    if spec.auth.api_keys:
        yield "auth.api_keys", "the memory target checks no API keys"
    if spec.network.expose != "loopback":
        yield "network.expose", "the memory target listens nowhere"
    if spec.network.tls is not None:
        yield "network.tls", "the memory target listens nowhere"
    if isinstance(spec.replicas, ReplicaRange) and spec.replicas.min == 0:
        yield "replicas.min", "the memory target does not scale to zero"
    for name, reference in spec.secrets.items():
        if reference.ref is not None:
            yield f"secrets.{name}", "the memory target knows no vault; use {env: NAME}"


kind = TargetKind(
    name="memory",
    summary="endpoints in the memory of a local process, for trying things out and for tests",
    options=MemoryOptions,
    config=MemoryConfig,
    capabilities=frozenset(
        {
            Adoptable,
            Autoscales,
            Diagnoses,
            InvokesRevision,
            KeepsSecrets,
            Logs,
            Measured,
            Mirrors,
            Orphans,
            Preflight,
            Renderable,
            Watches,
            WeightedTraffic,
        }
    ),
    connect=connect,
    delivers="nothing",
    refuse=refuse,
)
