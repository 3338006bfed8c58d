"""Looks while Azure is at work: as few calls as tell that nothing has happened, and all of them when something has."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from deployer.endpoint import Phase
from deployer.target import steady
from deployer_azureml.client import CHANGES
from tests.unit.azureml.living import REVISION, Living
from tests.unit.testing.looks import asked_by_a_look

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.timeout(300)
GLIMPSE = Counter(["GetEndpoint", "ListDeployments", "GetBlob"])
"""The endpoint, what it runs, and the Record."""
WHOLE = GLIMPSE + Counter(["ListAssets", "ListAutoscale"])


@pytest.fixture
def starting(new_living: Callable[..., Living], monkeypatch: pytest.MonkeyPatch) -> Living:
    """One whose deployment is made for as long as one waits, and that was looked at."""
    monkeypatch.setattr(steady, "LAG", 0.0)
    living = new_living()
    living.double.fault("PutDeployment", outcome="Stuck")
    living.begin().stage()
    living.phase(REVISION, Phase.STARTING)
    asked_by_a_look(living)
    return living


def test_while_nothing_happens_little_is_asked(starting: Living) -> None:
    assert [asked_by_a_look(starting) for _ in range(3)] == [GLIMPSE] * 3


def test_a_change_of_ours_is_looked_at_whole(starting: Living) -> None:
    before = CHANGES.look().changes
    starting.ask("DELETE", "onlineEndpoints/not-there")
    assert CHANGES.look().changes == before + 2
    assert asked_by_a_look(starting) == WHOLE
    assert asked_by_a_look(starting) == GLIMPSE


def test_a_record_that_is_another_is_looked_at_whole(starting: Living) -> None:
    record = starting.target.read_record(starting.name)
    assert record is not None
    starting.target.write_record(*record)
    assert asked_by_a_look(starting) == WHOLE
    assert asked_by_a_look(starting) == GLIMPSE


def test_what_azure_has_done_is_looked_at_whole(starting: Living) -> None:
    starting.workspace.endpoints[starting.name].deployments[REVISION].become("Updating", 1.0)
    assert asked_by_a_look(starting) == WHOLE


def test_no_look_is_old(starting: Living, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steady, "STEADY", 0.0)
    assert asked_by_a_look(starting) == WHOLE
