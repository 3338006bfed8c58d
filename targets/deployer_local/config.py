"""What the local target is told: where its folder is, a spec's ``config``, and which wishes it cannot meet."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from pathlib import Path

from pydantic import Field, field_validator

from deployer.quantity import Bytes, Seconds
from deployer.spec import DeploymentSpec, ReplicaRange, Scope
from deployer.spec.fields import scoped
from deployer.value import Value

__all__ = ["LocalConfig", "LocalOptions", "refuse"]

LOOPBACK_NAMES = {"loopback", "localhost"}


class LocalOptions(Value):
    """Where endpoints live on this host."""

    root: Path | None = Field(
        default=None, description="The folder that holds everything; by default $XDG_DATA_HOME/deployer/local."
    )


class LocalConfig(Value):
    """A spec's ``config`` on the local target."""

    port: int | None = scoped(
        Scope.ENDPOINT, None, ge=1, le=65535,
        description="The port; by default the first free one from 8321 up, kept for the endpoint's life.",
    )  # fmt: skip
    host: str = scoped(Scope.ENDPOINT, "127.0.0.1", description="The loopback address to listen on.")
    drain: Seconds = scoped(
        Scope.ENDPOINT, 30.0, le=3600, description="The longest that a retired worker may take to end its requests."
    )
    threads: int | None = scoped(
        Scope.REVISION, None, ge=1, le=256, description="Predictions at once in each worker; by default at most 4."
    )
    timeout: Seconds = scoped(Scope.REVISION, 60.0, gt=0, description="The longest that a prediction may take.")
    max_body: Bytes = scoped(Scope.REVISION, 100 * 2**20, ge=1, description="The largest request that is read.")

    @field_validator("host")
    @classmethod
    def _loopback(cls, value: str) -> str:
        address = "127.0.0.1" if value == "localhost" else value
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            found = None
        if found is None or not found.is_loopback:
            raise ValueError(f"{value!r} is no loopback address, such as 127.0.0.1 or ::1; local exposes no other")
        return str(found)


def refuse(spec: DeploymentSpec) -> Iterator[tuple[str, str]]:
    """The reasons why plain processes on this host cannot meet a spec, each as (dotted field, sentence). Pure."""
    if isinstance(spec.replicas, ReplicaRange):
        yield "replicas", "local has no autoscaler; give a count, such as replicas: 2"
    yield from _refused_resources(spec)
    for name in sorted(spec.image.model_fields_set):
        if getattr(spec.image, name) != type(spec.image).model_fields[name].default:
            yield f"image.{name}", "local runs no image; leave it out, or take another target"
    yield from _refused_network(spec)
    if spec.rollout.strategy in ("canary", "shadow"):
        yield (
            "rollout.strategy",
            (f"local sends all traffic to one revision, so there is no {spec.rollout.strategy}; use rolling"),
        )
    for name, secret in spec.secrets.items():
        if secret.ref is not None:
            yield f"secrets.{name}", "local reads no vault; give it as {env: NAME}"


def _refused_resources(spec: DeploymentSpec) -> Iterator[tuple[str, str]]:
    for name in ("cpu", "memory"):
        if getattr(spec.resources, name) is not None:
            yield f"resources.{name}", f"local sets no limit of {name} on a process; leave it out, or use docker"
    if spec.resources.gpu:
        yield "resources.gpu", "local reserves no GPU; leave it out: a process sees those that the host has"


def _refused_network(spec: DeploymentSpec) -> Iterator[tuple[str, str]]:
    if spec.auth.api_keys:
        yield "auth.api_keys", "local listens on loopback only and checks no keys; leave it out, or use docker"
    if spec.network.expose not in LOOPBACK_NAMES:
        yield "network.expose", "local listens on loopback only"
    if spec.network.tls is not None:
        yield "network.tls", "local listens on loopback only, without TLS"
    if spec.network.egress != "none":
        yield (
            "network.egress",
            ("local is no sandbox and cannot hold a model's network back, so it takes no wish about it; leave it out"),
        )
