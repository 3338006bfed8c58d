"""What goes wrong on purpose."""

from __future__ import annotations

import http.client
from collections.abc import Callable
from typing import Any

import pytest

from deployer.errors import SpecError
from deployer.testing.azureml import REASONS, Durations
from tests.unit.testing.azureml.conftest import Place


@pytest.mark.parametrize("reason", sorted(REASONS))
def test_a_deployment_that_fails_for_a_reason(place: Place, reason: str) -> None:
    place.ended(place.endpoint())
    place.double.fault("PutDeployment", outcome="Failed", reason=reason)
    told = place.ended(place.deploy())
    assert (told["status"], told["error"]["code"]) == ("Failed", REASONS[reason].code)
    assert "https://aka.ms/oe-tsg#error-" in told["error"]["message"]
    assert place.settled("fraud/r01")["properties"]["provisioningState"] == "Failed"
    assert place.ended(place.deploy())["status"] == "Succeeded"


def test_a_reason_of_ones_own_and_an_endpoint_that_fails(place: Place) -> None:
    place.double.fault("PutEndpoint", outcome="Failed", reason="no certificate")
    told = place.ended(place.endpoint())
    assert told["error"]["message"] == "no certificate"
    found = place.arm("GET", "onlineEndpoints/fraud").json["properties"]
    assert (found["provisioningState"], found["scoringUri"]) == ("Failed", None)
    assert place.ended(place.endpoint())["status"] == "Succeeded"


def test_throttling_with_the_time_to_wait(place: Place) -> None:
    place.double.fault("GetEndpoint", error="TooManyRequests", status=429, retry=7, times=2)
    for _ in range(2):
        said = place.arm("GET", "onlineEndpoints/fraud")
        assert (said.status, said.headers["Retry-After"], said.code) == (429, "7", "TooManyRequests")
    assert place.arm("GET", "onlineEndpoints/fraud").status == 404


def test_a_change_that_is_done_though_the_answer_is_an_error(place: Place) -> None:
    place.double.fault("PutEndpoint", error="InternalServerError", status=500, done=True)
    assert place.endpoint().status == 500
    assert place.settled()["properties"]["provisioningState"] == "Succeeded"


def test_a_lost_answer(place: Place) -> None:
    place.double.fault("PutEndpoint", lost=True)
    with pytest.raises((http.client.HTTPException, OSError)):
        place.endpoint()
    assert place.settled()["properties"]["provisioningState"] == "Succeeded"
    (call,) = [each for each in place.double.tell("GET", "calls") if each["operation"] == "PutEndpoint"]
    assert call["status"] == 0


@pytest.mark.parametrize("cancels", [True, False])
def test_a_stuck_deployment_ends_when_it_is_deleted(new_place: Callable[..., Place], cancels: bool) -> None:
    place = new_place(guesses={"delete-deployment-in-progress": cancels})
    place.ended(place.endpoint())
    place.double.fault("PutDeployment", outcome="Stuck")
    said = place.deploy()
    place.advance(100_000)
    assert place.arm("GET", said.headers["Azure-AsyncOperation"]).json["status"] == "Updating"
    assert place.deploy().status == 409
    gone = place.arm("DELETE", "onlineEndpoints/fraud/deployments/r01")
    if cancels:
        place.ended(gone)
    else:
        assert gone.status == 409
        place.ended(place.arm("DELETE", "onlineEndpoints/fraud"))
    assert place.ended(said)["error"]["code"] == "OperationCanceled"


def test_a_delete_that_lingers(place: Place) -> None:
    place.ended(place.endpoint())
    place.double.fault("DeleteEndpoint", linger=600)
    place.ended(place.arm("DELETE", "onlineEndpoints/fraud"))
    assert place.arm("GET", "onlineEndpoints/fraud").status == 404
    said = place.endpoint()
    assert (said.status, said.code) == (404, "NotFound")
    assert said.json["error"]["details"][0]["code"] == "InferencingClientCallFailed"
    place.advance(600)
    assert place.endpoint().status == 201


def test_a_delete_that_fails_or_never_ends(new_place: Callable[..., Place]) -> None:
    place = new_place()
    place.serving()
    place.double.fault("DeleteEndpoint", outcome="Failed", reason="service")
    assert place.ended(place.arm("DELETE", "onlineEndpoints/fraud"))["status"] == "Failed"
    assert place.arm("GET", "onlineEndpoints/fraud").json["properties"]["provisioningState"] == "Failed"
    place.double.fault("DeleteEndpoint", outcome="Stuck")
    said = place.arm("DELETE", "onlineEndpoints/fraud")
    place.advance(100_000)
    assert place.arm("GET", said.headers["Azure-AsyncOperation"]).json["status"] == "Updating"


def test_eventual_consistency(place: Place) -> None:
    place.double.fault("PutEndpoint", unseen=300)
    said = place.endpoint()
    assert place.ended(said)["status"] == "Succeeded"
    assert place.arm("GET", "onlineEndpoints/fraud").status == 404
    assert place.arm("GET", "onlineEndpoints").json["value"] == []
    place.advance(300)
    assert place.arm("GET", "onlineEndpoints/fraud").status == 200
    place.double.fault("PutDeployment", unseen=300)
    place.ended(place.deploy())
    assert place.arm("GET", "onlineEndpoints/fraud/deployments/r01").status == 404
    place.advance(300)
    place.double.fault("GetEndpoint", stale=300)
    old = place.arm("GET", "onlineEndpoints/fraud").json["properties"]["traffic"]
    place.ended(place.endpoint(traffic={"r01": 100}))
    assert place.arm("GET", "onlineEndpoints/fraud").json["properties"]["traffic"] == old == {}
    place.advance(300)
    assert place.arm("GET", "onlineEndpoints/fraud").json["properties"]["traffic"] == {"r01": 100}


def test_without_an_operation_only_the_state_tells(place: Place) -> None:
    place.double.fault("PutEndpoint", headerless=True)
    said = place.endpoint()
    assert "Azure-AsyncOperation" not in said.headers
    assert "Location" not in said.headers
    assert place.settled()["properties"]["provisioningState"] == "Succeeded"


def test_somebody_deletes_it_under_us(place: Place) -> None:
    place.serving()
    place.double.fault("GetDeployment", name="fraud/r01", vanish="deployment")
    assert place.arm("GET", "onlineEndpoints/fraud/deployments/r01").status == 404
    assert place.arm("GET", "onlineEndpoints/fraud").json["properties"]["traffic"] == {}
    place.double.tell("POST", "vanish", {"name": "fraud"})
    assert place.arm("GET", "onlineEndpoints/fraud").status == 404
    assert place.double.tell("GET", "figures")["now"] == {}


def test_a_delay_is_of_the_change(new_place: Callable[..., Place]) -> None:
    place = new_place(durations=Durations(probe_every=0.01))
    place.ended(place.endpoint())
    place.double.fault("PutDeployment", name="FRAUD/r01", delay=3600, skip=0)
    said = place.deploy()
    assert said.status == 201
    assert place.arm("GET", said.headers["Azure-AsyncOperation"]).json["status"] == "Updating"
    place.advance(3600)
    assert place.ended(said)["status"] == "Succeeded"


@pytest.mark.parametrize(
    "fault",
    [
        {"operation": "PutEndpoint", "colour": "red"},
        {"name": "fraud"},
        {"operation": "PutEndpoint", "outcome": "Odd"},
        {"operation": "PutEndpoint", "vanish": "world"},
        {"operation": "PutEndpoint", "stale": 1},
    ],
)
def test_a_fault_that_is_none(place: Place, fault: dict[str, Any]) -> None:
    with pytest.raises(SpecError):
        place.double.tell("POST", "faults", fault)
    assert place.double.tell("GET", "faults") == []


def test_faults_are_told_and_forgotten(place: Place) -> None:
    place.double.tell("POST", "faults", [{"operation": "Score", "skip": 2, "times": 3}, {"operation": "Token"}])
    assert [each["operation"] for each in place.double.tell("GET", "faults")] == ["Score", "Token"]
    assert place.double.tell("DELETE", "faults") == []
    with pytest.raises(SpecError, match="no such route"):
        place.double.tell("GET", "nothing")
