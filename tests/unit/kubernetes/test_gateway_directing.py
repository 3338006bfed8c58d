"""How requests are led: what is refused, what is left alone, and in which order things are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from deployer.endpoint import Mirrored, Traffic
from deployer.errors import BuildError, Conflict, SpecError, TargetUnavailable
from deployer.gateway import Routing
from deployer_kubernetes.errors import Refused
from deployer_kubernetes.facts import Facts, ServerFact
from deployer_kubernetes.gateway.directing import Directing
from deployer_kubernetes.gateway.facts import GatewayFact, Report, RouteFact
from deployer_kubernetes.requests import service, traffic_selector
from tests.unit.kubernetes.test_gateway_facts import NEW, OLD, POOLS, loaded
from tests.unit.kubernetes.values import OTHER, REVISION, facts, pod, server, service_fact, spec

BOTH = (server(), server(name=f"iris--{OTHER}", revision=OTHER))
READY = (pod(name="g1", revision=""), pod(name="g2", revision=""))


class _Hand:
    """Notes what is written."""

    def __init__(self, there: Mapping[str, Any] | None = None) -> None:
        self.there = there
        self.written: list[str] = []

    def find(self, kind: str, name: str) -> Any:
        return self.there if (kind, name) == ("Service", "iris") else None

    def ensure(self, document: Mapping[str, Any], found: Any = None) -> Any:
        selector = document["spec"].get("selector", {})
        leads = selector.get("deployer.io/revision", selector.get("deployer.io/role", ""))
        routed = " routed" if "deployer.io/routed" in document["metadata"].get("annotations", {}) else ""
        self.written.append(f"{document['kind']} {leads}{routed}".strip())
        return document

    def remove(self, kind: str, name: str) -> None:
        self.written.append(f"no {kind} {name}")


class _Estate:
    """A gateway's objects, as they are said to be."""

    def __init__(self, written: list[str], gateway: GatewayFact) -> None:
        self._written = written
        self._gateway = gateway

    def member(self, revision: str) -> None:
        self._written.append(f"address {revision}")

    def with_servers(self, routing: Routing, servers: tuple[ServerFact, ...]) -> Routing:
        return Routing(
            tuple(each for each in POOLS if each.revision in {one.revision for one in servers}), routing.shares
        )

    def write(self, routing: Routing) -> None:
        self._written.append(f"wish {dict(routing.shares)}")

    ensure = write

    def look(self) -> GatewayFact:
        return self._gateway

    def remove(self) -> None:
        self._written.append("no gateway")

    def remove_members(self) -> None:
        self._written.append("no addresses")


class _Leading:
    def is_over(self, _gateway: GatewayFact) -> bool:
        return True

    def lead(self, gateway: GatewayFact) -> GatewayFact:
        return gateway


class _Cluster:
    """One that knows a Gateway API, or none."""

    def __init__(self, *, knows: bool = True) -> None:
        self._knows = knows

    def ask(self, _method: str, _path: str) -> Any:
        if not self._knows:
            raise Refused(404, {}, "404 page not found")
        return {"resources": [{"name": "httproutes"}]}


def _directing(
    gateway: Any, *, now: GatewayFact | None = None, there: Mapping[str, Any] | None = None, knows: bool = True
) -> tuple[Directing, list[str]]:
    wish = spec(config={"gateway": gateway})
    hand: Any = _Hand(there)
    estate: Any = _Estate(hand.written, now or GatewayFact())
    leading: Any = _Leading()
    cluster: Any = _Cluster(knows=knows)

    def led(revision: str | None) -> dict[str, Any]:
        document: dict[str, Any] = service(wish, "team")
        document["spec"]["selector"] = traffic_selector("iris", revision)
        return document

    made = Directing(cluster, hand, wish, owner="team", estate=estate, leading=leading, service=led)
    return made, hand.written


def _gateway(routing: Routing, *, current: int = 2) -> GatewayFact:
    reports = {each.name: Report(loaded(routing), routing) for each in READY}
    return GatewayFact(2, READY, routing, reports, current)


def _own(routing: Routing = OLD) -> Facts:
    led = service_fact(revision="", gateway=True, behind=("g1", "g2"))
    return facts(service=led, servers=BOTH, gateway=_gateway(routing))


def test_it_is_led_to_a_gateway_that_does_what_is_done_now() -> None:
    directing, written = _directing("own", now=_gateway(OLD))
    directing.configure(facts(servers=BOTH))
    assert written == [f"wish {{'{REVISION}': 100}}", "Service gateway"]


@pytest.mark.parametrize("now", [GatewayFact(2), GatewayFact(2, READY, OLD, {}), _gateway(NEW)])
def test_and_not_before(now: GatewayFact) -> None:
    directing, written = _directing("own", now=now)
    with pytest.raises(TargetUnavailable, match="its gateway is starting") as caught:
        directing.configure(facts(servers=BOTH))
    assert caught.value.transient
    assert not [each for each in written if each.startswith("Service")]


def test_where_nobody_is_served_nobody_waits() -> None:
    directing, written = _directing("own", now=GatewayFact(2))
    directing.configure(facts(service=None, servers=()))
    assert written == ["wish {}", "Service gateway"]


def test_a_gateway_that_cannot_start_is_an_error() -> None:
    lost = GatewayFact(2, (pod(name="g1", ready=False, waiting="ImagePullBackOff"),), OLD)
    directing, _ = _directing("own", now=lost)
    with pytest.raises(BuildError, match="its gateway does not start: g1: ImagePullBackOff"):
        directing.configure(facts(servers=BOTH))


def test_new_pods_of_it_are_waited_for() -> None:
    directing, _ = _directing("own", now=_gateway(OLD, current=1))
    with pytest.raises(TargetUnavailable, match="its gateway is being replaced: 1 of 2"):
        directing.configure(_own())
    directing, written = _directing("own", now=_gateway(OLD, current=1))
    directing.route(_own(), Traffic.all_to(REVISION))  # that is no matter of traffic
    assert written[-1] == "Service gateway"


def test_from_a_gateway_to_none_requests_are_led_first() -> None:
    directing, written = _directing("none")
    directing.configure(_own())
    assert written == [f"Service {REVISION}", "no gateway", "no addresses"]


def test_shares_are_not_dropped_in_silence() -> None:
    directing, written = _directing("none")
    with pytest.raises(Conflict, match=f"its traffic is shared \\(75 % -> {REVISION}, 25 % -> {OTHER}\\)"):
        directing.configure(_own(NEW))
    assert written == []


def test_a_service_alone_copies_nothing() -> None:
    directing, written = _directing("none")
    directing.mirror(_own(), None)
    with pytest.raises(Conflict, match="no requests are copied") as caught:
        directing.mirror(_own(), Mirrored(revision=OTHER, percent=5))
    assert caught.value.hint == "config.gateway: own copies them"
    assert not written


def test_a_service_alone_shares_nothing() -> None:
    directing, written = _directing("none")
    with pytest.raises(Conflict, match="a Service leads to one revision") as caught:
        directing.route(facts(servers=BOTH), Traffic({REVISION: 50, OTHER: 50}))
    assert "config.gateway: own" in (caught.value.hint or "")
    assert written == []


def test_what_leads_there_already_is_left_alone() -> None:
    there = {"metadata": {}, "spec": {"selector": traffic_selector("iris", REVISION)}}
    directing, written = _directing("none", there=there)
    directing.route(facts(servers=BOTH), Traffic.all_to(REVISION))
    assert written == []
    directing.configure(facts(servers=BOTH))  # which may wish something else of it
    assert written == [f"Service {REVISION}"]


def test_what_was_not_staged_takes_no_traffic() -> None:
    for way in ("none", "own", {"ref": "edge"}):
        directing, written = _directing(way, now=_gateway(OLD))
        with pytest.raises(Conflict, match="was not staged"):
            directing.route(facts(), Traffic.all_to(OTHER))
        assert written == []


def test_somebody_s_gateway_gets_a_route() -> None:
    directing, written = _directing({"ref": "edge"})
    directing.configure(_own())
    both = [f"address {REVISION}", f"address {OTHER}"]
    assert written == [*both, f"Service {REVISION} routed", "HTTPRoute", "no gateway"]
    routed = facts(servers=BOTH, route=RouteFact({REVISION: 100}))
    directing, written = _directing({"ref": "edge"})
    directing.route(routed, Traffic({REVISION: 40, OTHER: 60}))
    assert written == [*reversed(both), f"Service {OTHER} routed", "HTTPRoute"]
    directing, written = _directing({"ref": "edge"})
    directing.route(routed, Traffic())
    assert written == ["Service none routed", "no HTTPRoute iris"]


@pytest.mark.parametrize(("way", "leads"), [("none", REVISION), ("own", "gateway")])
def test_and_loses_it_after_requests_are_led_otherwise(way: str, leads: str) -> None:
    directing, written = _directing(way, now=_gateway(OLD))
    directing.configure(facts(servers=BOTH, route=RouteFact({REVISION: 100})))
    at = written.index("no HTTPRoute iris")
    assert written[at - 1 : at + 2] == [f"Service {leads} routed", "no HTTPRoute iris", f"Service {leads}"]


def test_a_cluster_without_that_api_is_told() -> None:
    directing, written = _directing({"ref": "edge"}, knows=False)
    with pytest.raises(SpecError, match="its Gateway API is not installed") as caught:
        directing.configure(facts(servers=BOTH))
    assert caught.value.where == "config.gateway"
    assert written == []


@pytest.mark.parametrize(
    "found",
    [
        facts(servers=BOTH, service=service_fact(revision=OTHER)),
        facts(servers=BOTH, route=RouteFact({REVISION: 90, OTHER: 10})),
        _own(NEW),
    ],
)
def test_what_has_traffic_is_not_retired(found: Facts) -> None:
    directing, written = _directing("own")
    with pytest.raises(Conflict, match=f"{OTHER} has traffic"):
        directing.retire(found, OTHER)
    assert written == []


def test_a_pod_that_has_not_let_go_of_it_is_waited_for() -> None:
    directing, written = _directing("own")
    late = GatewayFact(2, READY, OLD, {"g1": Report(loaded(OLD), OLD), "g2": Report(loaded(OLD), NEW)}, 2)
    with pytest.raises(TargetUnavailable, match=f"has not let go of {OTHER} yet") as caught:
        directing.retire(replace(_own(), gateway=late), OTHER)
    assert caught.value.transient
    assert written == []


def test_who_is_retired_is_forgotten_by_its_gateway_first() -> None:
    directing, written = _directing("own", now=_gateway(OLD))
    directing.retire(_own(), OTHER)
    assert written == [f"wish {{'{REVISION}': 100}}"]
