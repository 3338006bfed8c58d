"""What is found of endpoints, on the double."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from deployer.endpoint import Phase
from deployer.errors import Conflict, TargetUnavailable
from deployer_azureml.names import endpoint_path
from deployer_azureml.survey import Surveyor
from tests.unit.azureml.living import REVISION, Living

Fail = Callable[..., None]


def _surveyor(living: Living) -> Surveyor:
    """Of another process: it knows no signature of an operation."""
    about = vars(living.target)
    return Surveyor(about["_azure"], about["_records"], "azure")


def _asked(living: Living, operation: str) -> int:
    found = [each.operation for each in living.double.world.journal.all()]
    living.double.world.journal.clear()
    return found.count(operation)


def test_why_something_failed_is_asked_once(living: Living, faults: Fail) -> None:
    faults("PutDeployment", outcome="Failed", reason="capacity")
    living.begin().stage().phase(REVISION, Phase.FAILED)
    surveyor = _surveyor(living)
    _asked(living, "")
    for _ in range(3):
        found = surveyor.survey(living.name).find(REVISION)
        assert found is not None
        assert "lack of Azure Machine Learning capacity" in found.trouble
    assert _asked(living, "GetOperationStatus") == 1


@pytest.mark.parametrize("status", [403, 404])
def test_what_may_not_be_asked_is_left_out(living: Living, faults: Fail, status: int) -> None:
    faults("PutDeployment", outcome="Failed", reason="capacity")
    living.begin().stage().phase(REVISION, Phase.FAILED)
    faults("GetOperationStatus", error="AuthorizationFailed", status=status)
    found = _surveyor(living).survey(living.name).find(REVISION)
    assert found is not None
    assert (found.state, found.trouble) == ("Failed", "")


def test_a_service_that_fails_is_no_answer(living: Living, faults: Fail) -> None:
    faults("PutDeployment", outcome="Failed", reason="capacity")
    living.begin().stage().phase(REVISION, Phase.FAILED)
    faults("GetOperationStatus", error="InternalServerError", status=500)
    with pytest.raises(TargetUnavailable) as caught:
        _surveyor(living).survey(living.name)
    assert caught.value.transient


def test_a_record_that_may_not_be_read_is_told_and_hides_nothing(living: Living, faults: Fail) -> None:
    living.begin().serve()
    faults("GetBlob", error="AuthorizationPermissionMismatch", status=403)
    seen = _surveyor(living).survey(living.name)
    assert "PERMISSION" in seen.record_trouble
    assert (seen.owner, seen.record) == ("team", None)
    assert seen.main is not None


def test_a_listing_tells_ours_and_others(living: Living) -> None:
    living.begin().rest()
    other = f"{living.name}-x"
    properties: dict[str, Any] = {"authMode": "Key", "traffic": {}}
    living.ask("PUT", endpoint_path(other), {"location": "eastus2", "tags": {}, "properties": properties})
    alone = f"{living.name}-y"
    living.double.world.blobs.put(
        living.workspace.container,
        f"{vars(living.target)['_placing'].blobs.records}{alone}.json",
        b"{}",
        1.0,
        kind="x",
        metadata={},
    )
    ours, others = _surveyor(living).names()
    assert {living.name, alone} <= ours
    assert other not in ours
    assert other in {each.name for each in others}


def test_a_glance_takes_three_questions(living: Living) -> None:
    living.begin().serve()
    living.double.world.journal.clear()
    seen = _surveyor(living).glance(living.name)
    assert len(living.double.world.journal.all()) == 3
    assert seen.find(REVISION) is not None


def test_what_has_no_one_deployment_with_all_of_the_traffic_is_not_taken_over(living: Living) -> None:
    properties: dict[str, Any] = {"authMode": "Key", "traffic": {}}
    body = {"location": "eastus2", "tags": {}, "properties": properties}
    living.ask("PUT", endpoint_path(living.name), body)
    living.rest()
    with pytest.raises(Conflict, match="one deployment has to have all of its traffic"):
        living.target.adoptable(living.name)


def test_a_workspace_that_is_not_there_is_told(new_living: Callable[..., Living]) -> None:
    living = new_living(workspace="absent")
    with pytest.raises(TargetUnavailable) as caught:
        living.target.observe(living.name)
    assert not caught.value.transient
    assert "az ml workspace list" in str(caught.value.hint)
    assert json.dumps(str(caught.value))
