"""How an endpoint that may not sleep any more gets rid of its activator: when what it leads to has a pod."""

from __future__ import annotations

from deployer.endpoint import Mirrored, Traffic
from deployer_kubernetes.facts import Facts
from deployer_kubernetes.gateway.directing import Directing
from deployer_kubernetes.scaling.directing import can_leave
from deployer_kubernetes.scaling.estate import ActivatorEstate

__all__ = ["Leaving"]


class Leaving:
    """Of one endpoint, within one verb; with the same verbs as what leads it from now on.

    Args:
        directing: That.
        estate: The objects of its activator.

    Attributes:
        pending: Whether requests still come by the activator, since nothing else can take them yet; `finish` is due.
    """

    def __init__(self, directing: Directing, estate: ActivatorEstate) -> None:
        self._directing = directing
        self._estate = estate
        self.pending = False

    def configure(self, facts: Facts) -> None:
        """As `Directing.configure`, as soon as that loses no request."""
        if can_leave(facts):
            self._directing.configure(facts)
            self._estate.remove()
            self.pending = False
        else:
            self.pending = True

    def stage(self, facts: Facts, revision: str) -> None:
        """As `Directing.stage`; where the revision is the one that is served, requests are led to it directly."""
        self._directing.stage(facts, revision)
        if facts.service is not None and facts.service.revision in ("", revision):
            self.configure(facts)

    def route(self, facts: Facts, traffic: Traffic) -> None:
        """As `Directing.route`: what traffic is moved to can take it."""
        self._directing.route(facts, traffic)
        self._estate.remove()

    def mirror(self, facts: Facts, mirrored: Mirrored | None) -> None:
        """As `Directing.mirror`."""
        self._directing.mirror(facts, mirrored)

    def retire(self, facts: Facts, revision: str) -> None:
        """As `Directing.retire`."""
        self._directing.retire(facts, revision)
