"""What was found of an endpoint's activator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deployer_kubernetes.facts import Facts, PodFact

__all__ = ["ActivatorFact", "sleepless"]


@dataclass(frozen=True)
class ActivatorFact:
    """The activator of an endpoint that may sleep, or that is about to have none any more.

    Attributes:
        wanted: How many pods it is to have; 0 when its Deployment is gone.
        current: How many there are of its present template, ready or not.
        pods: Those that are there.
        port: Where they take requests.
    """

    wanted: int = 0
    current: int = 0
    pods: tuple[PodFact, ...] = ()
    port: int = 8080

    @property
    def ready(self) -> tuple[PodFact, ...]:
        """Those that take requests."""
        return tuple(each for each in self.pods if each.ready)

    @property
    def trouble(self) -> str:
        """What is wrong with it, in a phrase; "" when nothing is."""
        if not self.wanted:
            return "its activator's Deployment is gone; deployer apply makes it anew"
        if len(self.ready) < self.wanted:
            return f"{len(self.ready)} of {self.wanted} pods of its activator are ready"
        return ""


def sleepless(facts: Facts) -> str:
    """Why an endpoint that is to sleep cannot, or would not wake, in a phrase; "" where it can, or is not to."""
    wish = facts.record.spec.get("replicas") if facts.record is not None else None
    service = facts.service
    if not isinstance(wish, Mapping) or wish.get("min") != 0 or service is None or not service.revision:
        return ""
    if not service.activator:
        return "requests do not come by an activator, so that it cannot sleep; deployer apply leads them there"
    if not facts.may_sleep(service.revision):
        return "KEDA is not told of it, so that it can neither sleep nor wake; deployer apply tells it"
    return ""
