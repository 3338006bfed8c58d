"""What carries our marks and nothing refers to any more: what a killed delete, or a lost Deployment, left behind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from deployer.endpoint import Record
from deployer.errors import DeployerError
from deployer.target import Orphan
from deployer_kubernetes.client import Cluster
from deployer_kubernetes.gateway.survey import ROUTED
from deployer_kubernetes.marks import Role, marks_of, selector
from deployer_kubernetes.optional import all_where_known
from deployer_kubernetes.reading import moment
from deployer_kubernetes.record import Records
from deployer_kubernetes.survey import MARKED, Holdings, holdings

__all__ = ["find", "remove"]

_OF_REVISIONS = ("NetworkPolicy", "HorizontalPodAutoscaler", "ScaledObject", "InferenceService")
_ROUTE = "HTTPRoute"


@dataclass(frozen=True)
class _Found:
    kind: str
    endpoint: str
    thing: Any
    since: float

    @property
    def name(self) -> str:
        return str(self.thing["metadata"]["name"])

    @property
    def identity(self) -> str:
        return f"{self.kind}|{self.endpoint}|{self.name}|{self.thing['metadata']['uid']}"


def find(cluster: Cluster, records: Records, *, now: float, older_than: float) -> Iterator[Orphan]:
    """What may be removed, older than so many seconds."""
    for each in _candidates(cluster, records, None):
        if now - each.since >= older_than:
            yield Orphan(each.identity, f"{each.kind} {each.name}", None, each.since, each.endpoint)


def remove(cluster: Cluster, records: Records, orphan: Orphan, *, now: float, older_than: float) -> bool:
    """Look again, and remove it if it is what was found."""
    for each in _candidates(cluster, records, orphan.endpoint):
        if each.identity == orphan.identity and now - each.since >= older_than:
            cluster.delete(each.kind, each.thing)
            return True
    return False


def _candidates(cluster: Cluster, records: Records, endpoint: str | None) -> Iterator[_Found]:
    held = holdings(cluster, endpoint, MARKED)
    held = Holdings({**held.things, **all_where_known(cluster, selector(endpoint))})
    for name in sorted({marks.endpoint for marks in held.marks()}):
        try:
            found = records.read(name)
        except DeployerError:
            continue  # nobody can tell what it refers to
        record = found[0] if found is not None else None
        if record is None or record.claim is None:
            yield from _of_endpoint(held, name, record)


def _of_endpoint(held: Holdings, endpoint: str, record: Record | None) -> Iterator[_Found]:
    """What is left of an endpoint."""
    known = frozenset(record.releases) if record is not None else frozenset()
    mine = [
        (kind, thing, marks)
        for kind, things in held.things.items()
        for thing in things
        if (marks := marks_of(thing)) is not None and marks.endpoint == endpoint
    ]
    lives = any(
        marks.role is Role.RECORD or kind == "Deployment" or (kind == "Service" and marks.role is Role.ENDPOINT)
        for kind, _, marks in mine
    )
    run = {marks.revision for kind, _, marks in mine if kind in ("Deployment", "Pod", "ReplicaSet")}
    for kind, thing, marks in mine:
        lost = kind in _OF_REVISIONS and marks.revision not in run and marks.revision not in known
        lost = lost or (kind == _ROUTE and not _is_routed(held, endpoint, record))
        if (not lives and kind not in ("Pod", "ReplicaSet")) or lost:
            yield _Found(kind, endpoint, thing, moment(thing["metadata"].get("creationTimestamp")) or 0.0)


def _is_routed(held: Holdings, endpoint: str, record: Record | None) -> bool:
    """Whether an endpoint has a route, by what its Service says or its Record wishes."""
    service = held.named("Service", endpoint)
    told = service is not None and ROUTED in (service["metadata"].get("annotations") or {})
    return told or (record is not None and isinstance(record.spec.get("config", {}).get("gateway"), dict))
