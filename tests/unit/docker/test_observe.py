"""From facts to an Endpoint."""

from __future__ import annotations

from typing import Any

import pytest

from deployer.endpoint import Endpoint, Phase, Traffic
from deployer_docker.facts import Facts
from deployer_docker.observe import endpoint_of
from tests.unit.docker.values import ADDRESS, OTHER, REVISION, container, facts, gateway, loaded, routing

SECOND = "10.213.3.12"


def _of(found: Facts) -> Endpoint:
    endpoint = endpoint_of(found)
    assert endpoint is not None
    return endpoint


def test_a_healthy_one() -> None:
    seen = _of(facts())
    assert (seen.phase, seen.detail, seen.url) == (Phase.HEALTHY, "", "http://127.0.0.1:8321")
    assert (seen.owner, seen.since, seen.managed) == ("team", 5.0, True)
    assert seen.traffic == Traffic.all_to(REVISION)
    assert seen.settings == {"config.port": 8321}
    revision = seen.revisions[0]
    assert (revision.phase, revision.wanted, revision.ready, revision.settled) == (Phase.HEALTHY, 1, 1, True)
    assert (revision.since, revision.model, revision.digest) == (10.0, "models:/iris/4", "d" * 64)
    assert revision.facts == {
        "containers": ["c" * 12], "pids": [100], "image": "sha256:" + "a" * 64,
    }  # fmt: skip


def test_nothing_foreign_and_half_made() -> None:
    assert endpoint_of(Facts(name="iris", target="docker", there=False)) is None
    foreign = _of(Facts(name="iris", target="docker", there=False, foreign="there is a container iris"))
    assert (foreign.managed, foreign.owner) == (False, None)
    assert "there is a container iris" in foreign.detail
    begun = _of(facts(replicas=(), gateway=None, wished=None, loaded=None))
    assert (begun.phase, begun.revisions, begun.url) == (Phase.PENDING, (), None)


def test_traffic_is_what_the_gateway_has_loaded_and_nothing_else() -> None:
    wished = routing(Traffic({REVISION: 50, OTHER: 50}), {REVISION: [ADDRESS], OTHER: [SECOND]})
    before = routing(Traffic.all_to(REVISION), {REVISION: [ADDRESS], OTHER: [SECOND]})
    seen = _of(facts(wished=wished, loaded=loaded(before)))
    assert seen.traffic == Traffic.all_to(REVISION)
    assert not any(each.settled for each in seen.revisions)
    assert not _of(facts(loaded=None, gateway_trouble="its gateway does not run")).traffic


def test_a_container_that_was_removed_by_hand_is_missed() -> None:
    wished = routing(pools={REVISION: [ADDRESS, SECOND]})
    seen = _of(facts(wished=wished, loaded=loaded(wished, {SECOND: "down"})))
    assert (seen.phase, seen.revisions[0].wanted, seen.revisions[0].ready) == (Phase.DEGRADED, 2, 1)
    assert "1 of 2 containers are gone" in seen.detail
    assert not seen.revisions[0].settled
    none = _of(facts(replicas=(), loaded=loaded(routing(), {ADDRESS: "down"})))
    assert (none.phase, none.revisions[0].phase) == (Phase.FAILED, Phase.FAILED)


FAILING: list[tuple[dict[str, Any], Phase, str]] = [
    ({"status": "restarting", "restarts": 1, "exit_code": 1}, Phase.FAILED, "exited 1"),
    ({"status": "running", "restarts": 2, "exit_code": 1}, Phase.FAILED, "exited 1, 2 times by now"),
    ({"status": "restarting", "restarts": 1, "exit_code": 1, "was_ready": True}, Phase.STARTING, "is started again"),
    ({"status": "restarting", "restarts": 5, "exit_code": 1, "was_ready": True}, Phase.FAILED, "5 times"),
    ({"status": "exited", "exit_code": 137, "was_ready": True}, Phase.FAILED, "exited 137"),
    ({"status": "created", "error": "exec format error"}, Phase.FAILED, "cannot be started: exec format error"),
    ({"status": "restarting", "restarts": 1, "oom": True}, Phase.FAILED, "more memory than it may"),
    ({"status": "running"}, Phase.STARTING, "are starting"),
]


@pytest.mark.parametrize(("how", "phase", "said"), FAILING)
def test_a_revision_that_does_not_come_up(how: dict[str, Any], phase: Phase, said: str) -> None:
    wished = routing(Traffic())
    seen = _of(facts(replicas=(container(**how),), wished=wished, loaded=loaded(wished, {ADDRESS: "down"})))
    assert seen.revisions[0].phase is phase
    assert said in seen.revisions[0].detail
    assert seen.phase is phase


def test_one_of_two_that_fails_is_degraded() -> None:
    wished = routing(pools={REVISION: [ADDRESS, SECOND]})
    two = (container(), container(id="f" * 64, number=2, address=SECOND, status="restarting", restarts=1, exit_code=1))
    seen = _of(facts(replicas=two, wished=wished, loaded=loaded(wished, {SECOND: "down"})))
    assert (seen.phase, seen.revisions[0].phase, seen.revisions[0].restarts) == (Phase.DEGRADED, Phase.DEGRADED, 1)
    assert "1 of 2 replicas are ready" in seen.detail


def test_what_is_condemned_is_stopping_and_then_gone() -> None:
    wished = routing(Traffic(), {OTHER: [SECOND]})
    both = (container(condemned=True), container(id="f" * 64, revision=OTHER, address=SECOND))
    seen = _of(facts(replicas=both, wished=wished, loaded=loaded(wished)))
    assert {each.id: each.phase for each in seen.revisions} == {OTHER: Phase.HEALTHY, REVISION: Phase.STOPPING}
    ended = (container(condemned=True, status="exited"), both[1])
    seen = _of(facts(replicas=ended, wished=wished, loaded=loaded(wished)))
    assert [each.id for each in seen.revisions] == [OTHER]


def test_a_gateway_that_is_gone_or_silent() -> None:
    gone = _of(facts(gateway=None, wished=None, loaded=None, gateway_trouble="its gateway is gone"))
    assert (gone.phase, gone.url) == (Phase.FAILED, None)
    silent = _of(facts(loaded=None, gateway_trouble="its gateway does not answer: no route"))
    assert silent.phase is Phase.FAILED
    assert "does not answer" in silent.detail
    assert silent.revisions[0].phase is Phase.STARTING


@pytest.mark.parametrize(
    ("host", "tls", "url"),
    [
        ("0.0.0.0", "", "http://127.0.0.1:8321"),
        ("::", "/x.pem", "https://[::1]:8321"),
        ("10.1.2.3", "", "http://10.1.2.3:8321"),
    ],
)
def test_the_address_is_one_that_can_be_called(host: str, tls: str, url: str) -> None:
    labels = {"port": "8321", "host": host, "tls": tls}
    assert _of(facts(gateway=gateway(labels=labels))).url == url
