"""Ctrl-C at every request, once and twice; ``--no-wait``, ``wait`` and ``--once``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deployer import Deployer
from deployer.endpoint import Phase, Result
from deployer.engine.outcome import Ending
from deployer.errors import Conflict, DeploymentFailed, InProgress, Interrupted, NotFound
from tests.unit.engine.place import InProcess, Place, packaged, wish


def _interrupt(target: InProcess, *requests: int, after: bool = False) -> None:
    """Press Ctrl-C at these requests, counted from now."""
    seen = 0

    def press(_verb: str, _count: int) -> None:
        nonlocal seen
        seen += 1
        if seen in requests:
            raise KeyboardInterrupt

    if after:
        target.after = press
    else:
        target.before = press


def _requests(place: Place, command: Callable[[Deployer], Any]) -> int:
    ada = place.copy().deployer()
    command(ada)
    return len(Place.target(ada).asked)


@pytest.fixture
def made(place: Place, first: Path) -> Place:
    """A place with an endpoint."""
    place.deployer().create(wish(first))
    return place


@pytest.mark.parametrize("after", [False, True])
def test_create_is_taken_back_or_holds(first: Path, after: bool) -> None:
    def command(ada: Deployer) -> Any:
        return ada.execute(ada.plan(wish(first), verb="create"))

    count = _requests(Place(), command)
    for at in range(1, count + 1):
        place = Place()
        ada = place.deployer()
        _interrupt(place.target(ada), at, after=after)
        with pytest.raises(KeyboardInterrupt) as caught:
            command(ada)
        if not isinstance(caught.value, Interrupted):
            assert place.empty  # while it was planned
        elif "was done" in caught.value.message:
            assert place.record().rollout is None
        elif place.empty:
            assert "nothing of iris is left" in caught.value.message or "nothing was changed" in caught.value.message
        else:
            assert place.record().rollout is not None, at
            assert place.record().rollout.moved, at  # type: ignore[union-attr]
            assert caught.value.hint == "deployer wait iris goes on, deployer delete iris removes it"
        assert place.deployer().create(wish(first)).phase is Phase.HEALTHY


@pytest.mark.parametrize("after", [False, True])
def test_update_is_taken_back_before_the_move_and_holds_after_it(made: Place, second: Path, after: bool) -> None:
    def command(ada: Deployer) -> Any:
        return ada.update("iris", model=str(second), labels={"a": "b"})

    before = made.record()
    for at in range(1, _requests(made, command) + 1):
        place = made.copy()
        ada = place.deployer()
        _interrupt(place.target(ada), at, after=after)
        with pytest.raises(KeyboardInterrupt) as caught:
            command(ada)
        record = place.record()
        if not isinstance(caught.value, Interrupted):
            assert record == before  # while it was planned
            continue
        assert record.claim is None
        if record.rollout is None and record.history[0].result is not Result.RELEASED:
            assert (record.spec, record.traffic, record.releases) == (before.spec, before.traffic, before.releases)
            assert [each.id for each in place.live().revisions] == list(before.releases)
            assert place.live().settings["labels"] == {}
            if "nothing was changed" not in caught.value.message:
                assert (record.history[0].result, record.history[0].exit_code) == (Result.UNDONE, 130)
                assert "serves what it served before" in caught.value.message
        elif record.rollout is not None:
            assert record.rollout.moved
            assert caught.value.hint == "deployer wait iris goes on, deployer rollback iris goes back"
            seen = place.deployer().get("iris")
            assert seen.phase is Phase.DEGRADED
            assert "unattended update" in seen.detail
            back, on = place.copy(), place.copy()
            assert back.deployer("bob@desk").rollback("iris").traffic == before.traffic
            assert back.record().history[1].result is Result.UNDONE
            assert on.deployer("bob@desk").wait("iris").traffic.served[0] not in before.releases
            assert on.record().history[0].result is Result.RELEASED


def test_a_second_interrupt_says_what_is_left(made: Place, second: Path) -> None:
    for then in range(1, 8):
        place = made.copy()
        ada = place.deployer()
        _interrupt(place.target(ada), 12, 12 + then)
        with pytest.raises(Interrupted) as caught:
            ada.update("iris", model=str(second))
        record = place.record()
        if record.rollout is not None:
            assert "and so was taking it back" in caught.value.message
            assert "deployer wait iris" in (caught.value.hint or "")
        place.target(ada).before = lambda _verb, _count: None
        assert ada.update("iris", model=str(second)).phase is Phase.HEALTHY  # the same process goes on at once


def test_an_interrupt_while_a_failure_is_taken_back(made: Place) -> None:
    ada = made.deployer()
    seen = []

    def press(verb: str, _count: int) -> None:
        seen.append(verb)
        if verb == "retire":
            raise KeyboardInterrupt

    made.target(ada).before = press
    with pytest.raises(Interrupted, match=r"failed .* and taking it back was interrupted"):
        ada.update("iris", config={"behaviour": "load-fails"})
    made.target(ada).before = lambda _verb, _count: None
    ada.rollback("iris")
    assert made.record().rollout is None


def test_delete_is_gone_on_with(made: Place) -> None:
    ada = made.deployer()

    def press(verb: str, _count: int) -> None:
        if verb == "destroy":
            raise KeyboardInterrupt

    made.target(ada).before = press
    with pytest.raises(Interrupted, match="the deletion of iris is not finished") as caught:
        ada.delete("iris")
    assert caught.value.hint == "deployer delete iris goes on with it"
    seen = made.deployer().get("iris")
    assert seen.phase is Phase.STOPPING
    assert seen.detail == "is being deleted, and nobody goes on with it: deployer delete iris"
    with pytest.raises(Conflict, match="is being deleted"):
        made.deployer().rollback("iris")
    with pytest.raises(NotFound):
        made.deployer().update("iris", replicas=2)
    made.deployer().delete("iris")
    assert made.empty


def test_an_interrupted_undo_is_gone_on_with_by_rollback(made: Place, second: Path) -> None:
    ada = made.deployer()
    ada.execute(ada.plan(wish(second), verb="update"), wait=False)
    staged = made.record().rollout.revision  # type: ignore[union-attr]

    def press(verb: str, _count: int) -> None:
        if verb == "retire":
            raise KeyboardInterrupt

    made.target(ada).before = press
    with pytest.raises(Interrupted, match="the rollback of iris is not finished"):
        ada.rollback("iris")
    assert made.record().rollout is not None
    made.target(ada).before = lambda _verb, _count: None
    ada.rollback("iris")
    assert made.record().rollout is None
    assert staged not in made.record().releases
    assert len([each for each in made.record().history if each.result is Result.UNDONE]) == 1


# --no-wait and wait


def test_no_wait_stages_and_is_pending(made: Place, second: Path) -> None:
    ada = made.deployer()
    traffic = made.live().traffic
    outcome = ada.execute(ada.plan(wish(second), verb="update"), wait=False)
    assert outcome.ending is Ending.PENDING
    assert made.live().traffic == traffic
    assert len(made.live().revisions) == 2
    assert made.record().rollout.detached  # type: ignore[union-attr]
    assert "is staged: deployer wait iris finishes it" in ada.get("iris").detail


def test_a_detached_roll_out_is_never_undone_for_it(made: Place, second: Path, third: Path) -> None:
    ada = made.deployer()
    ada.execute(ada.plan(wish(second), verb="update"), wait=False)
    with pytest.raises(Conflict, match="is under way, and nobody waits for it") as caught:
        ada.update("iris", model=str(third))
    assert "deployer wait iris" in (caught.value.hint or "")
    with pytest.raises(Conflict):
        ada.update("iris", replicas=2)
    # a `wait` that is interrupted, or killed, leaves it detached
    target = made.target(ada)

    def press(verb: str, _count: int) -> None:
        if verb == "invoke_revision":
            raise KeyboardInterrupt

    target.before = press
    with pytest.raises(Interrupted, match=r"holds with .* staged") as held:
        ada.wait("iris")
    assert "deployer wait iris goes on" in (held.value.hint or "")
    assert made.record().rollout.detached  # type: ignore[union-attr]
    assert len(made.live().revisions) == 2
    target.before = lambda _verb, _count: None
    assert ada.wait("iris").traffic.served == (made.live().revisions[0].id,)
    assert made.record().history[0].result is Result.RELEASED


def test_wait_ends_with_12_when_its_time_is_out_and_leaves_it(made: Place, first: Path) -> None:
    ada = made.deployer()
    slow = wish(first, config={"settle": {"start": "30s"}})
    ada.execute(ada.plan(slow, verb="update"), wait=False)
    with pytest.raises(InProgress) as caught:
        ada.wait("iris", timeout=5.0)
    assert caught.value.exit_code == 12
    assert made.record().rollout.detached  # type: ignore[union-attr]
    assert ada.wait("iris", timeout=60.0).phase is Phase.HEALTHY


def test_wait_still_fails_by_the_health_timeout(made: Place, first: Path) -> None:
    ada = made.deployer()
    never = wish(first, config={"behaviour": "never-ready"}, health={"timeout": "20s"})
    ada.execute(ada.plan(never, verb="update"), wait=False)
    traffic = made.live().traffic
    with pytest.raises(DeploymentFailed):
        ada.wait("iris", timeout=600.0)
    assert made.live().traffic == traffic
    assert made.record().rollout is None


def test_rollback_takes_a_staged_one_back(made: Place, second: Path) -> None:
    ada = made.deployer()
    before = made.record()
    ada.execute(ada.plan(wish(second, labels={"a": "b"}), verb="update"), wait=False)
    made.deployer("bob@desk").rollback("iris")
    after = made.record()
    assert (after.rollout, after.spec, after.releases) == (None, before.spec, before.releases)
    assert made.live().settings["labels"] == {}
    entry = after.history[0]
    assert (entry.result, entry.by, entry.verb) == (Result.UNDONE, "ada@laptop", "update")
    assert entry.detail == "interrupted; taken back by bob@desk"


def test_rollback_of_a_staged_create_removes_it(place: Place, ada: Deployer, first: Path) -> None:
    ada.execute(ada.plan(wish(first), verb="create"), wait=False)
    assert ada.execute(ada.plan_rollback("iris")).ending is Ending.DELETED
    assert place.empty


def test_no_wait_create_then_create_again_finishes_it(place: Place, ada: Deployer, first: Path, second: Path) -> None:
    assert ada.execute(ada.plan(wish(first), verb="create"), wait=False).ending is Ending.PENDING
    assert ada.get("iris").phase is Phase.PENDING
    with pytest.raises(Conflict):
        ada.create(wish(second))
    outcome = ada.execute(ada.plan(wish(first), verb="create"))
    assert outcome.ending is Ending.CREATED
    assert place.record().rollout is None


def test_no_wait_of_a_change_in_place_and_its_rollback(made: Place, first: Path) -> None:
    ada = made.deployer()
    revision = made.live().revisions[0].id
    assert ada.execute(ada.plan(wish(first, replicas=4), verb="update"), wait=False).ending is Ending.PENDING
    assert made.live().revisions[0].wanted == 4
    ada.rollback("iris")
    assert made.live().revisions[0].wanted == 1
    assert set(made.record().releases) == {revision}
    assert "replicas" not in made.record().spec


def test_a_retried_rejected_one_can_be_staged_and_waited_for(made: Place, first: Path) -> None:
    ada = made.deployer()
    late = wish(first, config={"behaviour": "never-ready"})
    with pytest.raises(DeploymentFailed):
        ada.apply(late, timeout=5.0)
    ada.execute(ada.plan(late, retry=True), wait=False)
    with pytest.raises(InProgress):
        ada.wait("iris", timeout=1.0)


# --once


def _driven(ada: Deployer, spec: Any, place: Place, *, every: float, most: int = 50) -> int:
    """Run ``apply --once`` by a timer until it is done; how many runs that took."""
    for count in range(1, most):
        try:
            ada.apply(spec, once=True)
        except InProgress:
            place.clock.sleep(every)
        else:
            return count
    raise AssertionError("it never ended")


def test_once_drives_a_roll_out_to_its_end(made: Place, second: Path) -> None:
    ada = made.deployer()
    spec = wish(second, config={"settle": {"start": "25s"}})
    assert _driven(ada, spec, made, every=10.0) == 4
    assert made.record().history[0].result is Result.RELEASED
    assert made.record().rollout is None


def test_once_counts_a_soak_from_run_to_run(made: Place, second: Path) -> None:
    ada = made.deployer()
    spec = wish(second, health={"soak": "60s"})
    assert 4 <= _driven(ada, spec, made, every=20.0) <= 6


def test_once_fails_when_the_time_of_all_runs_is_over(made: Place, second: Path) -> None:
    ada = made.deployer()
    traffic = made.live().traffic
    spec = wish(second, config={"behaviour": "never-ready"}, health={"timeout": "60s"})
    with pytest.raises(DeploymentFailed) as caught:
        _driven(ada, spec, made, every=20.0)
    assert caught.value.diagnosis.code == "PROBE_TIMEOUT"  # type: ignore[union-attr]
    assert made.live().traffic == traffic
    assert made.record().history[0].result is Result.REJECTED


def test_once_works_with_recreate(made: Place, second: Path) -> None:
    ada = made.deployer()
    spec = wish(second, rollout={"strategy": "recreate"}, config={"settle": {"start": "25s"}})
    _driven(ada, spec, made, every=10.0)
    assert made.live().phase is Phase.HEALTHY
    assert made.record().history[0].result is Result.RELEASED


def test_wait_from_elsewhere_when_the_model_is_gone(made: Place, tmp_path: Path) -> None:
    import shutil

    ada = made.deployer()
    model = packaged(tmp_path / "away", weights="9")
    ada.execute(ada.plan(wish(model), verb="update"), wait=False)
    shutil.rmtree(model)
    assert made.deployer("bob@desk").wait("iris").phase is Phase.HEALTHY
    assert made.record().history[0].detail.startswith("loaded, unverified: its example cannot be read here")
