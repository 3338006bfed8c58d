"""Takes over a Deployment and a Service that somebody made by hand, without a new pod; and what another owner has.

Labels of a Deployment itself can be changed while it runs, its selector and its template cannot. So it keeps these, its
name and its pods; our marks and an annotation on it say what it is (`deployer_kubernetes.adoption.adopted`). They are
written last: as long as it lacks them, it is not taken over, and the same command goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from deployer.endpoint import Claim, Record
from deployer.errors import Conflict
from deployer.spec import DeploymentSpec
from deployer.target import Adoption
from deployer.target.container import asked_of
from deployer.value import JSON
from deployer_kubernetes.adoption.adopted import (
    ADOPTED,
    CONTAINER,
    is_adopted,
    is_led_to,
    lead_to,
    owned_pods,
    selector_of,
)
from deployer_kubernetes.adoption.foreign import Foreign, adoption_of, identity_of, refuse_unfit
from deployer_kubernetes.adoption.rewriting import Rewriting, handed_on, taken_fields
from deployer_kubernetes.client import Cluster
from deployer_kubernetes.gateway.survey import ROUTED
from deployer_kubernetes.marks import REVISION, Marks, Role, marks_of
from deployer_kubernetes.record import Records
from deployer_kubernetes.requests import budget, config_of, service, service_account, told
from deployer_kubernetes.survey import MARKED, holdings
from deployer_kubernetes.writing import Hand, manager_of

__all__ = ["Taking", "adopt", "find_foreign", "told_of"]

_COUNT = "count"


# Looking.


def told_of(cluster: Cluster, endpoint: str) -> Adoption | None:
    """What of that name carries no marks; None when there is nothing, or it is ours.

    Raises:
        Conflict: It cannot be taken over.
    """
    found = find_foreign(cluster, endpoint)
    return adoption_of(found) if found is not None else None


def find_foreign(cluster: Cluster, endpoint: str, *, taken: bool = False) -> Foreign | None:
    """The Deployment that the Service of that name leads to; without a Service, the Deployment of that name.

    Args:
        cluster: The namespace.
        endpoint: The name.
        taken: Whether one is found too that carries the endpoint's marks already.

    Raises:
        Conflict: The Service leads to several.
    """
    led = cluster.get("Service", endpoint)
    if led is not None and REVISION in (led["spec"].get("selector") or {}):
        return None
    found = _meant(cluster.all("Deployment")[0], led, endpoint, cluster.namespace)
    if found is None or (marks_of(found) is not None and not (taken and _is_of(found, endpoint))):
        return None
    return _whole(cluster, endpoint, found, led)


def _meant(deployments: list[Any], led: Any | None, endpoint: str, namespace: str) -> Any | None:
    if led is None:
        return next((each for each in deployments if each["metadata"]["name"] == endpoint), None)
    behind = [each for each in deployments if is_led_to(led, each)]
    if len(behind) > 1:
        names = ", ".join(sorted(each["metadata"]["name"] for each in behind))
        raise Conflict(
            f"the Service {endpoint} in {namespace} leads to more than one Deployment: {names}", where=endpoint,
            hint="lead it to the one that is to be taken over",
        )  # fmt: skip
    return behind[0] if behind else None


def _is_of(deployment: Any, endpoint: str) -> bool:
    marks = marks_of(deployment)
    return is_adopted(deployment) and marks is not None and marks.endpoint == endpoint


def _whole(cluster: Cluster, endpoint: str, found: Any, led: Any | None) -> Foreign:
    pods = owned_pods(found, cluster.all("Pod", selector_of(found))[0])
    others: list[str] = []
    if led is not None:
        labels = ",".join(f"{key}={value}" for key, value in sorted(led["spec"]["selector"].items()))
        known = {each["metadata"]["uid"] for each in pods}
        reached = cluster.all("Pod", labels)[0]
        staying = (each["metadata"] for each in reached if not each["metadata"].get("deletionTimestamp"))
        others = [each["name"] for each in staying if each["uid"] not in known]
    labels_of_pods = found["spec"]["template"]["metadata"].get("labels") or {}
    name = found["metadata"]["name"]
    scalers = (each for each in cluster.all("HorizontalPodAutoscaler")[0] if _scales(each, name))
    policies = (each for each in cluster.all("NetworkPolicy")[0] if _applies(each, labels_of_pods))
    return Foreign(
        name=endpoint, deployment=found, service=led, pods=tuple(pods), others=tuple(sorted(others)),
        scaler=next(scalers, None), policies=tuple(policies),
    )  # fmt: skip


def _scales(scaler: Any, deployment: str) -> bool:
    target = scaler["spec"]["scaleTargetRef"]
    return bool(target["kind"] == "Deployment" and target["name"] == deployment)


def _applies(policy: Any, labels: Mapping[str, str]) -> bool:
    """Whether a NetworkPolicy holds for pods; one with expressions may, and is named."""
    wanted = policy["spec"].get("podSelector") or {}
    return (wanted.get("matchLabels") or {}).items() <= labels.items()


# Taking over.


@dataclass(frozen=True)
class Taking:
    """What taking over is done with.

    Attributes:
        cluster: The namespace.
        records: The Records there.
        held: Raises ClaimLost unless the claim of that endpoint holds.
    """

    cluster: Cluster
    records: Records
    held: Callable[[str, Claim], object]


def adopt(record: Record, expected: str | None, identity: str | None, taking: Taking) -> str:
    """As `deployer.target.Adoptable.adopt`."""
    name, cluster = record.endpoint, taking.cluster
    # First: whoever was quicker has changed what is there, and may have it rolled out just now.
    taking.records.ensure_version(name, expected)
    found = find_foreign(cluster, name, taken=True) if identity is not None else None
    if identity is not None:
        if found is None or identity_of(found) != identity:
            raise Conflict(f"{name} is something else by now", where=name, hint=f"deployer import {name}")
        refuse_unfit(found)
        _refuse_their_account(cluster, DeploymentSpec(**record.spec))
    version = taking.records.write(record, expected)
    if record.claim is None:
        return version
    held = partial(taking.held, name, record.claim)
    hand, rewrite = Hand(cluster, name, record.owner, held), Rewriting(cluster, manager_of(record.owner), held)
    if found is None:
        _change_owner(cluster, record, rewrite)
    else:
        _Marking(cluster, hand, record, found, rewrite).run()
    return version


def _refuse_their_account(cluster: Cluster, spec: DeploymentSpec) -> None:
    account = cluster.get("ServiceAccount", spec.name) if config_of(spec).service_account is None else None
    if account is not None and marks_of(account) is None:
        raise Conflict(
            f"there is a ServiceAccount {spec.name} that deployer did not make, and new revisions would have one of "
            "their own of that name", where=spec.name, hint=f"have them run as it: config.service_account: {spec.name}",
        )  # fmt: skip


class _Marking:
    """Has what was found carry our marks; the Deployment comes last."""

    def __init__(self, cluster: Cluster, hand: Hand, record: Record, found: Foreign, rewrite: Rewriting) -> None:
        self._cluster = cluster
        self._hand = hand
        self._found = found
        self._rewrite = rewrite
        self._owner = record.owner
        self._spec = DeploymentSpec(**record.spec)
        self._release = record.releases[record.traffic.served[0]]
        self._asked = asked_of(self._spec, config_of(self._spec))
        self._server = Marks(record.owner, record.endpoint, Role.SERVER, self._release.revision)
        self._endpoint = Marks(record.owner, record.endpoint, Role.ENDPOINT)

    def run(self) -> None:
        """Do what is left of it."""
        found = self._found
        account, theirs = service_account(self._spec, self._owner), self._cluster.get("PodDisruptionBudget", found.name)
        if account is not None:
            self._hand.ensure(account)
        if theirs is not None:
            self._take("PodDisruptionBudget", theirs, self._endpoint)
        else:
            self._hand.ensure(budget(self._spec, self._owner))
        if found.scaler is not None:
            self._take("HorizontalPodAutoscaler", found.scaler, self._server)
        else:
            count = {"replicas": found.deployment["spec"]["replicas"]}
            self._hand.own("Deployment", found.deployment, count, _COUNT)
        if found.service is not None:
            self._take("Service", found.service, self._endpoint)
        else:
            self._hand.ensure(lead_to(service(self._spec, self._owner), found.deployment, self._asked.port))
        notes = {
            **told(self._release, self._asked),
            ADOPTED: "true",
            CONTAINER: found.reached.container["name"],
        }
        self._take("Deployment", found.deployment, self._server, notes)

    def _take(self, kind: str, thing: Mapping[str, Any], marks: Marks, notes: Mapping[str, str] | None = None) -> None:
        """An object whose fields are ours from now on, so that what is no longer wished of them goes."""

        def wished(now: Mapping[str, Any]) -> Mapping[str, JSON] | None:
            known = marks_of(now)
            if known is not None and known.endpoint != marks.endpoint:
                raise Conflict(f"{kind} {now['metadata']['name']} belongs to the endpoint {known.endpoint}")
            fields = taken_fields(now, manager_of(self._owner))
            meta = {"labels": marks.labels(), "annotations": dict(notes or {}), "managedFields": fields}
            return meta if known != marks else None

        self._rewrite(kind, thing, wished)


# Another owner's.


def _change_owner(cluster: Cluster, record: Record, rewrite: Rewriting) -> None:
    """Have all objects say whose they are from now on; pods are left alone, and tell it when they are made anew."""
    kinds = [each for each in MARKED if each not in ("Pod", "ReplicaSet")]
    found = holdings(cluster, record.endpoint, kinds)
    for kind in kinds:
        for thing in found.of(kind):
            marks = marks_of(thing)
            if marks is not None and marks.role is not Role.RECORD:
                rewrite(kind, thing, partial(handed_on, owner=record.owner))
    led = found.named("Service", record.endpoint)
    if led is not None and ROUTED in (led["metadata"].get("annotations") or {}):
        route = cluster.get("HTTPRoute", record.endpoint)
        if route is not None and marks_of(route) is not None:
            rewrite("HTTPRoute", route, partial(handed_on, owner=record.owner))
