"""Whether an endpoint may sleep, and which such wishes cannot be met. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from deployer.spec import DeploymentSpec, ReplicaRange
from deployer_kubernetes.marks import ENDPOINT, ROLE, Role, object_name

__all__ = ["ACTIVATORS", "activator_labels", "activator_name", "refused_sleep", "served_name", "sleeps"]

ACTIVATORS = 2
"""Pods of an activator."""
_METRICS = (None, "requests", "cpu", "memory")


def sleeps(spec: DeploymentSpec) -> bool:
    """Whether it may have no replica while nobody asks."""
    return isinstance(spec.replicas, ReplicaRange) and spec.replicas.min == 0


def activator_name(endpoint: str) -> str:
    """The activator's Deployment, and what belongs to it."""
    return object_name(endpoint, "activator")


def served_name(endpoint: str) -> str:
    """The Service by which an activator leads to the revision that is served."""
    return object_name(endpoint, "served")


def activator_labels(endpoint: str) -> dict[str, str]:
    """The labels by which an activator's pods are found."""
    return {ENDPOINT: endpoint, ROLE: Role.ACTIVATOR.value}


def refused_sleep(spec: DeploymentSpec) -> Iterator[tuple[str, str]]:
    """Why an endpoint cannot sleep as it is wished, each as (dotted field, sentence); nothing for one that does not."""
    wish = spec.replicas
    if not isinstance(wish, ReplicaRange) or wish.min > 0:
        return
    gateway = spec.config.get("gateway", "none")
    if gateway != "none":
        yield (
            "config.gateway",
            "with replicas.min 0 an activator holds the requests, which no gateway does; leave config.gateway out",
        )
    if wish.metric not in _METRICS:
        yield "replicas.metric", "with replicas.min 0 a count follows requests, cpu or memory; give one of these"
    asked = {"cpu": spec.resources.cpu, "memory": spec.resources.memory}
    if wish.metric in asked and asked[wish.metric] is None:
        yield (
            f"resources.{wish.metric}",
            f"{wish.metric} is measured as a share of what is asked for; give resources.{wish.metric}",
        )
