"""What a gateway's pods say, judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from deployer.endpoint import Mirrored, Phase, Traffic
from deployer.gateway import Copies, Loaded, Member, Mirror, Pool, Routing, Server
from deployer.gateway.routes import Base, Routes
from deployer_kubernetes.facts import Facts
from deployer_kubernetes.gateway.facts import GatewayFact, Report, RouteFact
from deployer_kubernetes.observe import endpoint_of, traffic_of
from tests.unit.kubernetes.values import OTHER, REVISION, facts, pod, record, server, service_fact

POOLS = (Pool(REVISION, (Member("10.96.0.7", 80),)), Pool(OTHER, (Member("10.96.0.8", 80),)))
OLD, NEW = Routing(POOLS, {REVISION: 100}), Routing(POOLS, {REVISION: 75, OTHER: 25})


def loaded(routing: Routing) -> Loaded:
    servers = tuple(
        Server(slot, 0, each.members[0], "ready") for slot, each in enumerate(routing.pools) if each.members
    )
    return Loaded(Routes.of(routing), servers, {}, Copies(), (Base(),) * 8, 2, 1, 0, 5.0)


def _report(routing: Routing, begins: Routing | None = None) -> Report:
    return Report(loaded(routing), begins if begins is not None else routing)


def _gateway(reports: Mapping[str, Report], wished: Routing | None = NEW, *, wanted: int = 2) -> GatewayFact:
    pods = tuple(pod(name=name, uid=name, revision="") for name in reports)
    return GatewayFact(wanted, pods, wished, reports)


def _facts(gateway: GatewayFact | None, traffic: Mapping[str, int] | None = None) -> Facts:
    service = service_fact(revision="", gateway=True, behind=("g1", "g2"))
    both = (server(), server(name=f"iris--{OTHER}", revision=OTHER))
    pods = (pod(), pod(name=f"iris--{OTHER}-abc", uid="u9", revision=OTHER))
    served = Traffic(dict(traffic if traffic is not None else {REVISION: 100}))
    return facts(gateway=gateway, service=service, servers=both, pods=pods, record=record(traffic=served))


def test_traffic_is_what_all_pods_do() -> None:
    assert _gateway({"g1": _report(NEW), "g2": _report(NEW)}).traffic().same_as(Traffic({REVISION: 75, OTHER: 25}))
    halfway = _gateway({"g1": _report(NEW), "g2": _report(OLD)})
    assert halfway.traffic().same_as(Traffic.all_to(REVISION))


def test_and_what_they_would_do_if_they_began_anew() -> None:
    halfway = _gateway({"g1": _report(NEW), "g2": _report(NEW, begins=OLD)})
    assert halfway.traffic().same_as(Traffic.all_to(REVISION))
    assert [*halfway.stale()] == ["g2"]
    assert not halfway.traffic().same_as(_gateway({"g1": _report(NEW)}).traffic())


def test_copies_go_where_any_pod_sends_them_or_would() -> None:
    copying = replace(OLD, mirror=Mirror(OTHER, 10))
    told = Mirrored(revision=OTHER, percent=10)
    assert _gateway({"g1": _report(copying), "g2": _report(copying)}, copying).mirror() == told
    assert _gateway({"g1": _report(copying), "g2": _report(OLD)}, copying).mirror() is None
    assert _gateway({"g1": _report(OLD), "g2": _report(OLD, begins=copying)}, OLD).mirror() == told
    assert _gateway({"g1": _report(OLD)}, OLD).mirror() is None
    seen = endpoint_of(_facts(_gateway({"g1": _report(copying)}, copying)))
    assert seen is not None
    assert seen.mirror == told


def test_nothing_is_told_for_a_pod_that_does_not_say() -> None:
    assert not _gateway({"g1": _report(NEW), "g2": Report(trouble="nobody answers")}).traffic()
    assert not _gateway({}).traffic()


def test_a_pod_that_may_take_requests_at_any_moment_has_its_say() -> None:
    reports = {"g1": _report(NEW), "g2": _report(OLD)}
    fact = GatewayFact(2, (pod(name="g1"), pod(name="g2", ready=False)), NEW, reports)
    assert fact.traffic().same_as(Traffic.all_to(REVISION))
    for said in (Report(trouble="nobody answers"), _report(NEW)):
        other = replace(fact, reports={**reports, "g2": said})
        assert other.traffic().same_as(Traffic({REVISION: 75, OTHER: 25}))
    assert replace(fact, past=frozenset({"g2"})).traffic().same_as(Traffic({REVISION: 75, OTHER: 25}))
    leaves = replace(fact, pods=(fact.pods[0], pod(name="g2", ready=False, leaving=True)))
    assert leaves.traffic().same_as(Traffic({REVISION: 75, OTHER: 25}))
    assert fact.trouble == "1 of 2 pods of its gateway are ready"
    assert not fact.is_led()


def test_a_pod_that_begins_with_files_of_before_has_its_say() -> None:
    begins = pod(name="g2", ready=False, created=90.0)
    found = GatewayFact(2, (pod(name="g1"), begins), NEW, {"g1": _report(NEW)}, written=95.0)
    assert not found.traffic()
    for other in (
        replace(found, written=80.0),  # it was made after that
        replace(found, written=500.0),  # nobody waits for ever
        replace(found, pods=(found.pods[0], replace(begins, unscheduled="no node"))),
        replace(found, pods=(found.pods[0], replace(begins, waiting="ImagePullBackOff"))),
        replace(found, pods=(found.pods[0], replace(begins, scheduled=100.0))),  # its files came with its node
        replace(found, pods=(found.pods[0], replace(begins, phase="Failed"))),
        replace(found, looked=155.0),  # nor does anybody ask for ever
    ):
        assert other.traffic().same_as(Traffic({REVISION: 75, OTHER: 25}))
    late = replace(found, pods=(found.pods[0], replace(begins, scheduled=490.0)), written=500.0)
    assert not late.traffic()  # it had to wait for a node, and begins only now


def test_a_revision_that_any_pod_sends_requests_to_is_known() -> None:
    fact = _gateway({"g1": _report(OLD, begins=NEW), "g2": _report(OLD)}, wished=OLD)
    assert fact.revisions() == {REVISION, OTHER}
    pods = (pod(name="g1"), pod(name="g2", ready=False))
    begins = GatewayFact(2, pods, OLD, {"g1": _report(OLD), "g2": _report(NEW)})
    assert begins.revisions() == {REVISION, OTHER}
    ends = replace(begins, pods=(pods[0], replace(pods[1], leaving=True)))
    assert ends.revisions() == {REVISION}


def test_who_does_all_that_is_wished_is_led() -> None:
    assert _gateway({"g1": _report(NEW), "g2": _report(NEW)}).is_led()
    assert not _gateway({"g1": _report(NEW), "g2": _report(OLD)}).is_led()
    assert not _gateway({"g1": _report(NEW)}, wished=None).is_led()


def test_an_endpoint_is_told_by_its_gateway() -> None:
    seen = endpoint_of(_facts(_gateway({"g1": _report(NEW), "g2": _report(NEW)})))
    assert seen is not None
    assert (seen.phase, seen.detail) == (Phase.HEALTHY, "")
    assert seen.traffic.same_as(Traffic({REVISION: 75, OTHER: 25}))
    assert all(each.settled for each in seen.revisions)


def test_as_long_as_a_server_gets_requests_past_it_that_is_the_traffic() -> None:
    found = _facts(_gateway({"g1": _report(NEW), "g2": _report(NEW)}))
    past = service_fact(revision="", gateway=True, behind=("g1", f"iris--{REVISION}-abc"))
    changed = facts(**{**vars(found), "service": past})
    assert traffic_of(changed).same_as(Traffic.all_to(REVISION))


def test_a_gateway_that_begins_is_waited_for_and_one_that_cannot_is_told() -> None:
    begins = GatewayFact(2, (pod(name="g1", ready=False),), NEW, {})
    seen = endpoint_of(_facts(begins, traffic={}))
    assert seen is not None
    assert seen.phase is Phase.PENDING
    lost = GatewayFact(
        2, (pod(name="g1", ready=False, waiting="ImagePullBackOff", waiting_message="no such tag"),), NEW
    )
    for gateway, word in (
        (lost, "g1: ImagePullBackOff no such tag"),
        (None, "its gateway is gone"),
        (begins, "0 of 2"),
    ):
        seen = endpoint_of(_facts(gateway))
        assert seen is not None
        assert seen.phase is Phase.FAILED
        assert word in seen.detail


def test_a_pod_that_is_missing_is_told() -> None:
    seen = endpoint_of(_facts(_gateway({"g1": _report(NEW)})))
    assert seen is not None
    assert (seen.phase, seen.detail) == (Phase.DEGRADED, "1 of 2 pods of its gateway are ready")


def test_an_endpoint_is_told_by_its_route() -> None:
    route = RouteFact({REVISION: 90, OTHER: 10}, "https://iris.example.com")
    found = _facts(None)
    seen = endpoint_of(facts(**{**vars(found), "route": route, "service": service_fact()}))
    assert seen is not None
    assert seen.traffic.same_as(Traffic({REVISION: 90, OTHER: 10}))
    assert (seen.url, seen.phase) == ("https://iris.example.com", Phase.HEALTHY)
    refused = RouteFact(route.shares, route.url, "the Gateway edge does not take its HTTPRoute: no")
    seen = endpoint_of(facts(**{**vars(found), "route": refused, "service": service_fact()}))
    assert seen is not None
    assert (seen.phase, seen.detail) == (Phase.DEGRADED, refused.trouble)


def test_a_pod_of_an_earlier_template_that_cannot_start_says_nothing_of_the_present_one() -> None:
    stuck = pod(name="g3", uid="g3", revision="", ready=False, waiting="ImagePullBackOff", waiting_message="none:1")
    gateway = _gateway({"g1": _report(NEW), "g2": _report(NEW)})
    shares = {REVISION: 75, OTHER: 25}
    now = replace(gateway, pods=(*gateway.pods, stuck))
    seen = endpoint_of(_facts(now, shares))
    assert seen is not None
    assert (seen.phase, "ImagePullBackOff" in seen.detail) == (Phase.DEGRADED, True)
    before = endpoint_of(_facts(replace(now, past=frozenset({"g3"})), shares))
    assert before is not None
    assert (before.phase, before.detail) == (Phase.HEALTHY, "")
