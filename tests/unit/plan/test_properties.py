"""For any observation and any wish."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from deployer.endpoint import Observed, Result, Rollout
from deployer.errors import DeployerError
from deployer.plan import (
    Effect,
    Plan,
    Route,
    Undo,
    Verify,
    plan_release,
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
    released,
    serving,
    wish,
)

ABSENT = Observed()


NUMBERS = st.integers(1, 4)


@st.composite
def observations(draw: st.DrawFn) -> Observed:
    """Anything that can be found, possible or hardly so."""
    shape = draw(st.sampled_from(["absent", "lost", "settled", "amid", "record"]))
    if shape == "absent":
        return ABSENT
    served = draw(st.none() | NUMBERS)
    beside = draw(st.lists(NUMBERS, max_size=3, unique=True))
    endpoint = live(served, *(each for each in beside if each != served))
    if shape == "lost":
        return observed(None, endpoint)
    if shape == "amid":
        before = draw(st.none() | NUMBERS)
        moved = draw(st.booleans())
        fields: dict[str, Any] = draw(st.sampled_from([{}, {"replicas": 2}, {"rollout": {"strategy": "recreate"}}]))
        verb = "create" if before is None else draw(st.sampled_from(["update", "apply", "rollback"]))
        return amid(draw(NUMBERS), before, verb=verb, moved=moved, shown=draw(st.booleans()), **fields)
    there = record(draw(NUMBERS), *draw(st.lists(NUMBERS, max_size=3, unique=True)))
    return observed(there, endpoint if shape == "settled" else None)


@st.composite
def wishes(draw: st.DrawFn) -> Any:
    fields: dict[str, Any] = {}
    if draw(st.booleans()):
        fields["replicas"] = draw(st.integers(2, 3))
    if draw(st.booleans()):
        fields["rollout"] = {"strategy": "recreate"}
    if draw(st.booleans()):
        fields["history_limit"] = draw(st.integers(0, 4))
    if draw(st.booleans()):
        fields["labels"] = {"a": "b"}
    return wish(draw(NUMBERS), **fields)


@given(observations(), wishes())
def test_every_apply_reaches_its_wish(seen: Observed, wanted: Any) -> None:
    plan = plan_release("apply", wanted, seen, CONTEXT)
    assert plan == plan_release("apply", wanted, seen, CONTEXT)
    assert Plan.model_validate_json(plan.model_dump_json()) == plan
    reaches(plan, seen)
    verified = False
    for step in plan.steps:
        verified = verified or isinstance(step, Verify)
        moves = isinstance(step, Route) and step.traffic and not step.traffic.same_as(plan.before.traffic)
        assert verified or not moves, "traffic moves to what was not verified"


@given(observations())
def test_every_undo_leaves_what_was_served(seen: Observed) -> None:
    try:
        plan = plan_rollback(seen, CONTEXT, name="iris")
    except DeployerError:
        return
    if any(isinstance(step, Undo) for step in plan.steps) and plan.wish is None:
        world = World.of(seen).after(plan)
        assert world.served == World.of(seen).served


@given(st.lists(st.tuples(st.sampled_from(Result), NUMBERS), max_size=40), st.integers(0, 20))
def test_no_more_is_kept_than_wished(entries: Sequence[tuple[Result, int]], limit: int) -> None:
    from deployer.plan.keeping import kept_revisions

    history = tuple(released(number, float(at), result) for at, (result, number) in enumerate(entries))
    there = record(1, 2, 3, 4, history=history)
    kept = kept_revisions(there, wish(1, history_limit=limit))
    assert len(kept) <= limit
    assert name(1) not in kept
    assert kept <= {each.revision for each in history if each.result is Result.RELEASED}


def test_a_roll_out_is_named_in_what_a_plan_was_made_on() -> None:
    settled, under_way = serving(1).record, amid(2, 1).record
    assert settled is not None
    assert under_way is not None
    assert settled.standing != under_way.standing
    moved = under_way.model_copy(update={"rollout": Rollout(**{**dict(under_way.rollout or {}), "moved": True})})
    assert moved.standing != under_way.standing
    assert settled.model_copy(update={"created": 2.0}).standing != settled.standing


def test_effects() -> None:
    plan = plan_release("update", wish(1, replicas=3, health={"consecutive": 5}), serving(1), CONTEXT)
    assert {each.what: each.effect for each in plan.changes} == {
        "replicas": Effect.IN_PLACE, "health.consecutive": Effect.RECORD,
    }  # fmt: skip
