"""Who leads an endpoint's requests: its activator where it may sleep, and what that leaves them to where it may not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from deployer.errors import ClaimLost, TargetUnavailable
from deployer.spec import DeploymentSpec
from deployer.value import JSON
from deployer_kubernetes.adoption.adopted import adopted_among
from deployer_kubernetes.client import Cluster
from deployer_kubernetes.config import KubernetesOptions
from deployer_kubernetes.facts import Facts
from deployer_kubernetes.gateway.directing import Directing
from deployer_kubernetes.gateway.estate import GatewayEstate
from deployer_kubernetes.scaling.directing import Sleeping, can_leave
from deployer_kubernetes.scaling.estate import ActivatorEstate
from deployer_kubernetes.scaling.leaving import Leaving
from deployer_kubernetes.scaling.survey import is_activator_s, leads_to_activator, scaled_objects
from deployer_kubernetes.scaling.wish import sleeps
from deployer_kubernetes.survey import Holdings, holdings
from deployer_kubernetes.writing import Hand

__all__ = ["Activators", "Turn", "let_go", "may_be_activated"]


@dataclass(frozen=True)
class Turn:
    """What one verb of one endpoint works with.

    Attributes:
        cluster: Its namespace.
        hand: Writes its objects.
        options: The target's.
        spec: The wish.
        owner: Whose it is.
        directing: Leads the requests of one without an activator.
        gateway: The objects of its own gateway.
        service: Makes the Service's document that leads to a revision, or to nobody.
    """

    cluster: Cluster
    hand: Hand
    options: KubernetesOptions
    spec: DeploymentSpec
    owner: str
    directing: Directing
    gateway: GatewayEstate
    service: Callable[[str | None], dict[str, JSON]]

    def adopted(self, revision: str) -> bool:
        """Whether somebody else made a revision's Deployment."""
        held = holdings(self.cluster, self.spec.name, ("Deployment",))
        return adopted_among(held.of("Deployment"), revision) is not None


def may_be_activated(spec: DeploymentSpec, facts: Facts) -> bool:
    """Whether it may sleep, or has an activator still."""
    return sleeps(spec) or facts.activator is not None


class Activators:
    """Of all endpoints of a target."""

    def __init__(self) -> None:
        self._leavings: dict[str, Leaving] = {}

    def direct(
        self,
        turn: Turn,
        facts: Facts,
        do: Callable[[Directing | Sleeping | Leaving, Facts], None],
    ) -> None:
        """Change where requests are led, by whoever has to.

        Args:
            turn: What the verb works with.
            facts: What is there.
            do: Calls a verb of what it is given.
        """
        name = turn.spec.name
        self.forget(name)
        if not may_be_activated(turn.spec, facts):
            do(turn.directing, facts)
            return
        estate = ActivatorEstate(turn.cluster, turn.hand, turn.spec, turn.options, owner=turn.owner)
        if sleeps(turn.spec):
            sleeping = Sleeping(
                turn.hand, turn.spec, estate=estate, gateway=turn.gateway, service=turn.service, adopted=turn.adopted
            )
            do(sleeping, facts)
            return
        leaving = Leaving(turn.directing, estate)
        do(leaving, facts)
        if leaving.pending:
            self._leavings[name] = leaving

    def go_on(self, facts: Facts) -> Facts:
        """Lead requests past an activator that is not needed any more, as soon as something else can take them."""
        leaving = self._leavings.get(facts.name)
        if leaving is not None and can_leave(facts):
            try:
                leaving.configure(facts)
            except TargetUnavailable:  # the next look goes on
                return facts
            except ClaimLost:
                pass
            self.forget(facts.name)
        return facts

    def forget(self, endpoint: str) -> None:
        """Let others go on."""
        self._leavings.pop(endpoint, None)


def let_go(cluster: Cluster, hand: Hand, endpoint: str, held: Holdings) -> None:
    """Have KEDA let go of an endpoint that is about to be removed.

    Args:
        cluster: Its namespace.
        hand: Writes its objects.
        endpoint: Which.
        held: Its Deployments and Services.
    """
    activated = any(map(is_activator_s, held.of("Deployment")))
    if activated or leads_to_activator(held.named("Service", endpoint)):
        for thing in scaled_objects(cluster, endpoint):
            hand.remove("ScaledObject", thing["metadata"]["name"])
