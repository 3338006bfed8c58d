"""The Python API, where it is more than the engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer import Deployer, DeploymentSpec
from deployer.endpoint import Phase
from deployer.errors import NotFound, SpecError, TargetUnavailable
from deployer.settings import NamedTarget, Settings
from deployer.target import Request
from tests.unit.engine.place import InProcess, Place, packaged, wish


@pytest.fixture
def place() -> Place:
    return Place()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return packaged(tmp_path / "model")


def test_update_merges_into_the_recorded_wish(place: Place, model: Path) -> None:
    ada = place.deployer()
    ada.create(wish(model, env={"A": "1", "B": "2"}, replicas=2))
    ada.update("iris", {"env": {"B": "3"}}, labels={"team": "risk"})
    assert place.record().spec == {
        "name": "iris", "model": str(model), "target": "memory", "env": {"A": "1", "B": "3"}, "replicas": 2,
        "labels": {"team": "risk"},
    }  # fmt: skip


def test_apply_replaces_it(place: Place, model: Path) -> None:
    ada = place.deployer()
    ada.create(wish(model, env={"A": "1"}, replicas=2))
    ada.apply(wish(model, labels={"team": "risk"}))
    assert place.record().spec == {
        "name": "iris", "model": str(model), "target": "memory", "labels": {"team": "risk"},
    }  # fmt: skip


def test_a_wish_that_cannot_be_met_is_an_error_of_the_plan(place: Place, model: Path) -> None:
    with pytest.raises(SpecError, match="rolling and recreate are") as caught:
        place.deployer().plan(wish(model, rollout={"strategy": "canary"}, gate={"x": 1}))
    assert caught.value.where == "rollout.strategy"
    assert "\ngate: gates are not in this version" in caught.value.message
    assert place.empty


def test_looking(place: Place, model: Path) -> None:
    ada = place.deployer()
    with pytest.raises(NotFound) as caught:
        ada.get("iris")
    assert caught.value.hint == "deployer list"
    ada.create(wish(model))
    with pytest.raises(NotFound) as near:
        ada.get("irs")
    assert near.value.hint == "did you mean iris? deployer status iris"
    assert ada.get("iris").phase is Phase.HEALTHY
    assert [each.verb for each in ada.history("iris")] == ["create"]
    assert [each.text for each in ada.logs("iris")][-1] == "ready"
    assert ada.wait("iris").phase is Phase.HEALTHY
    place.store._place_put_foreign("other", {})
    assert [each.name for each in ada.list(target="memory").endpoints] == ["iris"]
    assert [each.name for each in ada.list(target="memory", everything=True).endpoints] == ["iris", "other"]
    assert all(check.ok for check in ada.doctor("memory")["memory"])


def test_why_a_revision_is_not_well_is_in_its_status(place: Place, model: Path) -> None:
    ada = place.deployer()
    spec = wish(model, config={"behaviour": "crashes-later", "settle": {"crash": "5s"}})
    revision = ada.create(spec).traffic.served[0]
    place.clock.sleep(60.0)
    status = ada.status("iris")
    assert status.endpoint.phase is Phase.FAILED
    assert status.diagnoses[revision].code == "CRASH_LOOP"


def test_an_endpoint_can_be_asked(place: Place, model: Path) -> None:
    ada = place.deployer()
    made = ada.create(wish(model))
    answer = ada.invoke("iris", Request(body=b'{"inputs": [[1]]}'))
    assert (answer.status, answer.revision) == (200, made.traffic.served[0])


def test_a_target_that_cannot_be_reached_is_a_line_in_the_list(place: Place, model: Path) -> None:
    ada = place.deployer()
    ada.create(wish(model))
    away = InProcess(place.store, place.clock)

    def down(_verb: str, _count: int) -> None:
        raise TargetUnavailable("the network is down", where="https://k8s")

    away.before = down
    settings = Settings(
        default_target="memory",
        targets={each: NamedTarget(name=each, kind="memory") for each in ("memory", "staging")},
    )
    bob = Deployer(settings=settings, registry=ada.registry, by="bob", clock=place.clock)
    bob._targets.update({"memory": ada._targets["memory"], "staging": away})
    found = bob.list()
    assert "iris" in [each.name for each in found.endpoints]
    assert [(each.target, each.reason) for each in found.unreachable if each.target == "staging"] == [
        ("staging", "https://k8s: the network is down")
    ]


def test_gc_and_check(place: Place, model: Path) -> None:
    ada = place.deployer()
    ada.create(wish(model))
    assert ada.gc("memory") == ()
    assert ada.check(str(model)).python == "3.11"


def test_the_spec_is_checked_when_it_is_made() -> None:
    with pytest.raises(ValueError, match="is not a name"):
        DeploymentSpec(name="I", model="m")
