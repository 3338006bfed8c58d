"""Guesses that no other test turns: each of them both ways."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from deployer.testing.azureml import BEHAVIOURS, Durations
from deployer.testing.azureml.behaviours import guesses
from tests.unit.testing.azureml.conftest import Place


@pytest.mark.parametrize("conflict", [True, False])
def test_busy_is_conflict(new_place: Callable[..., Place], conflict: bool) -> None:
    place = new_place(guesses={"busy-is-conflict": conflict}, durations=Durations(endpoint=600))
    place.endpoint()
    assert place.endpoint().status == (409 if conflict else 400)


@pytest.mark.parametrize("allowed", [True, False])
def test_delete_with_traffic(new_place: Callable[..., Place], allowed: bool) -> None:
    place = new_place(guesses={"delete-with-traffic": allowed})
    place.serving()
    said = place.arm("DELETE", "onlineEndpoints/fraud/deployments/r01")
    assert said.status == (202 if allowed else 400)
    if allowed:
        place.ended(said)
        assert place.arm("GET", "onlineEndpoints/fraud").json["properties"]["traffic"] == {}
    else:
        place.ended(place.route({"r01": 0}))
        place.ended(place.arm("DELETE", "onlineEndpoints/fraud/deployments/r01"))


@pytest.mark.parametrize("allowed", [True, False])
def test_traffic_to_failed(new_place: Callable[..., Place], allowed: bool) -> None:
    place = new_place(guesses={"traffic-to-failed": allowed})
    place.ended(place.endpoint())
    place.double.fault("PutDeployment", outcome="Failed")
    place.ended(place.deploy())
    assert place.route({"r01": 100}).status == (200 if allowed else 400)


@pytest.mark.parametrize("allowed", [True, False])
def test_traffic_while_deploying(new_place: Callable[..., Place], allowed: bool) -> None:
    place = new_place(guesses={"traffic-while-deploying": allowed})
    place.serving()
    place.double.fault("PutDeployment", outcome="Stuck")
    place.deploy("r02")
    assert place.route({"r01": 100}).status == (200 if allowed else 409)


@pytest.mark.parametrize("immutable", [True, False])
def test_auth_mode_immutable(new_place: Callable[..., Place], immutable: bool) -> None:
    place = new_place(guesses={"auth-mode-immutable": immutable})
    place.ended(place.endpoint())
    assert place.endpoint(mode="AADToken").status == (400 if immutable else 200)


@pytest.mark.parametrize("updating", [True, False])
def test_created_as_updating(new_place: Callable[..., Place], updating: bool) -> None:
    place = new_place(guesses={"created-as-updating": updating})
    place.ended(place.endpoint())
    said = place.deploy()
    assert said.json["properties"]["provisioningState"] == ("Updating" if updating else "Creating")


@pytest.mark.parametrize("told", [True, False])
def test_keys_of_other_modes(new_place: Callable[..., Place], told: bool) -> None:
    place = new_place(guesses={"keys-of-other-modes": told})
    place.ended(place.endpoint(mode="AADToken"))
    assert place.arm("POST", "onlineEndpoints/fraud/listKeys").status == (200 if told else 400)


@pytest.mark.parametrize("picks", [True, False])
def test_deployment_header_picks_failed(new_place: Callable[..., Place], picks: bool) -> None:
    place = new_place(guesses={"deployment-header-picks-failed": picks})
    place.serving()
    place.double.fault("PutDeployment", outcome="Failed")
    place.ended(place.deploy(image="better:2"))
    assert place.ask(azureml_model_deployment="r01").status == (200 if picks else 404)


@pytest.mark.parametrize("missing", [True, False])
def test_unroutable_is_404(new_place: Callable[..., Place], missing: bool) -> None:
    place = new_place(guesses={"unroutable-is-404": missing})
    place.ended(place.endpoint())
    assert place.ask().status == 404
    place.ended(place.deploy())
    assert place.ask().status == (404 if missing else 503)


@pytest.mark.parametrize("given", [True, False])
def test_regenerated_key_is_given(new_place: Callable[..., Place], given: bool) -> None:
    place = new_place(guesses={"regenerated-key-is-given": given})
    place.ended(place.endpoint())
    said = place.arm("POST", "onlineEndpoints/fraud/regenerateKeys", {"keyType": "Secondary", "keyValue": "mine"})
    place.ended(said)
    assert (place.arm("POST", "onlineEndpoints/fraud/listKeys").json["secondaryKey"] == "mine") is given


def test_every_behaviour_says_its_source() -> None:
    assert {each.source for each in BEHAVIOURS} == {"documented", "recorded", "guessed"}
    assert all(each.says and each.where for each in BEHAVIOURS)
    assert len({each.name for each in BEHAVIOURS}) == len(BEHAVIOURS)
    with pytest.raises(ValueError, match="no guessed behaviour: names"):
        guesses({"names": False})


def test_the_admin_route_tells_which_way_they_go(new_place: Callable[..., Place]) -> None:
    place = new_place(guesses={"unroutable-is-404": False})
    told = {each["name"]: each for each in place.double.tell("GET", "behaviours")}
    assert not told["unroutable-is-404"]["holds"]
    assert told["put-replaces"]["holds"]
