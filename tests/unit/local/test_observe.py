"""From facts to an Endpoint."""

from __future__ import annotations

from typing import Any

import pytest

from deployer.endpoint import Endpoint, Phase, Traffic
from deployer_local.facts import Facts, Supervision
from deployer_local.observe import endpoint_of
from tests.unit.local.values import OTHER, REVISION, desired, facts, wanted, worker

LOST: dict[str, Any] = {"supervision": Supervision.GONE, "changes": None}
ENDED: dict[str, Any] = {"alive": False, "state": "", "accepting": False, "pid": None}


def _of(found: Facts) -> Endpoint:
    endpoint = endpoint_of(found)
    assert endpoint is not None
    return endpoint


def test_a_healthy_one() -> None:
    seen = _of(facts(memory={100: 4096}))
    assert (seen.phase, seen.detail, seen.url) == (Phase.HEALTHY, "", "http://127.0.0.1:8321")
    assert (seen.owner, seen.since, seen.managed) == ("team", 5.0, True)
    assert seen.traffic == Traffic.all_to(REVISION)
    revision = seen.revisions[0]
    assert (revision.phase, revision.wanted, revision.ready, revision.settled) == (Phase.HEALTHY, 1, 1, True)
    assert revision.facts == {"pids": [100], "memory": 4096}
    assert (revision.since, revision.model) == (10.0, "models:/iris/4")
    assert seen.settings == {
        "config.host": "127.0.0.1", "config.port": 8321, "config.drain": "30s", "labels": {}, "history_limit": 5,
    }  # fmt: skip


def test_nothing_and_foreign_and_half_made() -> None:
    assert endpoint_of(Facts(name="iris", target="local", there=False)) is None
    foreign = _of(Facts(name="iris", target="local", foreign=True))
    assert (foreign.managed, foreign.owner) == (False, None)
    half = _of(facts(desired=None, acted=None, workers=(), port=None, supervision=Supervision.GONE))
    assert (half.phase, half.url, half.owner) == (Phase.PENDING, None, "team")


@pytest.mark.parametrize(
    ("changes", "phase", "words"),
    [
        ({"desired": desired().model_copy(update={"gone": True})}, Phase.STOPPING, "being removed"),
        ({**LOST}, Phase.DEGRADED, "supervisor is gone"),
        ({"supervision": Supervision.SILENT}, Phase.DEGRADED, "does not answer"),
        ({**LOST, "workers": (worker(**ENDED),)}, Phase.FAILED, "nothing serves"),
        ({**LOST, "workers": (worker(**ENDED),), "rebooted": True}, Phase.FAILED, "host was started again"),
        ({"desired": None}, Phase.DEGRADED, "cannot be read"),
        ({"port_trouble": "taken", "port_owner": "nginx (pid 8)", "workers": (worker(accepting=False),)},
         Phase.FAILED, "port 8321 is taken by nginx (pid 8)"),
        ({"port_trouble": "Permission denied"}, Phase.DEGRADED, "cannot listen on port 8321: Permission denied"),
        ({"record_trouble": "its record cannot be read"}, Phase.HEALTHY, "record cannot be read"),
        ({"desired": desired(None), "workers": (worker(accepting=False),)}, Phase.PENDING, "no revision has traffic"),
        ({"workers": (worker(accepting=False),)}, Phase.STARTING, "about to move"),
        ({"desired": desired("r9999999")}, Phase.FAILED, "r9999999, which is to serve it, is not there"),
    ],
)  # fmt: skip
def test_the_endpoint_s_phase(changes: dict[str, Any], phase: Phase, words: str) -> None:
    seen = _of(facts(**{"workers": (worker(),), **changes}))
    assert seen.phase is phase
    assert words in seen.detail


@pytest.mark.parametrize(
    ("workers", "was_ready", "phase", "words", "settled"),
    [
        ((worker(), worker(number=1)), True, Phase.HEALTHY, "", True),
        ((worker(), worker(number=1, accepting=False)), True, Phase.HEALTHY, "", False),
        ((worker(), worker(number=1, state="loading", accepting=False)), True, Phase.DEGRADED, "1 of 2 workers", True),
        ((worker(state="loading"), worker(number=1, state="")), False, Phase.STARTING, "model is loading", False),
        ((worker(state=""), worker(number=1, state="")), False, Phase.STARTING, "workers are starting", False),
        ((worker(phase="failed", last_exit={"code": 1, "ran": 1.84}, **ENDED), worker(number=1, state="")), False,
         Phase.FAILED, "worker 0 exited 1 after 1.8 s", False),
        ((worker(phase="waiting", looping=True, last_exit={"signal": "SIGSEGV"}, **ENDED), worker(number=1)), True,
         Phase.DEGRADED, "1 of 2 workers; crashes again and again; worker 0 was ended by SIGSEGV", True),
        ((worker(phase="waiting", looping=True, last_exit={"error": "cannot be started: no"}, **ENDED),), True,
         Phase.FAILED, "worker 0 cannot be started: no", False),
        ((worker(), worker(number=1, phase="waiting", last_exit={}, **ENDED)), True, Phase.DEGRADED, "1 of 2", True),
        ((worker(), worker(number=1), worker(number=2, phase="stopping")), True, Phase.HEALTHY, "", False),
    ],
)  # fmt: skip
def test_a_revision_s_phase(workers: Any, was_ready: bool, phase: Phase, words: str, settled: bool) -> None:
    ready = frozenset({REVISION}) if was_ready else frozenset[str]()
    seen = _of(facts(*workers, desired=desired(r1111111=wanted(2)), was_ready=ready)).revisions[0]
    assert (seen.phase, seen.settled) == (phase, settled)
    assert words in seen.detail


def test_a_failure_before_the_newest_staging_does_not_count() -> None:
    failed = worker(phase="failed", last_exit={"code": 1}, **ENDED)
    seen = _of(facts(failed, serials={REVISION: 6}, was_ready=frozenset())).revisions[0]
    assert (seen.phase, seen.settled) == (Phase.STARTING, False)


def test_what_was_not_acted_on_is_not_settled() -> None:
    assert not _of(facts(seen="newer")).revisions[0].settled


def test_a_retired_revision_is_stopping_until_it_is_gone() -> None:
    seen = _of(facts(worker(), worker(OTHER, phase="stopping", accepting=False)))
    found = seen.find(OTHER)
    assert found is not None
    assert (found.phase, found.wanted, found.settled) == (Phase.STOPPING, 0, False)


def test_traffic_is_what_accepts() -> None:
    workers = (worker(), worker(OTHER), worker(OTHER, 1), worker(OTHER, 2, alive=False))
    assert _of(facts(*workers)).traffic == Traffic({REVISION: 34, OTHER: 66})
    assert not _of(facts(worker(accepting=False))).traffic


def test_an_ipv6_address_is_a_url() -> None:
    wish = desired()
    wish = wish.model_copy(update={"settings": wish.settings.model_copy(update={"host": "::1"})})
    assert _of(facts(desired=wish)).url == "http://[::1]:8321"
