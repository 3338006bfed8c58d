"""Asks for what shares an endpoint's traffic: its gateway's pods for what they do, and its route."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from deployer.endpoint import Record
from deployer_kubernetes.client import Cluster
from deployer_kubernetes.gateway.asking import report
from deployer_kubernetes.gateway.facts import GatewayFact, RouteFact, route_fact
from deployer_kubernetes.gateway.objects import MADE, gateway_name, settings_for
from deployer_kubernetes.gateway.wish import wish_of
from deployer_kubernetes.late_logins import without_late_logins
from deployer_kubernetes.marks import PREFIX, Role, marks_of, object_name
from deployer_kubernetes.reading import moment, pod_fact

__all__ = ["ROUTED", "address_of", "gateway_fact", "is_gateway_s", "route_of"]

ROUTED = f"{PREFIX}routed"
"""Annotation of an endpoint's Service: an HTTPRoute was made as well. So no cluster is asked for routes in vain."""
_READING = settings_for(60.0)
"""Where its pods are asked; the same whatever else they are told."""


def is_gateway_s(thing: Mapping[str, Any]) -> bool:
    """Whether an object is a gateway's."""
    marks = marks_of(thing)
    return marks is not None and marks.role is Role.GATEWAY


def gateway_fact(
    cluster: Cluster,
    endpoint: str,
    files: Mapping[str, Any] | None,
    deployments: Iterable[Any],
    pods: Iterable[Any],
    *,
    asking: bool = True,
) -> GatewayFact | None:
    """An endpoint's gateway; None when it has none.

    Args:
        cluster: The namespace.
        endpoint: Which.
        files: Its ConfigMap.
        deployments: Deployments of the endpoint.
        pods: Pods of the endpoint.
        asking: Whether its pods are asked what they do, each of which takes the cluster its time.
    """
    name = gateway_name(endpoint)
    whole = next((each for each in deployments if each["metadata"]["name"] == name and is_gateway_s(each)), None)
    pods = [*pods]
    found = without_late_logins(cluster, tuple(pod_fact(each) for each in pods if is_gateway_s(each)))
    if whole is None and not found and files is None:
        return None
    going = whole is None or bool(whole["metadata"].get("deletionTimestamp"))
    running = (
        []
        if not asking
        else [each.name for each in found if each.address and each.phase == "Running" and not each.starting]
    )
    with ThreadPoolExecutor(max(1, len(running))) as pool:
        said = pool.map(lambda pod: report(cluster, pod, _READING), running)
        reports = dict(zip(running, said, strict=True))
    wanted = 0 if going or whole is None else int(whole["spec"].get("replicas", 1))
    past = _past(whole, pods)
    looked = cluster.now() if any(each.begins for each in found) else None
    return GatewayFact(wanted, found, wish_of(files), reports, _current(whole), _written(files), past, looked)


def _past(deployment: Mapping[str, Any] | None, pods: Iterable[Any]) -> frozenset[str]:
    """Pods of a template before the present one."""
    if deployment is None:
        return frozenset()
    made = _made(deployment["spec"]["template"])
    return frozenset(each["metadata"]["name"] for each in pods if is_gateway_s(each) and _made(each) != made)


def _made(thing: Mapping[str, Any]) -> str:
    return str((thing["metadata"].get("annotations") or {}).get(MADE, ""))


def _written(files: Mapping[str, Any] | None) -> float:
    entries = files["metadata"].get("managedFields") or () if files is not None else ()
    return max((moment(each.get("time")) or 0.0 for each in entries), default=0.0)


def _current(deployment: Mapping[str, Any] | None) -> int:
    status = (deployment.get("status") or {}) if deployment is not None else {}
    generation = deployment["metadata"].get("generation") or 0 if deployment is not None else 0
    return int(status.get("updatedReplicas") or 0) if (status.get("observedGeneration") or 0) >= generation else 0


def address_of(cluster: Cluster, endpoint: str, revision: str) -> str | None:
    """Where a revision's Service is reached, which the cluster gave when that was made; None before."""
    thing = cluster.get("Service", object_name(endpoint, revision))
    if thing is None or marks_of(thing) is None:
        return None
    address = str(thing["spec"].get("clusterIP") or "")
    return address if address not in ("", "None") else None


def route_of(
    cluster: Cluster, endpoint: str, service: Mapping[str, Any] | None, record: Record | None
) -> RouteFact | None:
    """An endpoint's HTTPRoute, where it may have one; also when its Service is gone, which told so."""
    told = service is not None and ROUTED in (service["metadata"].get("annotations") or {})
    wished = service is None and record is not None and isinstance(record.spec.get("config", {}).get("gateway"), dict)
    thing = cluster.get("HTTPRoute", endpoint) if told or wished else None
    return route_fact(thing, endpoint) if thing is not None and marks_of(thing) is not None else None
