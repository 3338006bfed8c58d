"""Where a replica's server is asked: our own, or that of a ready image. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from deployer.spec import DeploymentSpec
from deployer_docker.config import DockerConfig

__all__ = ["SERVER_PORT", "Asked", "asked_of", "read_paths", "write_paths"]

SERVER_PORT = 8080


@dataclass(frozen=True)
class Asked:
    """A server's port and paths.

    Attributes:
        invocations: Of a server that is not ours; None for our own.
    """

    port: int = SERVER_PORT
    ready: str = "/ready"
    invocations: str | None = None


def asked_of(spec: DeploymentSpec, config: DockerConfig) -> Asked:
    """Of a spec whose ``config`` was read."""
    if not spec.image.use or config.routes is None:
        return Asked()
    return Asked(config.routes.port, config.routes.ready, config.routes.invocations)


def write_paths(asked: Asked) -> str:
    """As a label's value; "" for our own server."""
    return "" if asked.invocations is None else f"{asked.port} {asked.ready} {asked.invocations}"


def read_paths(text: str) -> Asked:
    """The opposite."""
    port, _, paths = text.partition(" ")
    ready, _, invocations = paths.partition(" ")
    return Asked(int(port), ready, invocations) if port.isdigit() and invocations else Asked()
