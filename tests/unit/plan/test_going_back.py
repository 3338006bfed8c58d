"""Rollback, resume and delete in each situation."""

from __future__ import annotations

import pytest

from deployer.endpoint import Observed
from deployer.errors import Conflict, DeployerError, NotFound
from deployer.plan import (
    Context,
    Plan,
    plan_delete,
    plan_resume,
    plan_rollback,
)
from tests.unit.plan.situations import (
    CONTEXT,
    World,
    amid,
    live,
    name,
    observed,
    reaches,
    record,
    release,
    serving,
    spec,
    steps_of,
)

ABSENT = Observed()
NEW = "deliver 2, stage 2, verify 2, route 2, retire 1 keep"

# Rollback


ROLLBACKS: dict[str, tuple[Observed, str | None, str]] = {
    "to the one before": (serving(2, 1), None, "deliver 1, stage 1, verify 1, route 1, retire 2 keep"),
    "to a named one": (
        serving(3, 2, 1), name(1), "deliver 1, stage 1, verify 1, route 1, retire 3 keep",
    ),
    "to what is served": (serving(1, 2), name(1), ""),
    "of an update before the move": (amid(2, 1), None, "undo 2"),
    "of a detached update": (amid(2, 1, detached=True), None, "undo 2"),
    "of a create before the move": (amid(1, None, verb="create"), None, "destroy"),
    "of an update after the move": (
        amid(2, 1, moved=True), None, "deliver 1, stage 1, verify 1, configure, route 1, retire 2 forget",
    ),
    "of a change in place": (amid(1, 1, replicas=3), None, "undo 1"),
    "to a named one amid an update": (
        amid(2, 1), name(1), "undo 2",
    ),
    "of a rollback before the move": (
        amid(2, 1, verb="rollback"), None, NEW,
    ),
    "of a rollback after the move": (
        amid(2, 1, verb="rollback", moved=True), None,
        "deliver 2, stage 2, verify 2, configure, route 2, retire 1 keep",
    ),
}  # fmt: skip


@pytest.mark.parametrize("situation", ROLLBACKS)
def test_rollback(situation: str) -> None:
    seen, to, steps = ROLLBACKS[situation]
    plan = plan_rollback(seen, CONTEXT, name="iris", to=to)
    assert (plan.verb, steps_of(plan)) == ("rollback", steps)
    assert Plan.model_validate_json(plan.model_dump_json()) == plan
    if plan.wish is not None:
        reaches(plan, seen)
    elif steps != "destroy":
        world = World.of(seen).after(plan)
        assert dict(world.traffic) == dict(plan.before.traffic.items())
        assert world.running == set(plan.before.traffic.served)


def test_an_undo_takes_away_what_was_left_before_it_too() -> None:
    seen = amid(2, 1)
    left = observed(seen.record, live(1, 2, 4))
    assert steps_of(plan_rollback(left, CONTEXT, name="iris")) == "retire 4 forget, undo 2"


@pytest.mark.parametrize(
    ("seen", "to", "kind", "words"),
    [
        (ABSENT, None, NotFound, "there is no endpoint"),
        (serving(1), None, NotFound, "no earlier revision"),
        (serving(1, 2), name(9), NotFound, "keeps no revision r9999999"),
        (observed(None, live(1)), None, NotFound, "record of iris is lost"),
        (amid(1, 1, verb="delete"), None, Conflict, "is being deleted"),
        (amid(1, None, verb="create", moved=True), None, NotFound, "no earlier revision"),
        (amid(2, 1, detached=True), name(3), NotFound, "keeps no revision"),
        (serving(1, owner="risk"), None, Conflict, "belongs to"),
        (observed(None, live(1, managed=False)), None, Conflict, "did not make"),
    ],
)  # fmt: skip
def test_no_rollback(seen: Observed, to: str | None, kind: type[DeployerError], words: str) -> None:
    with pytest.raises(kind, match=words) as caught:
        plan_rollback(seen, CONTEXT, name="iris", to=to)
    assert caught.value.hint


def test_rollback_is_exact() -> None:
    """The same lock, runtime, numbers of secrets and options; the endpoint's own fields stay as they are."""
    then = spec(1, env={"LEVEL": "1"}, replicas=1, config={"port": 1, "threads": 2}, network={"egress": "internet"})
    old = release(1, lock="old==1\n", secrets={"TOKEN": 1}).model_copy(update={"spec": then, "runtime": "o" * 64})
    now = spec(2, replicas=4, labels={"a": "b"}, config={"port": 9, "threads": 8}, env={"NEW": "x"})
    there = record(2, 1)
    there = there.model_copy(
        update={"spec": now, "releases": {**there.releases, name(1): old}, "locks": {"old==1\n": "old==1\n"}}
    )  # fmt: skip
    from deployer.spec import Scope

    context = Context(target="local", scopes={"port": Scope.ENDPOINT, "threads": Scope.REVISION})
    plan = plan_rollback(observed(there, live(2)), context, name="iris")
    assert plan.wish is not None
    assert plan.wish.release == old
    assert plan.wish.lock == "old==1\n"
    assert plan.wish.spec == spec(
        1, env={"LEVEL": "1"}, replicas=4, labels={"a": "b"}, config={"port": 9, "threads": 2},
        network={"egress": "internet"},
    )  # fmt: skip


# Resume and delete


def test_resume() -> None:
    assert plan_resume(serving(1), CONTEXT, name="iris") is None
    with pytest.raises(NotFound):
        plan_resume(ABSENT, CONTEXT, name="iris")
    deletion = plan_resume(amid(1, 1, verb="delete"), CONTEXT, name="iris")
    assert deletion is not None
    assert (deletion.verb, deletion.resumed, deletion.continues) == ("delete", True, True)
    for seen in (amid(2, 1), amid(2, 1, moved=True), amid(2, 1, detached=True), amid(1, None, verb="create")):
        plan = plan_resume(seen, CONTEXT, name="iris")
        assert plan is not None
        assert (plan.continues, plan.resumed) == (True, True)
        reaches(plan, seen)
    torn = amid(2, 1).record
    assert torn is not None
    torn = torn.model_copy(update={"releases": {}})
    with pytest.raises(NotFound, match="does not tell what r2222222 is"):
        plan_resume(observed(torn, live(1)), CONTEXT, name="iris")


@pytest.mark.parametrize(
    "seen",
    [
        serving(1, 2), observed(record(1), None), observed(None, live(1)), amid(2, 1), amid(2, 1, moved=True),
        amid(1, None, verb="create"), amid(1, 1, verb="delete"), observed(record(1), live(None, managed=False)),
    ],
)  # fmt: skip
def test_delete(seen: Observed) -> None:
    plan = plan_delete(seen, CONTEXT, name="iris")
    assert (steps_of(plan), plan.downtime) == ("destroy", True)
    assert World.of(seen).after(plan) == World()
    assert Plan.model_validate_json(plan.model_dump_json()) == plan


def test_delete_of_what_is_not_ours() -> None:
    with pytest.raises(NotFound):
        plan_delete(ABSENT, CONTEXT, name="iris")
    for seen in (observed(None, live(1, managed=False)), serving(1, owner="risk")):
        with pytest.raises(Conflict):
            plan_delete(seen, CONTEXT, name="iris")
