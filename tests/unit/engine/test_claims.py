"""Who may write: claims, those who come at the same moment, and those who are gone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deployer import Deployer
from deployer.endpoint import Claim, Holder, Observed, Phase, Record, Result
from deployer.engine import claiming
from deployer.engine.claiming import CLAIM_SECONDS, Hold, abandoned, busy, kept_alive
from deployer.engine.describe import describe
from deployer.engine.holder import actor, is_dead_here, this_process
from deployer.errors import ClaimLost, Conflict, DeploymentFailed, NotFound, TargetUnavailable
from deployer.plan import Plan
from deployer.testing.memory.place import Fault
from tests.unit.engine.place import InProcess, Place, wish

ELSEWHERE = Holder(by="eve@far", host="another-boot", pid=7, started="1")


def _hold(place: Place, *, holder: Holder = ELSEWHERE, seconds: float = 300.0, verb: str = "update") -> Claim:
    """Somebody takes the claim, and is working."""
    record, now = place.record(), place.clock.time
    claim = Claim(
        token="theirs", generation=record.generation + 1, holder=holder, verb=verb, since=now, expires=now + seconds
    )
    target = InProcess(place.store, place.clock)
    stored = target.read_record("iris")
    assert stored is not None
    target.write_record(record.model_copy(update={"generation": claim.generation, "claim": claim}), stored[1])
    return claim


def _let_go(place: Place) -> None:
    target = InProcess(place.store, place.clock)
    stored = target.read_record("iris")
    assert stored is not None
    target.write_record(stored[0].model_copy(update={"claim": None}), stored[1])


@pytest.fixture
def made(place: Place, first: Path) -> Place:
    place.deployer().create(wish(first))
    return place


def test_a_living_holder_elsewhere_is_named_with_since_when(made: Place) -> None:
    _hold(made)
    ada = made.deployer()
    for attempt in (lambda: ada.update("iris", replicas=2), lambda: ada.delete("iris")):
        with pytest.raises(Conflict) as caught:
            attempt()
        assert "eve@far (update, since 2023-11-14" in caught.value.message
        assert caught.value.hint == "--wait-lock waits for it; deployer status iris shows it"


def test_a_claim_that_began_after_the_plan_is_named_too(made: Place) -> None:
    ada = made.deployer()
    plan = ada.plan_update("iris", lambda recorded: wish(Path(recorded["model"]), replicas=2))
    _hold(made)
    with pytest.raises(Conflict, match="is being changed by eve@far"):
        ada.execute(plan)


def test_an_expired_claim_is_taken_over_by_the_targets_clock(made: Place) -> None:
    _hold(made, seconds=30.0)
    made.store.ahead = 31.0
    assert made.deployer().update("iris", replicas=2).phase is Phase.HEALTHY


def test_a_dead_holder_on_this_host_is_taken_over_at_once(made: Place) -> None:
    here = this_process("ada@laptop")
    _hold(made, holder=here.model_copy(update={"started": "0"}))
    assert made.deployer().update("iris", replicas=2).phase is Phase.HEALTHY
    _hold(made, holder=here.model_copy(update={"started": "0"}), verb="delete")
    made.deployer().delete("iris")
    assert made.empty


def test_this_process_takes_over_what_it_has_ended_itself(made: Place, second: Path) -> None:
    """In a notebook: the target went away in the middle, and is back."""
    ada = made.deployer()
    target = made.target(ada)

    def away(verb: str, _count: int) -> None:
        if verb in ("route", "configure", "retire", "write_record") and "route" in target.asked:
            raise TargetUnavailable("the network is down", transient=False)

    target.before = away
    with pytest.raises(DeploymentFailed, match="the way back failed"):
        ada.update("iris", model=str(second))
    assert made.record().claim is not None
    target.before = lambda _verb, _count: None
    assert ada.update("iris", model=str(second)).phase is Phase.HEALTHY


def test_what_counts_as_abandoned() -> None:
    here = this_process("x")
    claim = Claim(token="t", generation=1, holder=here, verb="v", since=0.0, expires=1e12)
    assert abandoned(claim)  # this process works under no such claim
    claiming._HELD_HERE.add("t")
    try:
        assert not abandoned(claim)
    finally:
        claiming._HELD_HERE.discard("t")
    assert not abandoned(claim.model_copy(update={"holder": ELSEWHERE}))
    unknown = here.model_copy(update={"started": "", "pid": 1})
    assert not is_dead_here(unknown)
    assert busy(None, lambda: 0.0) is None


def test_two_who_create_at_once(place: Place, first: Path, second: Path) -> None:
    """Both saw nothing there; the one that writes second hears who was first."""
    ada, bob = place.deployer(), place.deployer("bob@desk")
    plan = bob.plan(wish(second), verb="create")
    heard: list[str] = []

    def meanwhile(verb: str, count: int) -> None:
        if (verb, count) == ("write_record", 2) and not heard:
            heard.append(verb)
            with pytest.raises(Conflict, match=r"iris is being changed by ada@laptop \(create, since "):
                bob.execute(plan)

    place.target(ada).before = meanwhile
    made = ada.create(wish(first))
    assert heard
    assert made.phase is Phase.HEALTHY


def test_two_who_write_at_the_very_same_moment(place: Place, first: Path, second: Path) -> None:
    ada, bob = place.deployer(), place.deployer("bob@desk")
    begun: list[str] = []

    def meanwhile(verb: str, _count: int) -> None:
        if verb == "write_record" and not begun:
            begun.append(verb)
            ada.execute(ada.plan(wish(first), verb="create"), wait=False)

    place.target(bob).before = meanwhile
    with pytest.raises(Conflict, match="at the same moment; nothing was changed here"):
        bob.create(wish(second))
    assert [each.model for each in place.live().revisions] == [str(first)]


def test_wait_lock_waits_and_changes_only_what_was_asked(made: Place) -> None:
    """What the other one did meanwhile stays."""
    ada, bob = made.deployer(), made.deployer("bob@desk")
    waited: list[float] = []

    def meanwhile(verb: str, _count: int) -> None:
        if verb == "stage" and not waited:  # bob is in the midst of his; he goes on while ada sleeps
            waited.append(made.clock.time)
            plan = ada.plan_update("iris", lambda recorded: wish(Path(recorded["model"]), replicas=2))
            assert plan.before.spec is not None
            pending.append(plan)
            with pytest.raises(Conflict, match="is being changed by bob@desk"):
                ada.execute(plan)

    pending: list[Plan] = []
    made.target(bob).before = meanwhile
    bob.update("iris", labels={"team": "risk"}, env={"A": "B"})
    with pytest.raises(Conflict, match="was changed since this plan was made"):
        ada.execute(pending[0])
    _hold(made)
    made.clock.after(40.0, lambda: _let_go(made))
    began = made.clock.time
    ada.execute(pending[0], wait_lock=120.0)
    assert made.clock.time - began >= 40.0
    assert made.record().spec["labels"] == {"team": "risk"}
    assert made.record().spec["env"] == {"A": "B"}
    assert made.record().spec["replicas"] == 2


def test_wait_lock_runs_out(made: Place) -> None:
    _hold(made)
    ada, began = made.deployer(), made.clock.time
    with pytest.raises(Conflict, match="is being changed by eve@far"):
        ada.update("iris", replicas=2, conditions={"wait_lock": 20.0})
    assert 20.0 <= made.clock.time - began < 25.0


@pytest.mark.parametrize("verb", ["create", "rollback", "delete", "update"])
def test_wait_lock_never_removes_what_came_after_a_deletion(place: Place, first: Path, second: Path, verb: str) -> None:
    """Somebody deletes; we wait; meanwhile another one makes it anew."""
    ada, bob = place.deployer(), place.deployer("bob@desk")
    ada.create(wish(first))
    ada.update("iris", model=str(second))
    claim = _hold(place, verb="delete")
    record = place.record()
    plans = {
        "create": lambda: ada.plan(wish(first), verb="create"),
        "update": lambda: ada.plan_update("iris", lambda _recorded: wish(first, replicas=3)),
        "rollback": lambda: ada.plan_rollback("iris"),
        "delete": lambda: ada.plan_delete("iris"),
    }
    if verb == "create":
        from deployer.endpoint import Before, Rollout

        under_way = Rollout(verb="delete", revision="", by="eve", started=0.0, before=Before(spec=record.spec))
        target = InProcess(place.store, place.clock)
        stored = target.read_record("iris")
        assert stored is not None
        target.write_record(stored[0].model_copy(update={"rollout": under_way}), stored[1])
    plan = plans[verb]()

    def anew() -> None:
        state = place.store.state
        state.records.clear()
        state.endpoints.clear()
        bob.create(wish(first, labels={"by": "bob"}, env={"BY": "bob"}))

    place.clock.after(10.0, anew)
    assert claim.verb == "delete"
    if verb == "delete":
        ada.execute(plan, wait_lock=60.0)
        assert place.empty
        return
    if verb == "update":
        ada.execute(plan, wait_lock=60.0)
        assert place.record().spec["replicas"] == 3
    else:
        with pytest.raises((Conflict, NotFound)):
            ada.execute(plan, wait_lock=60.0)
    assert place.record().spec["labels"] == {"by": "bob"}
    assert place.live().phase is Phase.HEALTHY


def test_waiting_to_take_back_a_roll_out_that_is_over_by_then_is_a_conflict(made: Place, second: Path) -> None:
    ada = made.deployer()
    ada.execute(ada.plan(wish(second), verb="update"), wait=False)
    _hold(made)
    plan = ada.plan_rollback("iris")

    def done() -> None:
        target = InProcess(made.store, made.clock)
        stored = target.read_record("iris")
        assert stored is not None
        target.write_record(stored[0].model_copy(update={"claim": None, "generation": 99}), stored[1])

    made.clock.after(5.0, done)
    with pytest.raises(Conflict, match="was changed since this plan was made"):
        ada.execute(plan, wait_lock=60.0)
    assert made.live().phase is Phase.HEALTHY


def test_a_claim_that_is_lost_in_the_middle_changes_nothing_more(made: Place, second: Path) -> None:
    ada = made.deployer()
    target = made.target(ada)
    taken: list[int] = []

    def taken_over(verb: str, _count: int) -> None:
        if verb == "invoke_revision" and not taken:
            taken.append(len(target.asked))
            _hold(made)

    target.before = taken_over
    with pytest.raises(ClaimLost, match=r"was taken over by eve@far|written by somebody else"):
        ada.update("iris", model=str(second))
    after = target.asked[taken[0] :]
    assert not {"configure", "stage", "retire", "destroy"} & set(after)
    assert made.record().claim.token == "theirs"  # type: ignore[union-attr]


def test_the_claim_is_renewed_during_long_waits(made: Place, first: Path) -> None:
    """Nobody can take over while a revision needs ten minutes to start, and one to stop."""
    ada = made.deployer()
    target = made.target(ada)
    slow = {"settle": {"start": "400s", "stop": "100s"}}
    gaps: list[float] = []

    def look(_verb: str, _count: int) -> None:
        stored = made.store.state.records.get("iris")
        if stored and stored[1]["claim"]:
            gaps.append(stored[1]["claim"]["expires"] - made.clock.time)

    target.before = look
    ada.update("iris", config=slow)
    ada.update("iris", env={"A": "B"}, config={"settle": {"start": "1s"}})
    ada.delete("iris")
    assert min(gaps) > 0
    assert made.empty


def test_a_lost_answer_to_any_write_is_no_lost_claim(place: Place, first: Path, second: Path) -> None:
    for skip in range(6):
        there = place.copy()
        ada = there.deployer(faults=[Fault("write_record", "lost", skip=skip)])
        ada.create(wish(first))
        ada.update("iris", model=str(second))
        assert there.record().rollout is None


def test_the_heart_beats_during_long_work_and_tells_a_loss(made: Place) -> None:
    claim = _hold(made)
    target = InProcess(made.store, made.clock)
    stored = target.read_record("iris")
    assert stored is not None
    hold = Hold(target, made.clock, *stored)
    made.clock.time += 40.0
    with kept_alive(hold, every=0.01):
        while "write_record" not in target.asked:
            pass
    assert made.record().claim.expires == made.clock.time + CLAIM_SECONDS > claim.expires - 300  # type: ignore[union-attr]
    other = InProcess(made.store, made.clock)
    again = other.read_record("iris")
    assert again is not None
    other.write_record(again[0], again[1])
    count = target.asked.count("write_record")

    def work() -> None:
        with kept_alive(hold, every=0.01):
            while target.asked.count("write_record") == count:
                pass

    with pytest.raises(ClaimLost):
        work()


def test_the_listener_that_raises_changes_nothing(made: Place, second: Path) -> None:
    def broken(_event: object) -> None:
        raise ValueError("cannot render")

    assert made.deployer().update("iris", model=str(second), on_event=broken).phase is Phase.HEALTHY


def test_a_roll_out_whose_holder_has_expired_elsewhere_is_unattended(made: Place, second: Path) -> None:
    ada = made.deployer()
    ada.execute(ada.plan(wish(second), verb="update"), wait=False)
    record = made.record()
    rollout = record.rollout.model_copy(update={"detached": False})  # type: ignore[union-attr]
    claim = Claim(token="t", generation=3, holder=ELSEWHERE, verb="update", since=0.0, expires=100.0)
    seen = Observed(endpoint=made.live(), record=record.model_copy(update={"rollout": rollout, "claim": claim}))
    busy_still = describe(seen, "memory", lambda: 50.0)
    over = describe(seen, "memory", lambda: 150.0)
    assert busy_still is not None
    assert over is not None
    assert "under way by eve@far" in busy_still.detail
    assert "unattended update" in over.detail
    assert (busy_still.phase, over.phase) == (Phase.HEALTHY, Phase.DEGRADED)


def test_names_of_those_who_write() -> None:
    assert actor({"DEPLOYER_BY": "ci@release"}) == "ci@release"
    assert actor({"GITHUB_ACTIONS": "true", "GITHUB_ACTOR": "ada", "GITHUB_WORKFLOW": "release"}) == "ada@release"
    assert actor({"GITLAB_CI": "1", "GITLAB_USER_LOGIN": "ada", "CI_JOB_NAME": "deploy"}) == "ada@deploy"
    assert actor({"CI": "true", "BUILD_TAG": "b7"}) == "ci@b7"
    assert "@" in actor({"CI": "false"})
    mine = this_process("x")
    assert mine.pid == os.getpid()
    assert not is_dead_here(mine)
    if mine.started:
        assert is_dead_here(mine.model_copy(update={"started": "0"}))


def test_a_record_never_forgets_that_a_kept_one_was_released(made: Place, ada: Deployer) -> None:
    record: Record = made.record()
    kept = record.history[0]
    for count in range(40):
        record = record.with_history(kept.model_copy(update={"result": Result.CHANGED, "at": float(count)}))
    assert len(record.history) == 20
    assert record.released(kept.revision)
    assert record.history[-1] == kept
