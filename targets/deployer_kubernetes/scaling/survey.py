"""Tells an endpoint's activator from its objects, and what KEDA has of it, asked only where that may be something."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from deployer_kubernetes.client import KINDS, Cluster
from deployer_kubernetes.errors import Refused
from deployer_kubernetes.facts import ScalerFact
from deployer_kubernetes.gateway.objects import SERVICE_PORT
from deployer_kubernetes.marks import ROLE, Role, marks_of, selector
from deployer_kubernetes.reading import pod_fact
from deployer_kubernetes.scaling.facts import ActivatorFact
from deployer_kubernetes.scaling.scaled import scaled_fact
from deployer_kubernetes.scaling.wish import activator_name, served_name

__all__ = [
    "activator_fact",
    "address_of_served",
    "is_activator_s",
    "leads_to_activator",
    "led_service",
    "scaled_facts",
    "scaled_objects",
]


def is_activator_s(thing: Mapping[str, Any]) -> bool:
    """Whether an object is an activator's."""
    marks = marks_of(thing)
    return marks is not None and marks.role is Role.ACTIVATOR


def leads_to_activator(service: Mapping[str, Any] | None) -> bool:
    """Whether the endpoint's Service leads to its activator."""
    return service is not None and (service["spec"].get("selector") or {}).get(ROLE) == Role.ACTIVATOR.value


def led_service(
    endpoint: str, service: Mapping[str, Any] | None, services: Iterable[Mapping[str, Any]]
) -> Mapping[str, Any] | None:
    """The Service whose selector names the revision that is served: the endpoint's, or the one behind its activator."""
    if not leads_to_activator(service):
        return service
    name = served_name(endpoint)
    return next((each for each in services if each["metadata"]["name"] == name), None)


def activator_fact(
    endpoint: str, service: Mapping[str, Any] | None, deployments: Iterable[Any], pods: Iterable[Any]
) -> ActivatorFact | None:
    """An endpoint's activator; None when it has none, and its Service leads to none."""
    name = activator_name(endpoint)
    whole = next((each for each in deployments if each["metadata"]["name"] == name and is_activator_s(each)), None)
    if whole is None and not leads_to_activator(service):
        return None
    found = tuple(pod_fact(each) for each in pods if is_activator_s(each))
    if whole is None or whole["metadata"].get("deletionTimestamp"):
        return ActivatorFact(pods=found)
    status, generation = whole.get("status") or {}, whole["metadata"].get("generation") or 0
    seen = (status.get("observedGeneration") or 0) >= generation
    current = int(status.get("updatedReplicas") or 0) if seen else 0
    ports = whole["spec"]["template"]["spec"]["containers"][0].get("ports") or ()
    port = next((int(each["containerPort"]) for each in ports if each.get("name") == "http"), ActivatorFact.port)
    return ActivatorFact(int(whole["spec"].get("replicas", 1)), current, found, port)


def address_of_served(cluster: Cluster, endpoint: str) -> str | None:
    """Where an activator leads to, which the cluster gave when that Service was made; None before: ``10.96.3.4:80``."""
    thing = cluster.get("Service", served_name(endpoint))
    if thing is None or not is_activator_s(thing):
        return None
    address = str(thing["spec"].get("clusterIP") or "")
    if address in ("", "None"):
        return None
    return f"[{address}]:{SERVICE_PORT}" if ":" in address else f"{address}:{SERVICE_PORT}"


def scaled_objects(cluster: Cluster, endpoint: str) -> list[Any]:
    """The ScaledObjects of an endpoint; none where the cluster knows no such kind."""
    kind = KINDS["ScaledObject"]
    with cluster.told(f"list {kind.plural}", endpoint):
        try:
            query = {"labelSelector": selector(endpoint)}
            found: list[Any] = cluster.ask("GET", kind.path(cluster.namespace), query=query).get("items") or []
        except Refused as refused:
            if refused.status != 404:
                raise
            return []
    return [{"apiVersion": kind.api, "kind": kind.name, **each} for each in found]


def scaled_facts(cluster: Cluster, endpoint: str, deployments: Iterable[Any]) -> Iterable[ScalerFact]:
    """What has the counts of its revisions."""
    counts = {each["metadata"]["name"]: int(each["spec"].get("replicas", 1)) for each in deployments}
    for each in scaled_objects(cluster, endpoint):
        if not each["metadata"].get("deletionTimestamp"):
            yield scaled_fact(each, counts.get(each["spec"]["scaleTargetRef"]["name"]))
