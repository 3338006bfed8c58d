"""Asks the API server for all that there is of an endpoint."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from deployer.endpoint import Record
from deployer.errors import TargetUnavailable
from deployer_kubernetes.adoption.adopted import (
    is_adopted,
    is_led_to,
    led_to_adopted,
    owned_pods,
    selector_of,
    with_marks,
)
from deployer_kubernetes.adoption.beginning import begun
from deployer_kubernetes.client import Cluster
from deployer_kubernetes.facts import Facts, PodFact, ServerFact
from deployer_kubernetes.gateway.facts import GatewayFact
from deployer_kubernetes.gateway.objects import gateway_name
from deployer_kubernetes.gateway.survey import gateway_fact, is_gateway_s, route_of
from deployer_kubernetes.kserve.survey import with_kserve
from deployer_kubernetes.late_logins import without_late_logins
from deployer_kubernetes.marks import REVISION, Marks, Role, marks_of, object_name, selector, usable_name
from deployer_kubernetes.reading import pod_fact, scaler_fact, server_fact, service_fact
from deployer_kubernetes.record import record_of
from deployer_kubernetes.scaling.survey import activator_fact, is_activator_s, led_service, scaled_facts
from deployer_kubernetes.scaling.wish import served_name
from deployer_kubernetes.unborn import with_signs

__all__ = ["MARKED", "Holdings", "foreign_to", "holdings", "server_pods", "survey", "survey_all"]

_MAIN = ("ConfigMap", "Service", "Deployment", "Pod", "HorizontalPodAutoscaler")
_BESIDE = ("Secret", "ServiceAccount", "PodDisruptionBudget", "NetworkPolicy", "Ingress", "ReplicaSet")
_SERVICE = "kubernetes.io/service-name"
"""The label of an EndpointSlice that tells its Service; the Service's own labels are on it as well."""
MARKED = (*_MAIN, *_BESIDE)
"""All kinds that carry our marks."""


@dataclass(frozen=True)
class Holdings:
    """Objects that carry an endpoint's marks, by kind."""

    things: Mapping[str, list[Any]] = field(default_factory=dict)

    def of(self, kind: str) -> list[Any]:
        """Those of a kind."""
        return self.things.get(kind, [])

    def named(self, kind: str, name: str) -> Any | None:
        """One of them."""
        return next((each for each in self.of(kind) if each["metadata"]["name"] == name), None)

    @property
    def any(self) -> bool:
        """Whether there is anything."""
        return any(self.things.values())

    def marks(self) -> Iterable[Marks]:
        """What they carry."""
        return (marks for each in self.things.values() for thing in each if (marks := marks_of(thing)) is not None)


def holdings(cluster: Cluster, endpoint: str | None, kinds: Iterable[str] = MARKED) -> Holdings:
    """All objects of an endpoint, or of all, of these kinds; asked for at once."""
    labels, wanted = selector(endpoint), tuple(kinds)
    with ThreadPoolExecutor(max(1, len(wanted))) as pool:
        found = pool.map(lambda kind: cluster.all(kind, labels)[0], wanted)
        return Holdings(dict(zip(wanted, found, strict=True)))


def survey(cluster: Cluster, endpoint: str, target: str, *, asking: bool = True) -> Facts:
    """What is there of an endpoint; ``asking``: its gateway's pods too, for what they do."""
    held, slices = _main(cluster, endpoint)
    if not held.any:
        beside = holdings(cluster, endpoint, _BESIDE)
        if not beside.any:
            foreign = foreign_to(cluster, endpoint)
            return Facts(endpoint, target, cluster.namespace, foreign=foreign, there=False)
        held = Holdings({**held.things, **beside.things})
    found = _not_yet_adopted(cluster, endpoint, target, held)
    return found or _facts(cluster, endpoint, target, held, slices, asking=asking)


def survey_all(cluster: Cluster, target: str) -> Iterable[Facts]:
    """What is there of every endpoint, and of what others have made that would be one."""
    held, slices = _main(cluster, None)
    names = {marks.endpoint for marks in held.marks()}
    for name in sorted(names):
        mine = {kind: [each for each in found if _is_of(each, name)] for kind, found in held.things.items()}
        behind = [each for each in slices if each["metadata"]["labels"].get(_SERVICE) in (name, served_name(name))]
        there = Holdings(mine)
        yield _not_yet_adopted(cluster, name, target, there) or _facts(cluster, name, target, there, behind)
    for kind in ("Deployment", "Service"):
        for thing in cluster.all(kind)[0]:
            name = thing["metadata"]["name"]
            if marks_of(thing) is None and usable_name(name) and name not in names and name != "kubernetes":
                names.add(name)
                foreign = f"the namespace {cluster.namespace} has a {kind} {name}"
                yield Facts(name, target, cluster.namespace, foreign=foreign, there=False)


def _is_of(thing: Any, endpoint: str) -> bool:
    marks = marks_of(thing)
    return marks is not None and marks.endpoint == endpoint


def _main(cluster: Cluster, endpoint: str | None) -> tuple[Holdings, list[Any]]:
    """What is looked at each time, and to whom Services send requests."""
    with ThreadPoolExecutor(1) as pool:
        labels = f"{_SERVICE} in ({endpoint},{served_name(endpoint)})" if endpoint is not None else selector()
        slices = pool.submit(lambda: cluster.all("EndpointSlice", labels)[0])
        held = holdings(cluster, endpoint, _MAIN)
        pods = [*held.of("Pod"), *_adopted_pods(cluster, held.of("Deployment"))]
        return Holdings({**held.things, "Pod": pods}), slices.result()


def server_pods(cluster: Cluster, endpoint: str) -> list[Any]:
    """All pods of an endpoint's revisions, those of an adopted Deployment as if they carried its marks."""
    labels = selector(endpoint, Role.SERVER)
    deployments = cluster.all("Deployment", labels)[0]
    return [*cluster.all("Pod", labels)[0], *_adopted_pods(cluster, deployments)]


def _adopted_pods(cluster: Cluster, deployments: Iterable[Any]) -> Iterable[Any]:
    for each in deployments:
        if is_adopted(each):
            found = cluster.all("Pod", selector_of(each))[0]
            yield from (with_marks(pod, each) for pod in owned_pods(each, found))


def _not_yet_adopted(cluster: Cluster, endpoint: str, target: str, held: Holdings) -> Facts | None:
    """A Record beside a Deployment that is not ours: whoever began to adopt that was killed."""
    if held.of("Deployment") or held.of("Pod"):
        return None
    led = held.named("Service", endpoint) or cluster.get("Service", endpoint)
    if led is not None and REVISION in (led["spec"].get("selector") or {}):
        return None
    for each in cluster.all("Deployment")[0]:
        name = each["metadata"]["name"]
        if marks_of(each) is None and (is_led_to(led, each) if led is not None else name == endpoint):
            foreign = f"the namespace {cluster.namespace} has a Deployment {name}"
            return Facts(endpoint, target, cluster.namespace, foreign=foreign, there=False)
    return None


def _facts(
    cluster: Cluster, endpoint: str, target: str, held: Holdings, slices: list[Any], *, asking: bool = True
) -> Facts:
    record, trouble = _record(held, endpoint)
    service = held.named("Service", endpoint)
    led = led_service(endpoint, service, held.of("Service"))
    leading = led if led is not None else service
    if leading is not None:
        slices = [each for each in slices if each["metadata"]["labels"].get(_SERVICE) == leading["metadata"]["name"]]
    deployments = [each for each in held.of("Deployment") if not (is_gateway_s(each) or is_activator_s(each))]
    activator = activator_fact(endpoint, service, held.of("Deployment"), held.of("Pod"))
    asleep = scaled_facts(cluster, endpoint, deployments) if activator is not None else ()
    adopted = (led_to_adopted(service, deployments) if service is not None else None) or ""
    mine = [each for each in held.of("Pod") if not (is_gateway_s(each) or is_activator_s(each))]
    pods = without_late_logins(cluster, with_signs(cluster, tuple(pod_fact(each) for each in mine)))
    owner = record.owner if record is not None else next((marks.owner for marks in held.marks()), None)
    lost = [each for each in pods if each.unscheduled and not each.leaving]
    return Facts(
        name=endpoint,
        target=target,
        namespace=cluster.namespace,
        owner=owner,
        record=record,
        record_trouble=trouble,
        service=service_fact(service, slices, adopted, led) if service is not None else None,
        servers=with_kserve(
            cluster, endpoint, record, deployments, tuple(_server(cluster, each) for each in deployments)
        ),
        pods=pods,
        scalers=(*asleep, *(scaler_fact(each) for each in held.of("HorizontalPodAutoscaler"))),
        gateway=_gateway(cluster, endpoint, held, asking=asking),
        route=route_of(cluster, endpoint, service, record),
        activator=activator,
        now=cluster.now() if lost else None,
        growing=any(_grows_for(cluster, each) for each in lost),
    )


def _server(cluster: Cluster, deployment: Any) -> ServerFact:
    found = server_fact(deployment)
    if not is_adopted(deployment):
        return found
    since = begun(deployment, cluster.all("ReplicaSet", selector_of(deployment))[0])
    return replace(found, created=since) if since is not None else found


def _gateway(cluster: Cluster, endpoint: str, held: Holdings, *, asking: bool) -> GatewayFact | None:
    files = held.named("ConfigMap", gateway_name(endpoint))
    return gateway_fact(cluster, endpoint, files, held.of("Deployment"), held.of("Pod"), asking=asking)


def _grows_for(cluster: Cluster, pod: PodFact) -> bool:
    """Whether the cluster's autoscaler says that it makes a node for a pod."""
    events, _ = cluster.all("Event", fields=f"involvedObject.uid={pod.uid}")
    return any(each.get("reason") == "TriggeredScaleUp" for each in events)


def _record(held: Holdings, endpoint: str) -> tuple[Record | None, str]:
    thing = held.named("ConfigMap", object_name(endpoint, "record"))
    if thing is None:
        return None, ""
    try:
        record = record_of(thing)
    except TargetUnavailable as error:
        return None, error.message
    return record, "" if record is not None else "its record is damaged; deployer apply writes it anew"


def foreign_to(cluster: Cluster, endpoint: str) -> str:
    """What lies under the names that an endpoint would take, and is not ours: a phrase, or ""."""
    for kind, name in (("Service", endpoint), ("Deployment", endpoint), ("ConfigMap", object_name(endpoint, "record")),
                       ("ServiceAccount", endpoint), ("PodDisruptionBudget", endpoint)):  # fmt: skip
        found = cluster.get(kind, name)
        if found is not None and marks_of(found) is None:
            return f"the namespace {cluster.namespace} has a {kind} {name}"
    return ""
