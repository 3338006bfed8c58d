"""The calls that are due are made as they are meant: over nothing else, and not twice; on the double."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from deployer.endpoint import Traffic
from deployer.errors import ClaimLost, Conflict, TargetUnavailable
from deployer_azureml.calls import Call, delete_deployment, delete_endpoint
from deployer_azureml.making import Maker, words_of
from deployer_azureml.names import deployment_path, endpoint_path, environment_path
from deployer_azureml.requests import Place, create_endpoint
from deployer_azureml.revisions import deployment_body, environment_body, environment_of
from deployer_azureml.routing import route_due
from tests.unit.azureml.living import OTHER, REVISION, Living

Fail = Callable[..., None]
THEIRS = {"by": "hand"}


def _maker(living: Living, held: Callable[[], object] = lambda: None) -> Maker:
    about = vars(living.target)
    return Maker(about["_azure"], held, about["_surveyor"].sign)


def _place(living: Living) -> Place:
    found: Place = vars(living.target)["_placing"].place("team")
    return found


def _endpoint(living: Living) -> Call:
    body = create_endpoint(living.spec(), _place(living))
    return Call("PutEndpoint", endpoint_path(living.name), body, fine=("there", "lingers"))


def _environment(living: Living) -> Call:
    release = living.release()
    path = environment_path(living.name, environment_of(living.spec(), release))
    return Call("PutEnvironment", path, environment_body(living.spec(), release, _place(living)), fine=("there",))


def _deployment(living: Living) -> Call:
    body = deployment_body(living.spec(), living.release(), _place(living))
    return Call("PutDeployment", deployment_path(living.name, REVISION), body, fine=("there", "busy"))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (Call("PutEndpoint", "onlineEndpoints/iris"), "make the endpoint iris"),
        (Call("PutEndpoint", "onlineEndpoints/iris", basis="x"), "write the endpoint iris"),
        (Call("DeleteAutoscale", "providers/x/deployer-iris"), "remove the autoscale setting deployer-iris"),
        (Call("TagDeployment", "onlineEndpoints/iris/deployments/r1", basis="x"), "mark the deployment r1"),
        (Call("ScaleDeployment", "onlineEndpoints/iris/deployments/r1"), "scale the deployment r1"),
    ],
)
def test_what_a_call_does_in_words(call: Call, words: str) -> None:
    assert words_of(call)[0] == words


def test_what_is_there_already_is_not_made_again(living: Living) -> None:
    maker = _maker(living)
    living.calls()
    for call in (_endpoint(living), _environment(living)):
        assert maker.make(call)
        assert maker.make(call)
    living.rest()
    assert living.calls() == ["PutEndpoint", "PutAsset"]


def test_what_somebody_else_made_is_left_as_it_is(living: Living) -> None:
    place = _place(living)
    theirs = {"location": place.location, "tags": THEIRS, "properties": {"authMode": "Key", "traffic": {}}}
    living.ask("PUT", endpoint_path(living.name), theirs)
    living.ask("PUT", _environment(living).path, {"properties": {"image": "theirs:1", "tags": THEIRS}})
    maker = _maker(living)
    for call in (_endpoint(living), _environment(living), *delete_endpoint(living.rest().facts().endpoint or _none())):
        with pytest.raises(Conflict, match="that deployer did not make"):
            maker.make(call)
    assert living.ask("GET", endpoint_path(living.name))["tags"] == THEIRS


def _none() -> Any:
    raise AssertionError("it is not there")


def test_a_claim_that_is_lost_makes_nothing(living: Living) -> None:
    living.calls()

    def lost() -> None:
        raise ClaimLost("somebody else has it")

    with pytest.raises(ClaimLost):
        _maker(living, lost).make(_endpoint(living))
    assert living.calls() == []


def test_a_thing_that_is_another_by_now_is_not_written_over(living: Living) -> None:
    living.begin().serve()
    call = route_due(living.facts(), Traffic({})).calls[0]
    document = living.ask("GET", call.path)
    told = {**document["properties"], "description": "theirs"}
    body = {**{key: document[key] for key in ("location", "tags", "identity")}, "properties": told}
    living.ask("PUT", call.path, {**body, "properties": {k: v for k, v in told.items() if k not in READ_ONLY}})
    living.rest()
    living.calls()
    assert not _maker(living).make(call)
    assert living.calls() == []
    assert living.seen().traffic.root == {REVISION: 100}
    gone = Call(call.operation, endpoint_path(f"{living.name}-x"), call.body, call.basis, call.fine)
    assert not _maker(living).make(gone)


READ_ONLY = ("provisioningState", "scoringUri", "swaggerUri")


def test_what_azure_is_at_is_asked_again_later(living: Living, faults: Fail) -> None:
    maker = _maker(living)
    maker.make(_environment(living))
    faults("PutEndpoint", delay=0.3)
    maker.make(_endpoint(living))
    assert not maker.make(_deployment(living))  # the endpoint is Creating
    living.rest()
    assert maker.make(_deployment(living))


def test_a_name_that_is_not_free_yet_is_asked_again_later(living: Living, faults: Fail) -> None:
    living.begin().rest()
    faults("DeleteEndpoint", linger=0.3)
    living.destroy()
    assert not _maker(living).make(_endpoint(living))


def test_what_is_gone_is_gone(living: Living) -> None:
    living.begin().rest()
    facts = living.facts()
    assert _maker(living).make(delete_deployment(facts, OTHER))
    with pytest.raises(TargetUnavailable) as caught:
        _maker(living).make(Call("ScaleDeployment", deployment_path(living.name, OTHER), {"sku": {"capacity": 2}}))
    assert caught.value.transient


def test_what_azure_keeps_is_no_failure_where_that_is_fine(living: Living, faults: Fail) -> None:
    maker, call = _maker(living), _environment(living)
    maker.make(call)
    delete = Call("DeleteEnvironment", call.path, fine=("gone", "kept"))
    faults("DeleteAsset", error="UserError", status=409, message="It is used by a deployment.")
    assert maker.make(delete)
    faults("DeleteAsset", error="AuthorizationFailed", status=403)
    with pytest.raises(TargetUnavailable, match="PERMISSION"):
        maker.make(delete)


def test_an_endpoint_with_somebody_else_s_deployment_by_now_is_not_removed(living: Living) -> None:
    living.begin().serve()
    mine = living.ask("GET", deployment_path(living.name, REVISION))
    other = {**{key: mine[key] for key in ("location", "properties", "sku")}, "tags": THEIRS}
    living.ask("PUT", deployment_path(living.name, "blue"), other)
    living.rest()
    living.calls()
    main = living.facts().endpoint
    assert main is not None
    (call,) = (each for each in delete_endpoint(main) if each.operation == "DeleteEndpoint")
    assert not _maker(living).make(call)
    assert living.calls() == []


def test_a_look_of_before_the_claim_drops_nothing(living: Living) -> None:
    before = living.facts()
    living.begin().stage()
    changing = vars(living.target)["_changing"]
    begun = changing._duties(living.name, living.writer.claim)
    assert not begun.over
    changing.go_on(before)  # of another thread, say
    assert changing._duties(living.name, living.writer.claim) is begun
    assert not begun.over
