"""Which wishes containers on one engine cannot meet, and which must be said twice. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from pydantic import ValidationError

from deployer.spec import DeploymentSpec, ReplicaRange
from deployer.target.container import refused_ready_image
from deployer_docker.config import DockerConfig

__all__ = ["LOOPBACK", "MOST_REPLICAS", "refuse"]

LOOPBACK = ("loopback", "localhost")
MOST_REPLICAS = 32
"""The gateway has room for so many of a revision."""


def refuse(spec: DeploymentSpec) -> Iterator[tuple[str, str]]:
    """The reasons why this target cannot meet a spec, each as (dotted field, sentence)."""
    if isinstance(spec.replicas, ReplicaRange):
        yield "replicas", "docker has no autoscaler; give a count, such as replicas: 2"
    elif spec.replicas > MOST_REPLICAS:
        yield "replicas", f"docker runs at most {MOST_REPLICAS} replicas of a revision on its one engine"
    for name, secret in spec.secrets.items():
        if secret.ref is not None:
            yield f"secrets.{name}", "docker reads no vault; give it as {env: NAME}"
    if spec.image.registry is not None:
        yield "image.registry", "docker loads images into its engine; leave it out"
    if not isinstance(spec.network.egress, str):
        yield "network.egress", "docker cannot tell hosts apart; say none or internet"
    yield from refused_ready_image(spec, DockerConfig)
    yield from _refused_exposure(spec)


def _refused_exposure(spec: DeploymentSpec) -> Iterator[tuple[str, str]]:
    expose = spec.network.expose
    if expose in LOOPBACK:
        return
    try:
        address = ipaddress.ip_address(expose)
    except ValueError:
        yield "network.expose", f"{expose!r} is neither loopback nor an IP address to listen on, such as 0.0.0.0"
        return
    missing = [
        word for word, there in (("auth.api_keys", spec.auth.api_keys), ("network.tls", spec.network.tls)) if not there
    ]
    if missing and not address.is_loopback and not _said_twice(spec):
        verb = "is" if len(missing) == 1 else "are"
        sentence = (
            f"{expose} is beyond loopback, and {' and '.join(missing)} {verb} not given; give it, or say it twice: "
        )
        yield "network.expose", sentence + "config.insecure: true"


def _config(spec: DeploymentSpec) -> DockerConfig | None:
    try:
        return DockerConfig.model_validate(spec.config)
    except ValidationError:
        return None  # told by whoever reads the config


def _said_twice(spec: DeploymentSpec) -> bool:
    config = _config(spec)
    return config is not None and config.insecure
