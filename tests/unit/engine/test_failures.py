"""The target fails: for a moment, for good, at each verb; and so may we."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from deployer.endpoint import Claim, Code, Diagnosis, Endpoint, Phase, Result, Traffic
from deployer.errors import DeploymentFailed, TargetUnavailable
from deployer.target import Pace
from deployer.testing.memory import kind as memory
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


def test_a_move_that_the_target_takes_back_is_not_waited_for(
    made: Place, second: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As SageMaker does: a while after it was asked, it is as if nothing had been asked."""
    before, ada = made.record(), made.deployer()
    target, began = made.target(ada), made.clock.now()
    route, observe, asked = target.route, target.observe, list[Traffic]()
    why = Diagnosis(code=Code.SILENT_ROLLBACK, summary="the target took the update back: an alarm rang")

    def routed(endpoint: str, traffic: Traffic, claim: Claim) -> None:
        asked.append(traffic)
        if len(asked) > 1:
            route(endpoint, traffic, claim)

    def observed(endpoint: str) -> Endpoint | None:
        found = observe(endpoint)
        if found is None or len(asked) != 1:
            return found
        fell = {"phase": Phase.FAILED, "detail": "taken back"}
        seen = [each.model_copy(update=fell) if asked[0].share(each.id) else each for each in found.revisions]
        return found.model_copy(update={"revisions": tuple(seen)})

    monkeypatch.setattr(target, "route", routed)
    monkeypatch.setattr(target, "observe", observed)
    monkeypatch.setattr(target, "diagnose", lambda _endpoint, _revision: why)
    with pytest.raises(DeploymentFailed) as caught:
        ada.update("iris", model=str(second))
    assert caught.value.diagnosis is not None
    assert caught.value.diagnosis.code is Code.SILENT_ROLLBACK
    assert caught.value.how == "taken back"
    assert made.clock.now() - began < 60
    assert made.live().traffic == before.traffic
    assert [each.id for each in made.live().revisions] == [*before.traffic.served]
    entry = made.record().history[0]
    assert (entry.result, entry.diagnosis) == (Result.REJECTED, caught.value.diagnosis)


def test_a_target_is_given_the_time_that_it_takes(made: Place, second: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = made.deployer()
    kind = dataclasses.replace(memory, pace=lambda spec: Pace(settle=5.0 if spec is not None else 1.0))
    monkeypatch.setattr(ada, "_kind", lambda _target: kind)
    target = made.target(ada)
    route, moved = target.route, list[float]()

    def routed(endpoint: str, traffic: Traffic, claim: Claim) -> None:
        moved.append(made.clock.now())
        if len(moved) > 1:
            route(endpoint, traffic, claim)

    monkeypatch.setattr(target, "route", routed)
    with pytest.raises(TargetUnavailable, match=r"did not move to .* within 5 s"):
        ada.update("iris", model=str(second))
    assert 5 <= moved[1] - moved[0] < 10


@pytest.mark.parametrize("again", ["the same", "another", "rollback"])
def test_a_failed_revision_is_kept_where_that_is_asked_for(made: Place, second: Path, third: Path, again: str) -> None:
    before, ada = made.record(), made.deployer()
    bad = wish(second, config={"behaviour": "load-fails"})
    with pytest.raises(DeploymentFailed):
        ada.execute(ada.plan(bad, verb="update"), keep_failed=True)
    kept = next(each.id for each in made.live().revisions if each.id not in before.releases)
    assert made.live().traffic == before.traffic
    assert made.record().rollout is not None
    assert made.record().claim is None
    assert made.record().history[0].revision == kept
    if again == "the same":
        with pytest.raises(DeploymentFailed):
            ada.update("iris", model=str(second), config={"behaviour": "load-fails"})
    elif again == "another":
        ada.update("iris", model=str(third))
    else:
        ada.rollback("iris")
    assert kept not in [each.id for each in made.live().revisions]
    assert made.record().rollout is None
    assert len(made.live().revisions) == 1


def test_a_failed_create_is_kept_where_that_is_asked_for(place: Place, first: Path) -> None:
    ada = place.deployer()
    with pytest.raises(DeploymentFailed):
        ada.execute(ada.plan(wish(first, config={"behaviour": "load-fails"}), verb="create"), keep_failed=True)
    assert [each.phase for each in place.live().revisions] == [Phase.FAILED]
    ada.delete("iris")
    assert place.empty
