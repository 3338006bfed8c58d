"""What was found of what shares an endpoint's traffic: its own gateway, or its route by somebody's. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from deployer.endpoint import Mirrored, Traffic
from deployer.gateway import Loaded, Routing, changes
from deployer_kubernetes.marks import PREFIX, object_name

if TYPE_CHECKING:
    from deployer_kubernetes.facts import PodFact

__all__ = ["URL", "GatewayFact", "Report", "RouteFact", "route_fact"]

_LATE = 60.0
"""Seconds that a pod may take to begin, from when it got its node, before nobody waits for it any more."""
URL = f"{PREFIX}url"
"""Annotation of a route: where the endpoint is asked by it."""


@dataclass(frozen=True)
class Report:
    """What a pod of a gateway says.

    Attributes:
        loaded: What it does now; None when that is not known.
        begins: What it would do if its container was started anew, by the files that it has by now.
        trouble: Why it does not say.
    """

    loaded: Loaded | None = None
    begins: Routing | None = None
    trouble: str = ""


@dataclass(frozen=True)
class GatewayFact:
    """The endpoint's own gateway.

    Attributes:
        wanted: How many pods it is to have; 0 when its Deployment is gone.
        current: How many there are of its present template, ready or not.
        past: Pods of a template before that, by name.
        written: When its ConfigMap was written last, as pods are ``created``.
        looked: When that was found out, by the same clock; None where nobody had to know.
        pods: Those that are there.
        wished: What it is to do, by its ConfigMap; None when that cannot be read.
        reports: Pod -> what it says, of those that run.
    """

    wanted: int = 0
    pods: tuple[PodFact, ...] = ()
    wished: Routing | None = None
    reports: Mapping[str, Report] = field(default_factory=dict)
    current: int = 0
    written: float = 0.0
    past: frozenset[str] = frozenset()
    looked: float | None = None

    @property
    def ready(self) -> tuple[PodFact, ...]:
        """Those that requests are sent to."""
        return tuple(each for each in self.pods if each.ready)

    @property
    def current_pods(self) -> tuple[PodFact, ...]:
        """Those of the present template: one of an earlier one goes, and says nothing of what is wished now."""
        return tuple(each for each in self.pods if each.name not in self.past)

    def traffic(self) -> Traffic:
        """What all that run do, and would do again if they were started anew; nothing when that is not known.

        One that is about to begin with files of before has its say, too: it would take requests before it is led.
        """
        told = self._heard()
        if not told or any(each.loaded is None for each in told) or any(map(self._may_be_late, self.pods)):
            return Traffic()
        wished = dict(self.wished.shares) if self.wished is not None else None
        now = [dict(each.loaded.routes.shares) for each in told if each.loaded is not None]
        then = [dict(each.begins.shares) for each in told if each.begins is not None]
        return Traffic(next((each for each in (*now, *then) if each != wished), now[0]))

    def mirror(self) -> Mirrored | None:
        """Who gets copies of requests by a pod that takes some, or would if it was started anew."""
        told = self._heard()
        now = [each.loaded.routes.mirror for each in told if each.loaded is not None]
        then = [each.begins.mirror for each in told if each.begins is not None]
        wished = self.wished.mirror if self.wished is not None else None
        found = next((each for each in (*now, *then) if each != wished), wished if now else None)
        return Mirrored(revision=found.revision, percent=found.percent) if found is not None else None

    def _may_be_late(self, pod: PodFact) -> bool:
        if self.looked is not None and self.looked - self.written >= _LATE:
            return False
        return pod.begins and 0 <= self.written - max(pod.created, pod.scheduled) < _LATE

    def _heard(self) -> list[Report]:
        """Those whose say counts: of pods that take requests, and of those that may take some at any moment.

        None where no pod is ready, since nothing is led anywhere then.
        """
        ready = [self.reports.get(each.name, Report()) for each in self.ready]
        soon = (each for each in self.current_pods if not (each.ready or each.leaving))
        others = [self.reports[each.name] for each in soon if each.name in self.reports]
        return [*ready, *(each for each in others if each.loaded is not None)] if ready else []

    def revisions(self) -> set[str]:
        """Those that requests are sent to by a pod that takes some, or would be if it was started anew."""
        told = self._heard()
        now = {revision for each in told if each.loaded is not None for revision in each.loaded.routes.shares}
        return now | {revision for each in told if each.begins is not None for revision in each.begins.shares}

    def is_led(self) -> bool:
        """Whether every pod that is not on its way out has nothing more to do."""
        known = [self.reports.get(each.name, Report()).loaded for each in self.pods if not each.leaving]
        wished = self.wished
        return wished is not None and all(each is not None and changes(each, wished).done for each in known)

    def stale(self) -> Iterator[str]:
        """Pods whose files are not those that are wished yet."""
        for name, each in self.reports.items():
            if each.loaded is not None and each.begins != self.wished:
                yield name

    @property
    def trouble(self) -> str:
        """What is wrong with it, in a phrase; "" when nothing is."""
        if not self.wanted:
            return "its gateway's Deployment is gone; deployer apply makes it anew"
        silent = next((e for e in self.ready if e.name in self.reports and self.reports[e.name].trouble), None)
        if silent is not None:
            return f"its gateway's pod {silent.name} does not say what it does: {self.reports[silent.name].trouble}"
        if len(self.ready) < self.wanted:
            return f"{len(self.ready)} of {self.wanted} pods of its gateway are ready"
        return ""


@dataclass(frozen=True)
class RouteFact:
    """The endpoint's HTTPRoute.

    Attributes:
        shares: Revision -> percent, as the route says it; empty where that is nothing of ours.
        url: Where the endpoint is asked by it; "" where no host is named.
        trouble: What its Gateway's controller has against it; "" for nothing, or where none says anything.
    """

    shares: Mapping[str, int] = field(default_factory=dict)
    url: str = ""
    trouble: str = ""


def route_fact(thing: Mapping[str, Any], endpoint: str) -> RouteFact:
    """From the object."""
    prefix = object_name(endpoint, "")
    shares: dict[str, int] = {}
    for rule in thing["spec"].get("rules") or ():
        for each in rule.get("backendRefs") or ():
            weight = int(each.get("weight", 1))
            if weight:
                shares[str(each["name"]).removeprefix(prefix)] = weight
    whole = sum(shares.values())
    return RouteFact(
        shares=shares if whole == 100 else {},
        url=str((thing["metadata"].get("annotations") or {}).get(URL, "")),
        trouble=_objection(thing) or ("" if whole in (0, 100) else f"its HTTPRoute's weights add up to {whole}"),
    )


def _objection(thing: Mapping[str, Any]) -> str:
    """https://gateway-api.sigs.k8s.io/reference/spec/#routeparentstatus: Accepted and ResolvedRefs."""
    for parent in (thing.get("status") or {}).get("parents") or ():
        for each in parent.get("conditions") or ():
            if each.get("type") in ("Accepted", "ResolvedRefs") and each.get("status") == "False":
                said = str(each.get("message") or each.get("reason") or "")[:300]
                return f"the Gateway {parent['parentRef'].get('name')} does not take its HTTPRoute: {said}"
    return ""
