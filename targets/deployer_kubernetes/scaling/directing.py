"""Where the requests of an endpoint that may sleep are led, and of one that may not any more.

Each change is written in an order in which nothing is lost: the activator takes requests when its pods are ready, and
lets go of them when the revision has a pod that is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deployer.endpoint import Mirrored, Traffic
from deployer.errors import BuildError, Conflict, TargetUnavailable
from deployer.spec import DeploymentSpec
from deployer.value import JSON
from deployer_kubernetes.facts import Facts
from deployer_kubernetes.gateway.estate import GatewayEstate
from deployer_kubernetes.observe import how, is_hopeless, traffic_of
from deployer_kubernetes.requests import deployment_name
from deployer_kubernetes.scaling.estate import ActivatorEstate
from deployer_kubernetes.scaling.wish import activator_labels, sleeps
from deployer_kubernetes.writing import Hand

__all__ = ["Sleeping", "can_leave", "wake"]


def wake(hand: Hand, spec: DeploymentSpec, facts: Facts, revision: str) -> None:
    """Have KEDA let go of a revision that is about to be staged, if it has to.

    It does for one that may not sleep any more; and one that sleeps, and gets a pod now, would be put to sleep at once.
    """
    server = facts.server(revision)
    if server is not None and facts.may_sleep(revision) and not (sleeps(spec) and server.wanted):
        hand.remove("ScaledObject", deployment_name(facts.name, revision))


def can_leave(facts: Facts) -> bool:
    """Whether requests can be led past the activator: the revision that is served has a pod that takes them."""
    service = facts.service
    if service is None or not service.activator:  # whoever led them past it was killed before it was removed
        return True
    return not service.revision or any(each.ready and each.name in service.behind for each in facts.pods)


class Sleeping:
    """Of one endpoint, within one verb; with the same verbs as what leads others (`gateway.directing.Directing`).

    Args:
        hand: Writes its objects.
        spec: The wish.
        estate: The objects of its activator.
        gateway: The objects of the gateway that it may have had.
        service: Makes the Service's document that leads to a revision, or to nobody.
        adopted: Whether a revision's Deployment was made by somebody else, whose pods no selector of ours finds.
    """

    def __init__(
        self,
        hand: Hand,
        spec: DeploymentSpec,
        *,
        estate: ActivatorEstate,
        gateway: GatewayEstate,
        service: Callable[[str | None], dict[str, JSON]],
        adopted: Callable[[str], bool],
    ) -> None:
        self._hand = hand
        self._spec = spec
        self._estate = estate
        self._gateway = gateway
        self._service = service
        self._adopted = adopted

    def configure(self, facts: Facts) -> None:
        """Lead what is led now by the activator, whatever else of the endpoint is wished.

        Raises:
            BuildError: The activator cannot start.
            Conflict: More than one revision is served.
            TargetUnavailable: The activator is about to start; transient.
        """
        served = self._sole(traffic_of(facts))
        if facts.service is not None and facts.service.activator:
            served = facts.service.revision or served
        if served is not None and self._adopted(served):
            return  # until one of ours takes its traffic
        self._lead(facts, served)
        if served is not None and facts.server(served) is not None:
            self._estate.scale(served)

    def stage(self, facts: Facts, revision: str) -> None:
        """Have the revision that is served be one that may sleep; another one may when it is.

        Raises:
            BuildError: The activator cannot start.
            Conflict: It was adopted.
            TargetUnavailable: The activator is about to start; transient.
        """
        if self._adopted(revision):
            raise Conflict(
                f"{revision} was made by somebody else, so that no Service of ours leads to its pods; it cannot sleep",
                where=self._spec.name, hint="give replicas.min 1 or more, and 0 with the next revision",
            )  # fmt: skip
        if facts.service is not None and facts.service.revision == revision and facts.server(revision) is not None:
            self._lead(facts, revision)
            self._estate.scale(revision)

    def route(self, facts: Facts, traffic: Traffic) -> None:
        """Have the traffic be so, and the revision that has it be the one that may sleep.

        Raises:
            BuildError: The activator cannot start.
            Conflict: The revision was not staged, or there are more than one.
            TargetUnavailable: The activator is about to start; transient.
        """
        revision = self._sole(traffic)
        if revision is not None and facts.server(revision) is None:
            raise Conflict(f"{revision} was not staged, so it can take no traffic", where=self._spec.name)
        self._lead(facts, revision, ready=True)
        for each in facts.servers:
            if each.revision != revision and facts.may_sleep(each.revision):
                self._estate.let_be(each.revision)
        if revision is not None:
            self._estate.scale(revision)

    def retire(self, facts: Facts, revision: str) -> None:
        """Let go of a revision, before it is ended.

        Raises:
            Conflict: It has traffic.
        """
        led = facts.service.revision if facts.service is not None else ""
        if revision in {led, *traffic_of(facts).served}:
            raise Conflict(f"{revision} has traffic, so it cannot be retired", where=self._spec.name)
        self._estate.let_be(revision)

    def mirror(self, _facts: Facts, mirrored: Mirrored | None) -> None:
        """Nothing to end; an activator copies no requests.

        Raises:
            Conflict: Some are to be copied.
        """
        if mirrored is not None:
            raise Conflict(
                "an activator copies no requests", where=self._spec.name,
                hint="config.gateway: own does, with replicas.min 1 or more",
            )  # fmt: skip

    def _sole(self, traffic: Traffic) -> str | None:
        if len(traffic.served) > 1:
            raise Conflict(
                f"its traffic is shared ({traffic}), and an endpoint that may sleep has one revision that is served",
                where=self._spec.name, hint="move all of it to one first, or give replicas.min 1 or more",
            )  # fmt: skip
        return next(iter(traffic.served), None)

    def _lead(self, facts: Facts, revision: str | None, *, ready: bool = False) -> None:
        self._estate.ensure()
        activator = self._estate.look()
        lost = next((each for each in activator.pods if is_hopeless(facts, each)), None)
        if lost is not None and not activator.ready:
            raise BuildError(
                f"its activator does not start: {how(lost)}", where=self._spec.name,
                hint="config.gateway_image, or gateway_image in deployer.toml, names an image with HAProxy",
            )  # fmt: skip
        service = facts.service
        straight = service is not None and not service.activator and bool(service.revision or service.gateway)
        # Those of a template before take requests, too, and know where to.
        if (straight or ready) and len(activator.ready) < max(1, activator.wanted):
            raise TargetUnavailable(
                f"its activator is starting: {len(activator.ready)} of {activator.wanted} pods are ready",
                transient=True, where=self._spec.name, hint=f"deployer status {self._spec.name}",
            )  # fmt: skip
        self._estate.lead(revision)
        document: dict[str, Any] = self._service(None)
        document["spec"]["selector"] = activator_labels(self._spec.name)
        if facts.route is not None:
            self._hand.remove("HTTPRoute", self._spec.name)
        self._hand.ensure(document)
        if facts.gateway is not None:
            self._gateway.remove()
        if facts.gateway is not None or facts.route is not None:
            self._gateway.remove_members()
