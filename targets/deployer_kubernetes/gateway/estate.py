"""The objects of an endpoint's own gateway, made, changed and removed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from deployer.errors import TargetUnavailable
from deployer.gateway import GatewaySettings, Member, Routing
from deployer.spec import DeploymentSpec
from deployer_kubernetes.adoption.adopted import adopted_among, lead_to, port_of
from deployer_kubernetes.client import Cluster
from deployer_kubernetes.config import KubernetesOptions
from deployer_kubernetes.facts import ServerFact
from deployer_kubernetes.gateway.facts import GatewayFact
from deployer_kubernetes.gateway.objects import (
    SHAPE,
    gateway_budget,
    gateway_deployment,
    gateway_files,
    gateway_name,
    gateway_policy,
    revision_service,
    settings_for,
)
from deployer_kubernetes.gateway.survey import gateway_fact
from deployer_kubernetes.gateway.wish import wish_of, with_pool
from deployer_kubernetes.marks import REVISION, Role, selector
from deployer_kubernetes.policies import keep, leave
from deployer_kubernetes.requests import config_of
from deployer_kubernetes.survey import holdings
from deployer_kubernetes.writing import Hand

__all__ = ["GatewayEstate"]


class GatewayEstate:
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
        self._name = gateway_name(spec.name)

    # Addresses of revisions.

    def member(self, revision: str) -> Member:
        """The Service of a revision, made where it is not there.

        Raises:
            TargetUnavailable: It goes at this moment, or has no address yet; transient.
        """
        document = revision_service(self._spec, revision, self._owner)
        name = document["metadata"]["name"]
        adopted = adopted_among(holdings(self._cluster, self._spec.name, ("Deployment",)).of("Deployment"), revision)
        if adopted is not None:
            document = lead_to(document, adopted, port_of(adopted))
        keep(self._hand, "Service", name)
        found = self._hand.find("Service", name)
        if found is None or _differs(found, document):
            found = self._hand.ensure(document, found)
        address = str(found["spec"].get("clusterIP") or "")
        if not address or address == "None":
            raise TargetUnavailable(f"the Service {name} has no address", transient=True, where=name)
        return Member(address, int(document["spec"]["ports"][0]["port"]))

    def with_servers(self, routing: Routing, servers: Iterable[ServerFact]) -> Routing:
        """The same with each of these revisions behind its Service; others stay only where they have a share."""
        there = {each.revision: each for each in servers if not each.leaving}
        pools = tuple(each for each in routing.pools if each.revision in there or each.revision in routing.shares)
        mirror = routing.mirror if routing.mirror is not None and routing.mirror.revision in there else None
        routing = replace(routing, pools=pools, mirror=mirror)
        for revision, server in sorted(there.items()):
            routing = with_pool(routing, revision, self.member(revision), server.asked)
        return routing

    # The gateway.

    def wish(self) -> Routing | None:
        """What it is to do, by its ConfigMap; None when that is not there, or cannot be read."""
        return wish_of(self._hand.find("ConfigMap", self._name))

    def write(self, routing: Routing) -> None:
        """Have its ConfigMap say so, from which its pods begin.

        Raises:
            SpecError: There are more revisions than it has room for.
        """
        found = self._hand.find("ConfigMap", self._name)
        document = gateway_files(self._spec, routing, self._settings(routing), self._owner)
        if found is None or found.get("data") != document["data"]:
            self._hand.ensure(document, found)

    def ensure(self, routing: Routing) -> None:
        """Have all of it be there; pods are replaced one by one where theirs would be others."""
        self.write(routing)
        keep(self._hand, "NetworkPolicy", self._name)
        for document in (gateway_policy(self._spec, self._owner), gateway_budget(self._spec, self._owner)):
            known = self._hand.find(document["kind"], self._name)
            if known is None or not _is_so(known, document):
                self._hand.ensure(document, known)
        document = gateway_deployment(self._spec, self._options, self._settings(routing), self._owner)
        found = self._hand.find("Deployment", self._name)
        if found is not None and found["metadata"].get("deletionTimestamp"):
            raise TargetUnavailable(f"Deployment {self._name} is just being removed", transient=True, where=self._name)
        told = found["metadata"].get("annotations") or {} if found is not None else {}
        # A newer deployer, whose own part of the template differs, restarts nothing.
        if found is None or told.get(SHAPE) != document["metadata"]["annotations"][SHAPE]:
            self._hand.ensure(document, found)

    def look(self) -> GatewayFact:
        """As it is now."""
        held = holdings(self._cluster, self._spec.name, ("Deployment", "Pod"))
        files = self._hand.find("ConfigMap", self._name)
        fact = gateway_fact(self._cluster, self._spec.name, files, held.of("Deployment"), held.of("Pod"))
        return fact or GatewayFact()

    def remove(self) -> None:
        """Remove it, and the Services of revisions; its pods go on until nobody asks them any more."""
        self._hand.remove("Deployment", self._name)
        labels = selector(self._spec.name, Role.GATEWAY)
        leave(self._cluster, self._hand, ("NetworkPolicy", self._name), labels)
        for kind in ("PodDisruptionBudget", "ConfigMap"):
            self._hand.remove(kind, self._name)

    def remove_members(self) -> None:
        """Remove the Services of revisions, with the last pod of the gateway that sends requests to them."""
        for each in holdings(self._cluster, self._spec.name, ("Service",)).of("Service"):
            if each["metadata"]["labels"].get(REVISION):
                labels = selector(self._spec.name, Role.GATEWAY)
                leave(self._cluster, self._hand, ("Service", each["metadata"]["name"]), labels)

    def _settings(self, routing: Routing) -> GatewaySettings:
        ipv6 = any(":" in each.address for pool in routing.pools for each in pool.members)
        return settings_for(config_of(self._spec).timeout, ipv6=ipv6)


def _is_so(found: Mapping[str, Any], document: Mapping[str, Any]) -> bool:
    """Whether an object whose fields have no defaults is as a document says."""
    labels = found["metadata"].get("labels") or {}
    return bool(labels == document["metadata"]["labels"] and found["spec"] == document["spec"])


def _differs(found: Mapping[str, Any], document: Mapping[str, Any]) -> bool:
    wished, there = document["spec"], found["spec"]
    ports = [(each["port"], each.get("targetPort")) for each in there.get("ports") or ()]
    return there.get("selector") != wished["selector"] or ports != [
        (each["port"], each.get("targetPort")) for each in wished["ports"]
    ]
