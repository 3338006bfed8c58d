"""From facts to an Endpoint."""

from __future__ import annotations

from typing import Any

import pytest

from deployer.endpoint import Endpoint, Mirrored, Phase
from deployer_azureml.facts import Facts, ScalerFact
from deployer_azureml.observe import endpoint_of, revision_of
from tests.unit.azureml.values import OTHER, REVISION, SCORING, deployment, endpoint, environment, facts, record


def _seen(**fields: Any) -> Endpoint:
    found = endpoint_of(facts(**fields))
    assert found is not None
    return found


def test_one_that_serves() -> None:
    found = _seen()
    assert (found.phase, found.url, found.traffic.root, found.detail) == (Phase.HEALTHY, SCORING, {REVISION: 100}, "")
    revision = found.find(REVISION)
    assert revision is not None
    assert (revision.phase, revision.wanted, revision.ready, revision.settled) == (Phase.HEALTHY, 1, 1, True)
    assert revision.model == "models:/iris/4"
    assert revision.facts == {
        "deployment": REVISION, "state": "Succeeded", "instance_type": "Standard_DS2_v2", "image": "sha256:" + "b" * 64,
    }  # fmt: skip
    assert found.settings == {"labels": {}, "config.auth_mode": "key", "config.public": True}


@pytest.mark.parametrize(
    ("state", "has", "phase", "ready", "settled"),
    [
        ("Creating", False, Phase.STARTING, 0, False),
        ("Updating", False, Phase.STARTING, 0, False),  # the first answer to a creation may say so
        ("Updating", True, Phase.HEALTHY, 1, False),
        ("Scaling", True, Phase.HEALTHY, 1, False),
        ("Succeeded", False, Phase.HEALTHY, 3, True),
        ("Failed", False, Phase.FAILED, 0, True),
        ("Canceled", False, Phase.FAILED, 0, True),
        ("Failed", True, Phase.DEGRADED, 1, True),
        ("Deleting", False, Phase.STOPPING, 0, False),
        ("SomethingNew", False, Phase.STARTING, 0, False),
    ],
)
def test_states_of_a_deployment(state: str, has: bool, phase: Phase, ready: int, settled: bool) -> None:
    traffic = {REVISION: 100} if has else {}
    seen = facts(endpoint=endpoint(traffic=traffic), deployments=(deployment(state=state, count=3),))
    found = revision_of(seen, REVISION)
    assert found is not None
    assert (found.phase, found.ready, found.settled) == (phase, ready, settled)
    assert found.wanted == (0 if phase is Phase.STOPPING else 3)


@pytest.mark.parametrize(
    ("fields", "phase", "words"),
    [
        ({"endpoint": None, "deployments": ()}, Phase.PENDING, "no endpoint is made yet"),
        (
            {"endpoint": None, "deployments": (), "record": record(traffic={REVISION: 100})},
            Phase.FAILED, "deployer apply makes it anew",
        ),
        (
            {"endpoint": endpoint(state="Creating", traffic={}, scoringUri=None), "deployments": ()},
            Phase.PENDING, "Azure makes it",
        ),
        (
            {"endpoint": endpoint(state="Failed", traffic={}, scoringUri=None, trouble="no room"), "deployments": ()},
            Phase.FAILED, "no room",
        ),
        ({"endpoint": endpoint(state="Failed", trouble="no room")}, Phase.DEGRADED, "its last change failed: no room"),
        ({"endpoint": endpoint(state="Updating")}, Phase.HEALTHY, "Azure changes it"),
        ({"endpoint": endpoint(state="Deleting")}, Phase.STOPPING, "being deleted"),
        ({"endpoint": endpoint(traffic={})}, Phase.PENDING, "no revision has traffic"),
        (
            {"endpoint": endpoint(traffic={}), "deployments": (deployment(state="Failed", trouble="crash\nhttps://x"),)},
            Phase.FAILED, f"{REVISION}: crash",
        ),
        (
            {"deployments": (deployment(state="Failed", trouble="OutOfQuota"),)},
            Phase.DEGRADED, f"{REVISION}: its last change failed: OutOfQuota",
        ),
        ({"record_trouble": "it cannot be read"}, Phase.HEALTHY, "it cannot be read"),
    ],
)  # fmt: skip
def test_states_of_the_endpoint(fields: dict[str, Any], phase: Phase, words: str) -> None:
    found = _seen(**fields)
    assert found.phase is phase
    assert words in found.detail


def test_traffic_and_copies_by_revision_and_strangers_by_name() -> None:
    blue = deployment(name="blue", tags={})
    found = _seen(
        endpoint=endpoint(traffic={REVISION: 60, "Blue": 40}, mirrorTraffic={OTHER: 10}),
        deployments=(deployment(), deployment(OTHER), blue),
    )
    assert found.traffic.root == {REVISION: 60, "blue": 40}
    assert found.mirror == Mirrored(revision=OTHER, percent=10)
    assert [each.id for each in found.revisions] == [REVISION, OTHER]
    assert "did not make are in it: blue" in found.detail


def test_traffic_that_goes_nowhere() -> None:
    for fields in ({"scoringUri": None}, {"state": "Deleting"}, {"traffic": {REVISION: 30}}):
        assert not _seen(endpoint=endpoint(**fields)).traffic


def test_an_autoscaler_is_told() -> None:
    found = _seen(scalers=(ScalerFact("x", REVISION, 1, 4),)).find(REVISION)
    assert found is not None
    assert found.facts["autoscaler"] == "1 to 4"


def test_what_is_not_ours() -> None:
    found = endpoint_of(Facts("iris", "azure", endpoint=endpoint(tags={"team": "x"})))
    assert found is not None
    assert (found.managed, found.phase, found.revisions) == (False, Phase.HEALTHY, ())
    assert endpoint_of(Facts("iris", "azure")) is None


def test_what_is_left_is_still_ours() -> None:
    found = endpoint_of(Facts("iris", "azure", environments=(environment(),)))
    assert found is not None
    assert (found.managed, found.phase) == (True, Phase.PENDING)
    assert revision_of(facts(), OTHER) is None
