"""What the Docker target is told: where its engine is, and a spec's ``config``."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Self

from pydantic import Field, field_validator, model_validator

from deployer.quantity import Bytes, Seconds
from deployer.spec import Scope
from deployer.spec.fields import scoped
from deployer.value import Value

__all__ = ["GATEWAY_IMAGE", "DockerConfig", "DockerOptions", "Paths"]

GATEWAY_IMAGE = "haproxy:2.8"
IMAGE = r"^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,254}$"
"""What an image's reference is made of; the engine judges the rest."""
PATH = r"^(/[A-Za-z0-9._~-]*)+$"
"""A plain absolute path, as the gateway takes it."""


class DockerOptions(Value):
    """Where an engine is, and what it gives its endpoints."""

    host: str | None = Field(
        default=None, description="unix:///PATH, ssh://USER@HOST, or tcp://HOST:2376 with TLS; by default as docker's."
    )
    context: str | None = Field(
        default=None, description="One of Docker's contexts, as `docker context ls` lists them."
    )
    tls_ca: Path | None = Field(default=None, description="CA of the engine's certificate, for tcp://.")
    tls_cert: Path | None = Field(default=None, description="This client's certificate, for tcp://.")
    tls_key: Path | None = Field(default=None, description="Its key.")
    gateway_image: str = Field(
        default=GATEWAY_IMAGE, pattern=IMAGE, description="An image with HAProxy 2.6 or newer, for endpoints' gateways."
    )
    subnets: str = Field(
        default="10.213.0.0/16", description="Where endpoints' networks are cut from; nothing else may use it there."
    )

    @field_validator("subnets")
    @classmethod
    def _a_network(cls, value: str) -> str:
        try:
            found = ipaddress.IPv4Network(value)
        except ValueError:
            raise ValueError(f"{value!r} is no IPv4 network, such as 10.213.0.0/16") from None
        if found.prefixlen > 22:
            raise ValueError(f"{value} is too small: each endpoint takes a /24 and a /28 of it")
        return str(found)

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.host is not None and self.context is not None:
            raise ValueError("give host or context, not both")
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key belong together")
        return self


class Paths(Value):
    """Where a ready image's server (``image.use``) is asked."""

    port: int = Field(ge=1, le=65535, description="The port that it listens on.")
    ready: str = Field(
        default="/ready", pattern=PATH, max_length=256, description="It answers 200 there while it takes requests."
    )
    invocations: str = Field(
        default="/invocations", pattern=PATH, max_length=256,
        description="Where it takes what the endpoint gets at /invocations, such as /v1/chat/completions.",
    )  # fmt: skip


class DockerConfig(Value):
    """A spec's ``config`` on the Docker target."""

    port: int | None = scoped(
        Scope.ENDPOINT, None, ge=1, le=65535,
        description="The engine's port; by default the first free one from 8321 up, kept for the endpoint's life.",
    )  # fmt: skip
    gateway_image: str | None = scoped(
        Scope.ENDPOINT, None, pattern=IMAGE, description="An image with HAProxy 2.6 or newer; by default the target's."
    )
    insecure: bool = scoped(
        Scope.ENDPOINT, False,
        description="The second word that is needed to listen beyond loopback without API keys or without TLS.",
    )  # fmt: skip
    drain: Seconds = scoped(
        Scope.REVISION, 30.0, le=3600, description="The longest that a retired replica may take to end its requests."
    )
    threads: int | None = scoped(
        Scope.REVISION, None, ge=1, le=256, description="Predictions at once in each replica; by default at most 4."
    )
    timeout: Seconds = scoped(
        Scope.REVISION, 60.0, gt=0, le=3600, description="The longest that a prediction may take."
    )
    max_body: Bytes = scoped(Scope.REVISION, 100 * 2**20, ge=1, description="The largest request that is read.")
    pids: int = scoped(
        Scope.REVISION, 512, ge=16, le=65536, description="Threads and processes of each replica, at most."
    )
    tmp: Bytes = scoped(Scope.REVISION, 256 * 2**20, ge=2**20, description="Room in each replica's /tmp, in memory.")
    routes: Paths | None = scoped(
        Scope.REVISION,
        None,
        description="Where a ready image's server (image.use) is asked; needed there.",
    )
    command: tuple[str, ...] | None = scoped(
        Scope.REVISION, None, min_length=1, description="Arguments of a ready image's entrypoint in place of its own."
    )
    read_only: bool = scoped(
        Scope.REVISION, True, description="Whether a ready image's root is read-only; /tmp can always be written."
    )
