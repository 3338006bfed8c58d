"""What the Docker target is told: where its engine is, and a spec's ``config``."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Self

from pydantic import Field, field_validator, model_validator

from deployer.spec import Scope
from deployer.spec.fields import scoped
from deployer.target.container import ContainerConfig
from deployer.value import Value

__all__ = ["GATEWAY_IMAGE", "DockerConfig", "DockerOptions"]

GATEWAY_IMAGE = "haproxy:2.8"
IMAGE = r"^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,254}$"
"""What an image's reference is made of; the engine judges the rest."""


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


class DockerConfig(ContainerConfig):
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
    pids: int = scoped(
        Scope.REVISION, 512, ge=16, le=65536, description="Threads and processes of each replica, at most."
    )
