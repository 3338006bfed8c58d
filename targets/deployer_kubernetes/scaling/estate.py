"""The objects of an endpoint's activator, made, changed and removed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deployer.errors import TargetUnavailable
from deployer.spec import DeploymentSpec
from deployer_kubernetes.client import Cluster
from deployer_kubernetes.config import KubernetesOptions
from deployer_kubernetes.gateway.objects import SHAPE
from deployer_kubernetes.marks import Role, selector
from deployer_kubernetes.policies import keep, leave
from deployer_kubernetes.requests import deployment_name
from deployer_kubernetes.scaling.facts import ActivatorFact
from deployer_kubernetes.scaling.objects import (
    activator_budget,
    activator_deployment,
    activator_files,
    activator_policy,
    activator_service,
    served_service,
)
from deployer_kubernetes.scaling.scaled import scaled_object
from deployer_kubernetes.scaling.survey import activator_fact, address_of_served
from deployer_kubernetes.scaling.wish import activator_name, served_name
from deployer_kubernetes.survey import holdings
from deployer_kubernetes.writing import Hand

__all__ = ["ActivatorEstate"]


class ActivatorEstate:
    """One endpoint's.

    Args:
        cluster: Its namespace.
        hand: Writes its objects.
        spec: The wish.
        options: The target's.
        owner: Whose it is.
    """

    def __init__(
        self, cluster: Cluster, hand: Hand, spec: DeploymentSpec, options: KubernetesOptions, *, owner: str
    ) -> None:
        self._cluster = cluster
        self._hand = hand
        self._spec = spec
        self._options = options
        self._owner = owner
        self._name = activator_name(spec.name)

    def ensure(self) -> None:
        """Have all of it be there, but for where it leads, which stays; pods are replaced where theirs would be others.

        Raises:
            TargetUnavailable: Some of it goes at this moment, or has no address yet; transient.
        """
        files = activator_files(self._spec, self._address(), self._owner)
        for document in (
            files,
            activator_policy(self._spec, self._owner),
            activator_budget(self._spec, self._owner),
            activator_service(self._spec, self._owner),
        ):
            kind = document["kind"]
            if kind in ("NetworkPolicy", "Service"):
                keep(self._hand, kind, self._name)
            known = self._hand.find(kind, self._name)
            if known is None or not _is_so(known, document):
                self._hand.ensure(document, known)
        document = activator_deployment(self._spec, self._options, files, self._owner)
        found = self._hand.find("Deployment", self._name)
        if found is not None and found["metadata"].get("deletionTimestamp"):
            raise TargetUnavailable(f"Deployment {self._name} is just being removed", transient=True, where=self._name)
        told = found["metadata"].get("annotations") or {} if found is not None else {}
        # A newer deployer, whose own part of the template differs, restarts nothing.
        if found is None or told.get(SHAPE) != document["metadata"]["annotations"][SHAPE]:
            self._hand.ensure(document, found)

    def lead(self, revision: str | None) -> None:
        """Have it lead to a revision, or hold all requests for None."""
        name = served_name(self._spec.name)
        document = served_service(self._spec, revision, self._owner)
        keep(self._hand, "Service", name)
        found = self._hand.find("Service", name)
        if found is None or not _is_so(found, document):
            self._hand.ensure(document, found)

    def _address(self) -> str:
        """Of the Service by which it leads on, which is made where it is not there."""
        name = served_name(self._spec.name)
        if self._hand.find("Service", name) is None:
            self.lead(None)
        address = address_of_served(self._cluster, self._spec.name)
        if address is None:
            raise TargetUnavailable(f"the Service {name} has no address", transient=True, where=name)
        return address

    def look(self) -> ActivatorFact:
        """As it is now."""
        held = holdings(self._cluster, self._spec.name, ("Deployment", "Pod"))
        return activator_fact(self._spec.name, None, held.of("Deployment"), held.of("Pod")) or ActivatorFact()

    def remove(self) -> None:
        """Remove it; its pods go on until nobody asks them any more, with what they need for that."""
        self._hand.remove("Deployment", self._name)
        labels = selector(self._spec.name, Role.ACTIVATOR)
        for what in (
            ("NetworkPolicy", self._name), ("Service", self._name), ("Service", served_name(self._spec.name)),
        ):  # fmt: skip
            leave(self._cluster, self._hand, what, labels)
        for kind in ("PodDisruptionBudget", "ConfigMap"):
            self._hand.remove(kind, self._name)

    # What has a revision's count.

    def scale(self, revision: str) -> None:
        """Have KEDA have a revision's count.

        Raises:
            TargetUnavailable: What had it goes at this moment; transient.
        """
        name = deployment_name(self._spec.name, revision)
        # Two would pull it to and fro.
        self._hand.remove("HorizontalPodAutoscaler", name)
        document = scaled_object(self._spec, revision, self._owner, self._cluster.namespace)
        made = self._hand.find("Deployment", name)
        if made is None or made["metadata"].get("deletionTimestamp"):
            return
        document["metadata"]["ownerReferences"] = [
            {"apiVersion": "apps/v1", "kind": "Deployment", "name": name, "uid": made["metadata"]["uid"]}
        ]
        found = self._hand.find("ScaledObject", name)
        if found is not None and found["metadata"].get("deletionTimestamp"):
            raise TargetUnavailable(f"ScaledObject {name} is just being removed", transient=True, where=name)
        self._hand.ensure(document, found)

    def let_be(self, revision: str) -> None:
        """Have nobody have a revision's count; it stays what it is."""
        self._hand.remove("ScaledObject", deployment_name(self._spec.name, revision))


def _is_so(found: Mapping[str, Any], document: Mapping[str, Any]) -> bool:
    """Whether an object is as a document says, as far as that goes: a Service's has more than was sent."""
    if found["metadata"].get("labels") != document["metadata"]["labels"]:
        return False
    if document["kind"] == "ConfigMap":
        return bool(found.get("data") == document["data"])
    there, wished = found["spec"], document["spec"]
    if document["kind"] != "Service":
        return bool(there == wished)
    ports = [[(each["port"], each.get("targetPort")) for each in one.get("ports") or ()] for one in (there, wished)]
    return there.get("selector") == wished["selector"] and ports[0] == ports[1]
