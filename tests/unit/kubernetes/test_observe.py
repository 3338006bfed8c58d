"""From facts to an Endpoint."""

from __future__ import annotations

import pytest

from deployer.endpoint import Endpoint, Phase, Traffic
from deployer_kubernetes.adoption.beginning import begun
from deployer_kubernetes.facts import Ending, Facts
from deployer_kubernetes.observe import endpoint_of
from deployer_kubernetes.reading import server_fact
from tests.unit.kubernetes.values import OTHER, REVISION, facts, pod, server, service_fact


def _of(found: Facts) -> Endpoint:
    endpoint = endpoint_of(found)
    assert endpoint is not None
    return endpoint


def test_a_healthy_one() -> None:
    seen = _of(facts())
    assert (seen.phase, seen.detail, seen.url) == (Phase.HEALTHY, "", "http://iris.ml.svc")
    assert (seen.owner, seen.since, seen.managed) == ("team", 5.0, True)
    assert seen.traffic == Traffic.all_to(REVISION)
    revision = seen.revisions[0]
    assert (revision.phase, revision.wanted, revision.ready, revision.settled) == (Phase.HEALTHY, 1, 1, True)
    assert revision.facts["image"] == "sha256:" + "b" * 64


def test_what_is_not_there_and_what_is_not_ours() -> None:
    assert endpoint_of(facts(there=False)) is None
    seen = _of(facts(there=False, foreign="the namespace ml has a Service iris"))
    assert (seen.managed, seen.phase) == (False, Phase.PENDING)
    assert "did not make" in seen.detail


def test_traffic_is_told_only_when_nobody_else_gets_requests() -> None:
    other = pod(name=f"iris--{OTHER}-x", uid="u9", revision=OTHER)
    servers = (server(), server(name=f"iris--{OTHER}", revision=OTHER))
    behind = (f"iris--{OTHER}-x", f"iris--{REVISION}-abc")
    moving = facts(service=service_fact(revision=OTHER, behind=behind), servers=servers, pods=(pod(), other))
    assert _of(moving).traffic == Traffic.all_to(REVISION)
    revisions = {each.id: each for each in _of(moving).revisions}
    assert not revisions[OTHER].settled
    assert not revisions[REVISION].settled
    moved = facts(service=service_fact(revision=OTHER, behind=behind[:1]), servers=servers, pods=(pod(), other))
    assert _of(moved).traffic == Traffic.all_to(OTHER)
    nobody = facts(service=service_fact(revision="", behind=()))
    assert _of(nobody).traffic == Traffic()


@pytest.mark.parametrize(
    ("found", "phase", "words"),
    [
        (pod(ready=False, waiting="ImagePullBackOff", waiting_message="none"), Phase.FAILED, "ImagePullBackOff"),
        (pod(ready=False, waiting="CrashLoopBackOff", restarts=3, last=Ending("", 1)), Phase.FAILED, "exited 1, 3"),
        (pod(ready=False, restarts=1, last=Ending("OOMKilled", 137), starting=True), Phase.FAILED, "more memory"),
        (pod(ready=False, starting=True), Phase.STARTING, "starting"),
        (pod(ready=False, unscheduled="Insufficient cpu", unscheduled_since=98.0), Phase.STARTING, "starting"),
        (pod(ready=False, unscheduled="Insufficient cpu", unscheduled_since=90.0), Phase.FAILED, "no node"),
        (pod(ready=False, leaving=True), Phase.STARTING, "starting"),
    ],
)  # fmt: skip
def test_a_pod_that_is_not_ready(found: object, phase: Phase, words: str) -> None:
    seen = _of(facts(pods=(found,)))
    assert seen.revisions[0].phase is phase
    assert words in seen.revisions[0].detail
    assert seen.phase is phase


def test_a_cluster_that_grows_is_waited_for() -> None:
    lost = pod(ready=False, unscheduled="Insufficient cpu", unscheduled_since=10.0)
    assert _of(facts(pods=(lost,), growing=True)).revisions[0].phase is Phase.STARTING


def test_one_of_two_is_degraded() -> None:
    bad = pod(name="other", ready=False, waiting="CrashLoopBackOff", restarts=1, last=Ending("Error", 3))
    seen = _of(facts(servers=(server(wanted=2, count=2, current=2),), pods=(pod(), bad)))
    assert seen.phase is Phase.DEGRADED
    assert "1 of 2 pods are ready; other exited 3" in seen.detail


def test_pods_that_cannot_be_made() -> None:
    seen = _of(facts(servers=(server(failure="exceeded quota: compute"),), pods=()))
    assert seen.revisions[0].phase is Phase.FAILED
    assert "exceeded quota" in seen.revisions[0].detail


def test_what_ends_is_seen_until_its_last_pod_is_gone() -> None:
    leaving = pod(name=f"iris--{OTHER}-x", revision=OTHER, ready=False, leaving=True)
    seen = _of(facts(pods=(pod(), leaving)))
    old = seen.find(OTHER)
    assert old is not None
    assert (old.phase, old.settled, old.wanted) == (Phase.STOPPING, False, 0)
    assert seen.phase is Phase.HEALTHY


def test_a_service_that_is_gone() -> None:
    seen = _of(facts(service=None))
    assert seen.phase is Phase.FAILED
    assert "deployer apply" in seen.detail


@pytest.mark.parametrize(
    "change", [{"acted": False}, {"current": 0}, {"count": 2}], ids=["not seen yet", "another template", "one too many"]
)
def test_what_the_cluster_has_not_done_yet_is_not_settled(change: dict[str, object]) -> None:
    assert not _of(facts(servers=(server(**change),))).revisions[0].settled


def test_a_revision_began_when_it_was_made_and_not_with_its_present_pods() -> None:
    later = pod(created=5000.0)
    assert _of(facts(pods=(later,))).revisions[0].since == 9.0
    assert _of(facts(servers=(), pods=(later,))).revisions[0].since == 5000.0


def test_it_began_anew_when_a_command_had_all_its_pods_made_anew() -> None:
    labels = {"app.kubernetes.io/managed-by": "deployer", "deployer.io/owner": "team", "deployer.io/endpoint": "iris",
              "deployer.io/role": "server", "deployer.io/revision": REVISION}  # fmt: skip
    meta = {"name": "x", "uid": "u", "labels": labels, "creationTimestamp": "2026-01-01T00:00:00Z"}
    assert server_fact({"metadata": meta, "spec": {}}).created == 1767225600.0
    told = {**meta, "annotations": {"deployer.io/begun": "2026-01-01T00:01:00Z"}}
    assert server_fact({"metadata": told, "spec": {}}).created == 1767225660.0


def test_an_adopted_one_began_with_its_present_template() -> None:
    turn = "deployment.kubernetes.io/revision"
    deployment = {"metadata": {"uid": "u1", "annotations": {turn: "3"}}}

    def replica_set(number: str, made: str, owner: str = "u1") -> dict[str, object]:
        owners = [{"uid": owner}]
        return {"metadata": {"annotations": {turn: number}, "creationTimestamp": made, "ownerReferences": owners}}

    sets = [
        replica_set("2", "2026-01-01T00:00:00Z"), replica_set("3", "2026-01-01T00:00:05Z", "u2"),
        replica_set("3", "2026-01-01T00:00:09Z"),
    ]  # fmt: skip
    assert begun(deployment, sets) == 1767225609.0
    assert begun(deployment, sets[:2]) is None
    assert begun({"metadata": {"uid": "u1"}}, sets) is None
