"""Facts for tests: an endpoint that serves one revision with one pod."""

from __future__ import annotations

from typing import Any

from deployer.endpoint import ImageRef, ModelRef, Record, Release
from deployer.spec import DeploymentSpec
from deployer_kubernetes.facts import Facts, PodFact, ServerFact, ServiceFact

__all__ = ["OTHER", "REVISION", "facts", "pod", "record", "release", "server", "service_fact", "spec"]

REVISION, OTHER = "r1a2b3c4", "r5d6e7f8"


def spec(**fields: Any) -> DeploymentSpec:
    model = {} if fields.get("image", {}).get("use") else {"model": "models:/iris/4"}
    return DeploymentSpec(**{"name": "iris", **model, "target": "kubernetes", **fields})


def release(revision: str = REVISION, **fields: Any) -> Release:
    model = ModelRef(uri="models:/iris@champion", resolved="models:/iris/4", digest="d" * 64)
    image = ImageRef(id="sha256:" + "a" * 64, reference="registry.example.com/ml/iris@sha256:" + "b" * 64)
    return Release(
        revision=revision, digest=revision[1:] + "0" * 57, model=model, lock="l" * 64, runtime="1", image=image,
        fields=fields,
    )  # fmt: skip


def record(**fields: Any) -> Record:
    base = {"endpoint": "iris", "owner": "team", "generation": 1, "created": 5.0, "spec": spec().wish()}
    return Record.model_validate({**base, "releases": {REVISION: release()}, **fields})


def pod(**fields: Any) -> PodFact:
    base: dict[str, Any] = {
        "name": f"iris--{REVISION}-abc", "uid": "u1", "revision": REVISION, "created": 10.0, "phase": "Running",
        "ready": True, "node": "node1", "starting": False, "image": "registry.example.com/ml/iris@sha256:" + "b" * 64,
    }  # fmt: skip
    return PodFact(**{**base, **fields})


def server(**fields: Any) -> ServerFact:
    base: dict[str, Any] = {
        "name": f"iris--{REVISION}", "uid": "u0", "revision": REVISION, "created": 9.0, "wanted": 1, "current": 1,
        "count": 1, "told": {"model": "models:/iris/4", "digest": "d" * 64},
    }  # fmt: skip
    return ServerFact(**{**base, **fields})


def service_fact(**fields: Any) -> ServiceFact:
    base: dict[str, Any] = {"name": "iris", "uid": "u2", "revision": REVISION, "behind": (f"iris--{REVISION}-abc",)}
    return ServiceFact(**{**base, **fields})


def facts(**fields: Any) -> Facts:
    base: dict[str, Any] = {
        "name": "iris", "target": "k8s", "namespace": "ml", "owner": "team", "record": record(),
        "service": service_fact(), "servers": (server(),), "pods": (pod(),), "now": 100.0,
    }  # fmt: skip
    return Facts(**{**base, **fields})
