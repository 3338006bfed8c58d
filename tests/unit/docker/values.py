"""Facts for tests: an endpoint that serves one revision with one replica."""

from __future__ import annotations

from typing import Any

from deployer.endpoint import ImageRef, ModelRef, Record, Release, Traffic
from deployer.gateway import Copies, Loaded, Routing, Server, with_traffic
from deployer.gateway.routes import Base, Routes
from deployer.spec import DeploymentSpec
from deployer_docker.facts import ContainerFact, Facts
from deployer_docker.wish import with_pool

__all__ = [
    "ADDRESS",
    "OTHER",
    "REVISION",
    "container",
    "facts",
    "gateway",
    "loaded",
    "record",
    "release",
    "routing",
    "spec",
]

REVISION, OTHER = "r1a2b3c4", "r5d6e7f8"
ADDRESS = "10.213.3.11"


def spec(**fields: Any) -> DeploymentSpec:
    model = {} if fields.get("image", {}).get("use") else {"model": "models:/iris/4"}
    return DeploymentSpec(**{"name": "iris", **model, "target": "docker", **fields})


def release(revision: str = REVISION, **fields: Any) -> Release:
    model = ModelRef(uri="models:/iris@champion", resolved="models:/iris/4", digest="d" * 64)
    image = ImageRef(id="sha256:" + "a" * 64, reference="sha256:" + "a" * 64)
    return Release(
        revision=revision, digest=revision[1:] + "0" * 57, model=model, lock="l" * 64, runtime="1", image=image,
        fields=fields,
    )  # fmt: skip


def record(**fields: Any) -> Record:
    base = {"endpoint": "iris", "owner": "team", "generation": 1, "created": 5.0, "spec": spec().wish()}
    return Record.model_validate({**base, "releases": {REVISION: release()}, **fields})


def container(**fields: Any) -> ContainerFact:
    base: dict[str, Any] = {
        "id": "c" * 64, "name": f"iris--{REVISION}-1", "status": "running", "created": 10.0, "started": 11.0,
        "revision": REVISION, "number": 1, "address": ADDRESS, "pid": 100, "image": "sha256:" + "a" * 64,
        "labels": {"digest": "d" * 64, "model": "models:/iris/4"},
    }  # fmt: skip
    return ContainerFact(**{**base, **fields})


def gateway(**fields: Any) -> ContainerFact:
    base: dict[str, Any] = {
        "id": "e" * 64, "name": "iris--gateway", "status": "running", "created": 9.0,
        "labels": {"port": "8321", "host": "127.0.0.1", "tls": ""},
    }  # fmt: skip
    return ContainerFact(**{**base, **fields})


def routing(traffic: Traffic | None = None, pools: dict[str, list[str]] | None = None) -> Routing:
    found = Routing()
    for revision, addresses in (pools or {REVISION: [ADDRESS]}).items():
        found = with_pool(found, revision, addresses)
    return with_traffic(found, Traffic.all_to(REVISION) if traffic is None else traffic)


def loaded(wished: Routing | None = None, states: dict[str, str] | None = None) -> Loaded:
    """A gateway that does what is wished; ``states`` by address."""
    wished = wished or routing()
    servers = [
        Server(slot, number, member, (states or {}).get(member.address, "ready"))  # type: ignore[arg-type]
        for slot, pool in enumerate(wished.pools)
        for number, member in enumerate(pool.members)
    ]
    return Loaded(
        routes=Routes.of(wished), servers=tuple(servers), figures={}, copies=Copies(), counters=(Base(),) * 8, width=32,
        map_number=0, map_version=1, uptime=1.0,
    )  # fmt: skip


def facts(**fields: Any) -> Facts:
    base: dict[str, Any] = {
        "name": "iris", "target": "docker", "owner": "team", "record": record(), "replicas": (container(),),
        "gateway": gateway(), "wished": routing(), "loaded": loaded(),
    }  # fmt: skip
    return Facts(**{**base, **fields})
