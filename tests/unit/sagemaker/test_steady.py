"""Looks while AWS is at work: as few calls as tell that nothing has happened, and all of them when something has."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from deployer.endpoint import Phase
from deployer.target import steady
from tests.unit.sagemaker.living import REVISION, ROLE, Living
from tests.unit.testing.looks import asked_by_a_look

if TYPE_CHECKING:
    from collections.abc import Callable

pytest.importorskip("moto", reason="moto is not installed: pip install 'moto[server]'")

pytestmark = pytest.mark.timeout(300)
GLIMPSE = Counter({"DescribeEndpoint": 2, "GetObject": 1})
"""The endpoint, the one that verifies, and the Record."""


@pytest.fixture
def creating(new_living: Callable[..., Living], monkeypatch: pytest.MonkeyPatch) -> Living:
    """One that is created for an hour, and that was looked at."""
    monkeypatch.setattr(steady, "LAG", 0.0)
    living = new_living()
    living.double.fault("CreateEndpoint", delay=3600)
    living.begin().stage()
    living.phase(REVISION, Phase.STARTING)
    asked_by_a_look(living)
    return living


def test_while_nothing_happens_little_is_asked(creating: Living) -> None:
    assert [asked_by_a_look(creating) for _ in range(3)] == [GLIMPSE] * 3
    assert creating.seen().find(REVISION) is not None


def test_a_change_of_ours_is_looked_at_whole(creating: Living) -> None:
    aws = creating.target._aws
    aws.ask("sagemaker", "DeleteModel", {"ModelName": _model(creating)})
    assert asked_by_a_look(creating)["ListModels"] == 1
    assert asked_by_a_look(creating) == GLIMPSE


def test_a_record_that_another_wrote_is_looked_at_whole(creating: Living) -> None:
    other = Living(creating.double, role=ROLE)
    stored = other.target.read_record(creating.name)
    assert stored is not None
    record, version = stored
    other.target.write_record(record.model_copy(update={"generation": record.generation + 1}), version)
    assert asked_by_a_look(creating)["ListModels"] == 1


def test_what_aws_has_done_is_looked_at_whole(creating: Living) -> None:
    creating.double.tell("POST", "status", {"name": creating.name, "status": "InService"})
    assert asked_by_a_look(creating)["ListEndpointConfigs"] == 1
    assert asked_by_a_look(creating)["ListEndpointConfigs"] == 1, "nothing is under way any more"


def test_what_listings_may_not_show_yet_is_looked_at_again(creating: Living, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steady, "LAG", 3600.0)
    creating.target._aws.ask("sagemaker", "DeleteModel", {"ModelName": _model(creating)})
    assert [asked_by_a_look(creating)["ListModels"] for _ in range(3)] == [1] * 3


def test_no_look_is_old(creating: Living, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steady, "STEADY", 0.0)
    assert asked_by_a_look(creating)["ListTags"] > 0


def _model(living: Living) -> str:
    facts = living.target._surveyor.survey(living.name)
    (model,) = facts.models
    return model.name
