"""The target fails: for a moment, for good, at each verb; and so may we."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.endpoint import Phase, Result
from deployer.errors import DeploymentFailed, TargetUnavailable
from deployer.testing.memory.place import Fault
from tests.unit.engine.place import Heard, Place, packaged, wish


@pytest.fixture
def made(place: Place, first: Path) -> Place:
    place.deployer().create(wish(first))
    return place


@pytest.mark.parametrize("kind", ["timeout", "throttled", "server-error", "lost"])
@pytest.mark.parametrize(
    "verb",
    ["now", "observe", "read_record", "write_record", "configure", "stage", "route", "retire", "invoke_revision"],
)
def test_what_passes_is_waited_for(made: Place, second: Path, verb: str, kind: str) -> None:
    ada = made.deployer(faults=[Fault(verb, kind, skip=1 if verb == "observe" else 0, times=2)])  # type: ignore[arg-type]
    assert ada.update("iris", model=str(second), labels={"a": "b"}).phase is Phase.HEALTHY
    assert made.record().history[0].result is Result.RELEASED
    ada = made.deployer(faults=[Fault("destroy", kind, times=2)])  # type: ignore[arg-type]
    ada.delete("iris")
    assert made.empty


@pytest.mark.parametrize("verb", ["configure", "stage", "route", "invoke_revision"])
def test_what_does_not_pass_is_taken_back(made: Place, second: Path, verb: str) -> None:
    before = made.record()
    ada = made.deployer(faults=[Fault(verb, "permission")])
    with pytest.raises(TargetUnavailable) as caught:
        ada.update("iris", model=str(second), labels={"a": "b"})
    assert caught.value.exit_code == 7
    after = made.record()
    assert (after.spec, after.traffic, after.releases, after.rollout) == (
        before.spec, before.traffic, before.releases, None,
    )  # fmt: skip
    assert made.live().traffic == before.traffic
    assert [each.id for each in made.live().revisions] == list(before.releases)
    assert after.history[0].result is Result.FAILED  # no verdict on the revision
    assert made.deployer().apply(wish(second)).phase is Phase.HEALTHY


@pytest.mark.parametrize("verb", ["configure", "stage", "route", "invoke_revision"])
def test_a_create_that_is_not_let_leaves_nothing(place: Place, first: Path, verb: str) -> None:
    with pytest.raises(TargetUnavailable):
        place.deployer(faults=[Fault(verb, "permission")]).create(wish(first))
    assert place.empty


def test_an_old_one_that_does_not_stop_is_no_failed_release(made: Place, second: Path) -> None:
    ada = made.deployer(faults=[Fault("retire", "permission")])
    with pytest.raises(TargetUnavailable):
        ada.update("iris", model=str(second))
    rollout = made.record().rollout
    assert rollout is not None
    assert made.live().traffic.share(rollout.revision) == 100
    assert made.deployer().update("iris", model=str(second)).phase is Phase.HEALTHY
    assert made.record().history[0].result is Result.RELEASED
    assert len(made.live().revisions) == 1


def test_the_target_goes_away_for_good_and_comes_back(made: Place, second: Path) -> None:
    ada = made.deployer()
    target = made.target(ada)
    heard = Heard()

    def away(verb: str, _count: int) -> None:
        if "stage" in target.asked and verb != "stage":
            raise TargetUnavailable("the network is down", transient=True)

    target.before = away
    began = made.clock.time
    with pytest.raises(TargetUnavailable) as caught:
        ada.update("iris", model=str(second), on_event=heard)
    assert made.clock.time - began >= 60.0
    assert "the same command goes on" in (caught.value.hint or "")
    assert any(each.event == "note" and "could not be taken back" in each.text for each in heard)
    assert made.record().rollout is not None
    target.before = lambda _verb, _count: None
    assert ada.update("iris", model=str(second)).phase is Phase.HEALTHY
    assert len(made.live().revisions) == 1


def test_restore_failed_when_the_old_one_cannot_come_back(made: Place, tmp_path: Path) -> None:
    ada = made.deployer()
    model = packaged(tmp_path / "new", weights="new")
    target = made.target(ada)

    def broken(verb: str, count: int) -> None:
        if verb == "stage" and count == 2:
            raise TargetUnavailable("no such permission", transient=False)

    target.before = broken
    with pytest.raises(DeploymentFailed) as caught:
        ada.update("iris", model=str(model), rollout={"strategy": "recreate"}, config={"behaviour": "load-fails"})
    assert type(caught.value).__name__ == "RestoreFailed"
    assert caught.value.exit_code == 11
    assert caught.value.diagnosis is not None
    target.before = lambda _verb, _count: None
    assert ada.rollback("iris").phase is Phase.HEALTHY
    assert made.record().spec["model"] != str(model)
    assert made.record().history[1].result is Result.UNDONE


def test_a_fault_of_our_own_is_taken_back_too(made: Place, second: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("deployer.engine.steps.question", broken)
    before = made.record()
    with pytest.raises(ZeroDivisionError):
        made.deployer().update("iris", model=str(second))
    assert made.live().traffic == before.traffic
    assert len(made.live().revisions) == 1
    assert made.record().history[0].detail.startswith("a fault of deployer's own: ZeroDivisionError")
