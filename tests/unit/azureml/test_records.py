"""Records as blobs, on the double: written conditionally, found again after a lost answer, by role or by key."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

import pytest

from deployer.endpoint import Record
from deployer.errors import ClaimLost, SpecError, TargetUnavailable
from deployer_azureml.client import Azure
from deployer_azureml.placing import Placing
from deployer_azureml.records import Records
from deployer_azureml.roles import permissions
from tests.conformance.azureml_bench import options_of
from tests.unit.azureml.living import new_name
from tests.unit.azureml.values import record as plain_record

if TYPE_CHECKING:
    from deployer.testing.azureml import Double

Fail = Callable[..., None]
BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"


def _records(double: Double, **options: Any) -> Records:
    return Records(Placing(Azure(options_of(double, **options))))


def _record(name: str, **fields: Any) -> Record:
    return plain_record(endpoint=name, **fields)


@pytest.fixture
def records(on_double: Double) -> Records:
    return _records(on_double)


@pytest.fixture
def name() -> str:
    return new_name()


def test_a_record_is_written_over_what_was_read_alone(records: Records, name: str) -> None:
    assert records.read(name) is None
    first = records.write(_record(name), None)
    assert records.read(name) == (_record(name), first)
    assert name in [*records.names()]
    second = records.write(_record(name), first)  # equal, and another version
    assert second != first
    for expected in (None, first):
        with pytest.raises(ClaimLost):
            records.write(_record(name), expected)
    with pytest.raises(ClaimLost):
        records.forget(name, first)
    records.forget(name, second)
    records.forget(name, second)  # it is gone already
    assert records.read(name) is None
    assert name not in [*records.names()]
    with pytest.raises(ClaimLost):
        records.write(_record(name), second)


def test_a_write_whose_answer_was_lost_is_known_by_its_word(records: Records, name: str, faults: Fail) -> None:
    faults("PutBlob", lost=True)
    with pytest.raises(TargetUnavailable) as caught:
        records.write(_record(name), None)
    assert caught.value.transient
    found = records.read(name)
    assert found is not None
    faults("PutBlob", error="InternalError", status=500, done=True)
    with pytest.raises(TargetUnavailable):
        records.write(_record(name, generation=2), found[1])
    again = records.read(name)
    assert again is not None
    assert again[0].generation == 2


def test_what_cannot_be_read_is_no_record_and_is_written_over(records: Records, name: str, on_double: Double) -> None:
    workspace = next(iter(on_double.world.workspaces.values()))
    blob = f"deployer/{workspace.name}/records/{name}.json"
    on_double.world.blobs.put(workspace.container, blob, b"\0damaged", 1.0, kind="x", metadata={})
    assert records.read(name) is None
    records.write(_record(name), None)
    assert records.read(name) is not None


def test_names_are_read_to_the_end_and_of_this_workspace_alone(
    records: Records, on_double: Double, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = sorted(new_name() for _ in range(5))
    for each in names:
        records.write(_record(each), None)
    other = Placing(Azure(options_of(on_double, prefix="other")))
    Records(other).write(_record(names[0]), None)
    blobs = vars(records)["_placing"].blobs
    monkeypatch.setattr(type(blobs), "listed", {**blobs.listed, "maxresults": "2"})
    assert [each for each in records.names() if each in names] == names


def test_a_store_that_is_not_there_is_told(on_double: Double, name: str) -> None:
    with pytest.raises(SpecError, match="there is no datastore absent") as caught:
        _records(on_double, store="absent").read(name)
    assert caught.value.where == "store"


def test_a_container_that_is_gone_is_told(records: Records, name: str, faults: Fail) -> None:
    faults("PutBlob", error="ContainerNotFound", status=404, message="The specified container does not exist.")
    with pytest.raises(SpecError, match="there is no container"):
        records.write(_record(name), None)


@pytest.fixture(params=["AccountKey", "Sas"])
def keyed(request: pytest.FixtureRequest, on_double: Double) -> Generator[Double]:
    """A double whose store gives out what opens it, and where who asks has no role on it."""
    from deployer.testing.azureml import Double, Durations, Options

    rights = [{**each, "dataActions": []} for each in permissions()]
    options = Options(durations=Durations(), credentials=request.param, rights=tuple(rights))
    with Double(options) as made:
        yield made
        assert made.world.trouble == []


def test_who_has_no_role_on_the_store_is_let_at_it_by_the_workspace(keyed: Double, name: str) -> None:
    records = _records(keyed)
    version = records.write(_record(name), None)
    assert records.read(name) == (_record(name), version)
    assert [*records.names()] == [name]
    with pytest.raises(ClaimLost):
        records.write(_record(name), None)
    records.forget(name, version)
    asked = [each.operation for each in keyed.world.journal.all()]
    assert asked.count("ListDatastoreSecrets") == 1
    assert keyed.tell("GET", "rights")["refused"] == [f"{BLOBS}/write"]  # asked by role once


def test_who_may_not_have_the_key_either_is_told_what_is_not_allowed(keyed: Double, name: str) -> None:
    less = [
        {**each, "actions": [action for action in each["actions"] if "listSecrets" not in action], "dataActions": []}
        for each in permissions()
    ]
    keyed.tell("PUT", "rights", less)
    with pytest.raises(TargetUnavailable, match=f"{BLOBS}/read is not allowed"):
        _records(keyed).read(name)
