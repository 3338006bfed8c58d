"""Asks for InferenceServices, only where that may be something."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from deployer.endpoint import Record
from deployer.errors import DeployerError
from deployer_kubernetes.client import KINDS, Cluster
from deployer_kubernetes.errors import Refused
from deployer_kubernetes.facts import ServerFact
from deployer_kubernetes.kserve.facts import inference_fact, joined
from deployer_kubernetes.kserve.wish import KIND, made_for, says_so
from deployer_kubernetes.marks import marks_of, selector

__all__ = ["inference_services", "with_kserve"]


def with_kserve(
    cluster: Cluster,
    endpoint: str,
    record: Record | None,
    deployments: Iterable[Mapping[str, Any]],
    servers: tuple[ServerFact, ...],
) -> tuple[ServerFact, ...]:
    """What runs an endpoint's revisions, with what KServe has been told of them.

    Args:
        cluster: Its namespace.
        endpoint: Which.
        record: Its Record.
        deployments: Its Deployments.
        servers: The same, as they were read.
    """
    if not made_for(deployments) and not (record is not None and _wished(record)):
        return servers
    things = inference_services(cluster, endpoint)
    run = {each.revision for each in servers}
    found = [inference_fact(each, () if _revision(each) in run else _events(cluster, each)) for each in things]
    waits = any(each.revision not in run for each in found)
    return joined(servers, found, cluster.now() if waits else None)


def _wished(record: Record) -> bool:
    return says_so(record.spec) or any(says_so(each.fields) for each in record.releases.values())


def _revision(thing: Mapping[str, Any]) -> str:
    marks = marks_of(thing)
    return (marks.revision if marks is not None else None) or ""


def inference_services(cluster: Cluster, endpoint: str, *, needed: bool = True) -> list[Any]:
    """Those of an endpoint; none where the cluster knows no such kind.

    Args:
        cluster: Its namespace.
        endpoint: Which.
        needed: Whether it is known to have some; else an account that has no right to them is told of none.
    """
    kind = KINDS[KIND]
    with cluster.told(f"list {kind.plural}", endpoint):
        try:
            query = {"labelSelector": selector(endpoint)}
            found: list[Any] = cluster.ask("GET", kind.path(cluster.namespace), query=query).get("items") or []
        except Refused as refused:
            if refused.status != 404 and (needed or refused.status != 403):
                raise
            return []
    return [{"apiVersion": kind.api, "kind": kind.name, **each} for each in found]


def _events(cluster: Cluster, thing: Mapping[str, Any]) -> list[Any]:
    try:
        return cluster.all("Event", fields=f"involvedObject.uid={thing['metadata']['uid']}")[0]
    except DeployerError:  # what it says beside them is told
        return []
