"""Where an endpoint's requests are led: straight to one revision, by its own gateway, or by somebody's as well.

Each change is written in an order in which nothing is lost: what is to take requests is there, and says that it does
what is wished, before any are led to it; what took them goes when nothing is led there any more.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from deployer.endpoint import Mirrored, Traffic
from deployer.errors import BuildError, Conflict, SpecError, TargetUnavailable
from deployer.gateway import Routing, with_mirror, with_traffic, without_pool
from deployer.spec import DeploymentSpec
from deployer.value import JSON
from deployer_kubernetes.client import KINDS, Cluster
from deployer_kubernetes.config import GatewayRef
from deployer_kubernetes.errors import Refused
from deployer_kubernetes.facts import Facts
from deployer_kubernetes.gateway.estate import GatewayEstate
from deployer_kubernetes.gateway.facts import GatewayFact
from deployer_kubernetes.gateway.leading import Leading
from deployer_kubernetes.gateway.routes import http_route
from deployer_kubernetes.gateway.survey import ROUTED
from deployer_kubernetes.observe import how, is_hopeless, traffic_of
from deployer_kubernetes.requests import config_of, gateway_labels
from deployer_kubernetes.writing import Hand

__all__ = ["Directing"]

_MOMENT, _PAUSE = 4.0, 0.2
"""Seconds that a verb goes on with what is done soon, and between two looks."""


class Directing:
    """Of one endpoint, within one verb.

    Args:
        cluster: Its namespace.
        hand: Writes its objects.
        spec: The wish.
        owner: Whose it is.
        estate: The objects of its own gateway.
        leading: Leads that.
        service: Makes the Service's document that leads to a revision, or to nobody.
    """

    def __init__(
        self,
        cluster: Cluster,
        hand: Hand,
        spec: DeploymentSpec,
        *,
        owner: str,
        estate: GatewayEstate,
        leading: Leading,
        service: Callable[[str | None], dict[str, JSON]],
    ) -> None:
        self._cluster = cluster
        self._hand = hand
        self._spec = spec
        self._owner = owner
        self._estate = estate
        self._leading = leading
        self._service = service
        self._way = config_of(spec).gateway

    # The verbs' parts.

    def configure(self, facts: Facts) -> None:
        """Lead what is led now as the wish says, with the shares that there are.

        Raises:
            BuildError: Its gateway cannot start.
            Conflict: It is shared, and the wish knows no shares.
            SpecError: The cluster knows no Gateway API.
            TargetUnavailable: Its gateway is about to start; transient.
        """
        shares = self._shares(facts)
        if self._way == "own":
            self._lead(facts, self._routing(facts, shares))
        elif isinstance(self._way, GatewayRef):
            self._need_routes()
            for each in facts.servers:
                if not each.leaving:
                    self._estate.member(each.revision)
            self._route(shares)
            self._let_go_of_gateway(facts)
        else:
            if len(shares.served) > 1:
                raise Conflict(
                    f"its traffic is shared ({shares}), and without a gateway it goes to one revision",
                    where=self._spec.name, hint="move all of it to one first, or keep config.gateway",
                )  # fmt: skip
            self._straight(facts, next(iter(shares.served), None))

    def stage(self, facts: Facts, revision: str) -> None:
        """Have a revision whose Deployment is there be one that traffic can be shared with."""
        if facts.server(revision) is None:
            return
        if self._way == "own":
            self._estate.ensure(self._routing(facts, self._shares(facts)))
            self._lead_pods()
        elif isinstance(self._way, GatewayRef):
            self._estate.member(revision)

    def route(self, facts: Facts, traffic: Traffic) -> None:
        """Have the traffic be shared so.

        Raises:
            Conflict: A revision was not staged, or the wish knows no shares.
            TargetUnavailable: Its gateway is about to start, or does not answer; transient.
        """
        for revision in traffic.served:
            if facts.server(revision) is None:
                raise Conflict(f"{revision} was not staged, so it can take no traffic", where=self._spec.name)
        if self._way == "own":
            routing = self._routing(facts, traffic)
            self._lead(facts, with_traffic(routing, traffic), always=False)
            self._settle()
        elif isinstance(self._way, GatewayRef):
            for revision in traffic.served:
                self._estate.member(revision)
            if facts.route is None or not Traffic(dict(facts.route.shares)).same_as(traffic):
                self._route(traffic, always=False)
        else:
            if len(traffic.served) > 1:
                raise Conflict(
                    "a Service leads to one revision; it cannot share its traffic", where=self._spec.name,
                    hint="config.gateway: own shares it by weights",
                )  # fmt: skip
            self._straight(facts, next(iter(traffic.served), None), always=False)

    def mirror(self, facts: Facts, mirrored: Mirrored | None) -> None:
        """Have a revision get copies of requests, or none any more.

        Raises:
            Conflict: It was not staged or has traffic, or the wish has no gateway that copies.
            TargetUnavailable: Its gateway is about to start, or does not answer; transient.
        """
        if self._way != "own":
            if mirrored is None:
                return
            raise Conflict(
                "without a gateway of its own no requests are copied", where=self._spec.name,
                hint="config.gateway: own copies them",
            )  # fmt: skip
        revision, percent = (mirrored.revision, mirrored.percent) if mirrored is not None else (None, 0)
        routing = with_mirror(self._routing(facts, self._shares(facts)), revision, percent)
        self._lead(facts, routing, always=False)
        self._settle()

    def retire(self, facts: Facts, revision: str) -> None:
        """Let go of a revision, before it is ended.

        Raises:
            Conflict: It has traffic.
            TargetUnavailable: Its gateway has not let go of it yet; transient.
        """
        gateway = facts.gateway
        wish = gateway.wished if gateway is not None else None
        led = facts.service is not None and facts.service.gateway
        served = set(wish.shares if led and wish is not None else traffic_of(facts).served)
        if facts.service is not None:
            served.add(facts.service.revision)
        if revision in served:
            raise Conflict(f"{revision} has traffic, so it cannot be retired", where=self._spec.name)
        if led and gateway is not None and revision in gateway.revisions():
            raise TargetUnavailable(
                f"the gateway has not let go of {revision} yet", transient=True, where=self._spec.name
            )  # fmt: skip
        if wish is not None and wish.pool(revision) is not None:
            self._estate.write(without_pool(wish, revision))
            self._lead_pods()

    # By its own gateway.

    def _routing(self, facts: Facts, shares: Traffic) -> Routing:
        """What its gateway is to do when nothing else is wished; its servers are added."""
        gateway = facts.gateway
        found = gateway.wished if gateway is not None else None
        if found is None and gateway is not None:  # its ConfigMap was lost: what its pods do counts
            found = next((each.loaded.routing() for each in gateway.reports.values() if each.loaded is not None), None)
        led = facts.service is not None and facts.service.gateway
        if found is None or not led:
            found = self._estate.with_servers(Routing(), facts.servers)
            known = {revision: percent for revision, percent in shares.items() if found.pool(revision) is not None}
            return Routing(found.pools, known if sum(known.values()) == 100 else {})
        return self._estate.with_servers(found, facts.servers)

    def _lead(self, facts: Facts, routing: Routing, *, always: bool = True) -> None:
        self._estate.ensure(routing)
        led = self._lead_pods()
        lost = next((each for each in led.current_pods if is_hopeless(facts, each)), None)
        replacing = always and bool(routing.shares) and led.current < led.wanted
        if lost is not None and (replacing or not led.ready):
            raise BuildError(
                f"its gateway does not start: {how(lost)}", where=self._spec.name,
                hint="config.gateway_image, or gateway_image in deployer.toml, names an image with HAProxy",
            )  # fmt: skip
        if facts.service is not None and not facts.service.gateway and facts.service.revision:
            self._need(led, routing)
        if replacing:
            raise TargetUnavailable(
                f"its gateway is being replaced: {led.current} of {led.wanted} pods are there", transient=True,
                where=self._spec.name, hint=f"deployer status {self._spec.name}",
            )  # fmt: skip
        self._point(None, gateway=True, routed=facts.route is not None, always=always)
        if facts.route is not None:
            self._hand.remove("HTTPRoute", self._spec.name)
            self._point(None, gateway=True)

    def _settle(self) -> None:
        """Go on for a moment: files come to the pods in one, and a pod that begins is led before it takes requests."""
        end = time.monotonic() + _MOMENT
        while not self._leading.is_over(self._lead_pods()) and time.monotonic() < end:
            time.sleep(_PAUSE)

    def _lead_pods(self) -> GatewayFact:
        return self._leading.lead(self._estate.look())

    def _need(self, gateway: GatewayFact, routing: Routing) -> None:
        """Its pods take requests, and do with them what is done with them now."""
        ready = [gateway.reports[each.name].loaded for each in gateway.ready if each.name in gateway.reports]
        led = all(
            each is not None
            and dict(each.routes.shares) == dict(routing.shares)
            and all(each.ready(revision) for revision in routing.shares)
            for each in ready
        )
        if not ready or not led:
            raise TargetUnavailable(
                f"its gateway is starting: {len(gateway.ready)} of {gateway.wanted} pods are ready", transient=True,
                where=self._spec.name, hint=f"deployer status {self._spec.name}",
            )  # fmt: skip

    def _let_go_of_gateway(self, facts: Facts) -> None:
        if facts.gateway is not None:
            self._estate.remove()

    # Straight to one revision.

    def _straight(self, facts: Facts, revision: str | None, *, always: bool = True) -> None:
        self._point(revision, routed=facts.route is not None, always=always)
        if facts.route is not None:
            self._hand.remove("HTTPRoute", self._spec.name)
            self._point(revision)
        self._let_go_of_gateway(facts)
        if facts.route is not None or facts.gateway is not None:
            self._estate.remove_members()

    # By somebody's gateway.

    def _route(self, traffic: Traffic, *, always: bool = True) -> None:
        """The Service leads to the largest share, for whoever asks it inside the cluster."""
        if not isinstance(self._way, GatewayRef):
            return
        self._point(next(iter(traffic.served), None), routed=True, always=always)
        if traffic:
            self._hand.ensure(http_route(self._spec, self._way, traffic, self._owner))
        else:
            self._hand.remove("HTTPRoute", self._spec.name)

    def _need_routes(self) -> None:
        try:
            known = self._cluster.ask("GET", f"/apis/{KINDS['HTTPRoute'].api}")
        except Refused as refused:
            if refused.status != 404:
                raise
            known = {}
        if not any(each.get("name") == KINDS["HTTPRoute"].plural for each in known.get("resources") or ()):
            raise SpecError(
                "the cluster knows no HTTPRoute: its Gateway API is not installed", where="config.gateway",
                hint="config.gateway: own needs nothing; or see https://gateway-api.sigs.k8s.io/guides/",
            )  # fmt: skip

    # Its Service.

    def _point(self, revision: str | None, *, gateway: bool = False, routed: bool = False, always: bool = True) -> None:
        """Have it lead there; unless ``always``, nothing is written where it does, whatever else of it is wished."""
        document: dict[str, Any] = self._service(revision)
        if gateway:
            document["spec"]["selector"] = gateway_labels(self._spec.name)
        if routed:
            document["metadata"]["annotations"] = {**document["metadata"].get("annotations", {}), ROUTED: "true"}
        found = self._hand.find("Service", self._spec.name)
        if found is not None and not always:
            told = ROUTED in (found["metadata"].get("annotations") or {})
            if found["spec"].get("selector") == document["spec"]["selector"] and told == routed:
                return
        self._hand.ensure(document, found)

    @staticmethod
    def _shares(facts: Facts) -> Traffic:
        """The shares as they are led now."""
        if facts.route is not None:
            return Traffic(dict(facts.route.shares))
        if facts.service is not None and facts.service.gateway and facts.gateway is not None:
            wished = facts.gateway.wished
            return Traffic(dict(wished.shares)) if wished is not None else facts.gateway.traffic()
        return Traffic.all_to(facts.service.revision) if facts.service and facts.service.revision else Traffic()
