"""The Docker target: endpoints as containers of one engine, behind a gateway of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deployer.target import (
    Adoptable,
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
    TargetKind,
    WeightedTraffic,
)
from deployer_docker.config import DockerConfig, DockerOptions
from deployer_docker.refusing import refuse

if TYPE_CHECKING:
    from deployer.target import Target

__all__ = ["kind"]


def _connect(options: DockerOptions, site: Site) -> Target:
    from deployer_docker.target import DockerTarget

    return DockerTarget(options, site)


kind = TargetKind(
    name="docker",
    summary="containers of a Docker engine, here or elsewhere, behind a gateway",
    options=DockerOptions,
    config=DockerConfig,
    capabilities=frozenset(
        {
            Adoptable,
            Diagnoses,
            InvokesRevision,
            KeepsSecrets,
            Logs,
            Measured,
            Mirrors,
            Orphans,
            Preflight,
            Renderable,
            WeightedTraffic,
        }
    ),
    connect=_connect,
    delivers="image",
    interrupts=frozenset({"config.port", "config.gateway_image", "network.expose", "network.tls"}),
    requires=("docker",),
    extra="docker",
    refuse=refuse,
)
