"""Each situation, and what is done in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from deployer.endpoint import Before, Endpoint, Observed, Phase, Result, Traffic
from deployer.errors import Conflict, DeployerError, NotFound
from deployer.plan import (
    Context,
    Effect,
    Outlook,
    Plan,
    Route,
    plan_release,
    plan_resume,
    plan_rollback,
)
from deployer.spec import DeploymentSpec
from tests.unit.plan.situations import (
    CONTEXT,
    amid,
    live,
    name,
    observed,
    reaches,
    record,
    released,
    runs,
    serving,
    spec,
    steps_of,
    wish,
)

ABSENT = Observed()

NEW = "deliver 2, stage 2, verify 2, route 2, retire 1 keep"
RELEASES: dict[str, tuple[str, Any, Observed, str]] = {
    "absent, create": ("create", wish(1), ABSENT, "deliver 1, configure, stage 1, verify 1, route 1"),
    "absent, apply": ("apply", wish(1), ABSENT, "deliver 1, configure, stage 1, verify 1, route 1"),
    "unchanged": ("apply", wish(1), serving(1), ""),
    "unchanged, create": ("create", wish(1), serving(1), ""),
    "replicas": ("update", wish(1, replicas=3), serving(1), "stage 1, verify 1"),
    "labels": ("update", wish(1, labels={"team": "risk"}), serving(1), "configure"),
    "both": ("update", wish(1, replicas=3, labels={"a": "b"}), serving(1), "configure, stage 1, verify 1"),
    "history_limit": ("update", wish(1, history_limit=1), serving(1, 2, 3), "configure, retire 3 forget"),
    "history_limit 0": (
        "update", wish(1, history_limit=0), serving(1, 2, 3), "configure, retire 2 forget, retire 3 forget",
    ),
    "client fields only": ("update", wish(1, health={"consecutive": 5}), serving(1), ""),
    "new model": ("update", wish(2), serving(1), NEW),
    "new model, and labels": (
        "update", wish(2, labels={"a": "b"}), serving(1),
        "deliver 2, stage 2, verify 2, configure, route 2, retire 1 keep",
    ),
    "new model, nothing kept": (
        "update", wish(2, history_limit=0), serving(1, 3),
        "deliver 2, stage 2, verify 2, configure, route 2, retire 1 forget, retire 3 forget",
    ),
    "new model, the oldest kept goes": (
        "update", wish(2, history_limit=2), serving(1, 3, 4),
        "deliver 2, stage 2, verify 2, configure, route 2, retire 1 keep, retire 4 forget",
    ),
    "recreate": (
        "update", wish(2, rollout={"strategy": "recreate"}), serving(1),
        "deliver 2, route nothing, retire 1 keep, stage 2, verify 2, route 2, retire 1 keep",
    ),
    "killed before the record was there": (
        "create", wish(1), observed(None, live(None, phase=Phase.PENDING)),
        "deliver 1, configure, stage 1, verify 1, route 1",
    ),
    "record lost, the same runs": (
        "apply", wish(1), observed(None, live(1)), "configure, stage 1, verify 1",
    ),
    "record lost, another one runs": (
        "apply", wish(2), observed(None, live(1)),
        "deliver 2, stage 2, verify 2, configure, route 2, retire 1 keep",
    ),
    "traffic drift": (
        "apply", wish(1), observed(record(1), live(2, 1)),
        "configure, stage 1, verify 1, route 1, retire 2 forget",
    ),
    "nothing runs": (
        "apply", wish(1), observed(record(1), live(None)), "deliver 1, configure, stage 1, verify 1, route 1",
    ),
    "only the record is there": (
        "apply", wish(1), observed(record(1), None), "deliver 1, configure, stage 1, verify 1, route 1",
    ),
    "a replica is missing": (
        "apply", wish(1), observed(record(1), live(1, phase=Phase.DEGRADED, revisions=(runs(1, wanted=2),))),
        "configure, stage 1, verify 1",
    ),
    "one too many runs": (
        "apply", wish(1), observed(record(1), live(1, 4)), "configure, stage 1, verify 1, retire 4 forget",
    ),
    "a setting was changed by hand": (
        "apply", wish(1, labels={"a": "b"}),
        observed(record(1, spec=spec(1, labels={"a": "b"})), live(1, settings={"labels": {}})),
        "configure, stage 1, verify 1",
    ),
    "half-made, the same": (
        "create", wish(1), amid(1, None, verb="create"), "deliver 1, configure, stage 1, verify 1, route 1",
    ),
    "half-made, another": (
        "create", wish(2), amid(1, None, verb="create"),
        "undo 1, deliver 2, configure, stage 2, verify 2, route 2",
    ),
    "half-made and detached, the same": (
        "create", wish(1), amid(1, None, verb="create", detached=True),
        "deliver 1, configure, stage 1, verify 1, route 1",
    ),
    "update killed before the move, the same": ("update", wish(2), amid(2, 1), NEW),
    "update killed before the move, another": (
        "update", wish(3), amid(2, 1), "undo 2, deliver 3, stage 3, verify 3, route 3, retire 1 keep",
    ),
    "update killed before the move, back to the old": ("apply", wish(1), amid(2, 1), "undo 2"),
    "update killed after the move, the same": (
        "update", wish(2), amid(2, 1, moved=True),
        "deliver 2, stage 2, verify 2, configure, route 2, retire 1 keep",
    ),
    "update killed after the move, another": (
        "update", wish(3), amid(2, 1, moved=True),
        "deliver 3, stage 3, verify 3, configure, route 3, retire 1 keep, retire 2 forget",
    ),
    "change in place killed, the same": (
        "update", wish(1, replicas=3), amid(1, 1, replicas=3), "stage 1, verify 1, route 1",
    ),
    "change in place killed, a new model": (
        "update", wish(2), amid(1, 1, replicas=3),
        "undo 1, deliver 2, stage 2, verify 2, route 2, retire 1 keep",
    ),
    "half-deleted, create": (
        "create", wish(1), amid(1, 1, verb="delete"), "destroy, deliver 1, configure, stage 1, verify 1, route 1",
    ),
    "being removed after a failed create": (
        "create", wish(1), observed(amid(1, None, verb="create").record, live(None, phase=Phase.STOPPING)),
        "destroy, deliver 1, configure, stage 1, verify 1, route 1",
    ),
}  # fmt: skip


@pytest.mark.parametrize("situation", RELEASES)
def test_what_is_done(situation: str) -> None:
    verb, wanted, seen, steps = RELEASES[situation]
    plan = plan_release(verb, wanted, seen, CONTEXT)
    assert steps_of(plan) == steps
    nothing = situation in ("unchanged", "unchanged, create")
    assert plan.outlook is (Outlook.UNCHANGED if nothing else Outlook.CHANGES)
    assert plan == plan_release(verb, wanted, seen, CONTEXT)
    assert Plan.model_validate_json(plan.model_dump_json()) == plan
    reaches(plan, seen)


REFUSED: dict[str, tuple[str, Any, Observed, type[DeployerError], str]] = {
    "update of nothing": ("update", wish(1), ABSENT, NotFound, "there is no endpoint iris on local"),
    "update of what has no record and runs nothing": (
        "update", wish(1), observed(None, live(None, phase=Phase.PENDING)), NotFound, "there is no endpoint",
    ),
    "update of a half-made one": (
        "update", wish(2), amid(1, None, verb="create"), NotFound, "a create of it was interrupted",
    ),
    "update of a half-deleted one": ("update", wish(1), amid(1, 1, verb="delete"), NotFound, "there is no endpoint"),
    "create of another": ("create", wish(2), serving(1), Conflict, "is there already"),
    "create with other fields": ("create", wish(1, replicas=2), serving(1), Conflict, r"\(replicas differ\)"),
    "create over a lost record of another": ("create", wish(2), observed(None, live(1)), Conflict, "already"),
    "create over one that holds": (
        "create", wish(2), amid(1, None, verb="create", moved=True), Conflict, "is there already",
    ),
    "detached, another": ("update", wish(3), amid(2, 1, detached=True), Conflict, "nobody waits for it"),
    "detached create, another": (
        "create", wish(2), amid(1, None, verb="create", detached=True), Conflict, "nobody waits for it",
    ),
    "foreign": ("apply", wish(1), observed(None, live(1, managed=False)), Conflict, "did not make"),
    "foreign beside our record": (
        "apply", wish(1), observed(record(1), live(None, managed=False)), Conflict, "did not make",
    ),
    "other owner": ("apply", wish(1), serving(1, owner="risk"), Conflict, "belongs to the owner 'risk'"),
    "other owner, record lost": (
        "apply", wish(1), observed(None, live(1, owner="risk")), Conflict, "belongs to the owner 'risk'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("situation", REFUSED)
def test_what_is_refused(situation: str) -> None:
    verb, wanted, seen, kind, words = REFUSED[situation]
    with pytest.raises(kind, match=words) as caught:
        plan_release(verb, wanted, seen, CONTEXT)
    assert caught.value.hint


# Rejected


REJECTED = serving(
    1, history=(released(2, 9.0, Result.REJECTED, detail="MODEL_LOAD: it cannot be loaded", exit_code=6), released(1))
)  # fmt: skip


def test_a_rejected_revision() -> None:
    plan = plan_release("apply", wish(2), REJECTED, CONTEXT)
    assert (plan.outlook, plan.exit_code, plan.steps) == (Outlook.REJECTED, 6, ())
    assert plan.warnings == (
        "this revision was rejected before (MODEL_LOAD: it cannot be loaded); --retry tries it again",
    )
    assert steps_of(plan_release("apply", wish(2), REJECTED, Context(target="local", retry=True))) == NEW
    assert steps_of(plan_release("update", wish(2), REJECTED, CONTEXT)) == NEW
    assert plan_release("apply", wish(1), REJECTED, CONTEXT).outlook is Outlook.UNCHANGED


def test_rejected_and_released_since_is_no_longer_rejected() -> None:
    history = (released(3), released(2, 9.0), released(2, 8.0, Result.REJECTED), released(1))
    assert plan_release("apply", wish(2), serving(3, 2, history=history), CONTEXT).has_changes


def test_a_retry_that_is_under_way_is_gone_on_with() -> None:
    seen = amid(2, 1, verb="apply", detached=True)
    assert seen.record is not None
    history = (released(2, 9.0, Result.REJECTED), released(1))
    seen = observed(seen.record.model_copy(update={"history": history}), seen.endpoint)
    plan = plan_resume(seen, CONTEXT, name="iris")
    assert plan is not None
    assert (plan.outlook, plan.resumed, steps_of(plan)) == (Outlook.CHANGES, True, NEW)


# What was served is gone back to as it was


def test_one_that_holds_is_gone_back_to_as_it_holds() -> None:
    """An update over an unattended one that fails leaves that one as it was found: unattended."""
    seen = amid(2, 1, moved=True)
    plan = plan_release("update", wish(3), seen, CONTEXT)
    assert plan.before.traffic == Traffic.all_to(name(2))
    assert plan.before.rollout is not None
    assert (plan.before.rollout.revision, plan.before.rollout.moved) == (name(2), True)
    assert plan.before.rollout.before.traffic == Traffic.all_to(name(1))


def test_recreate_that_stopped_what_served_goes_back_to_that() -> None:
    seen = amid(2, 1, moved=True, rollout={"strategy": "recreate"})
    assert seen.record is not None
    stopped = observed(seen.record.model_copy(update={"traffic": Traffic()}), live(None, phase=Phase.PENDING))
    same = plan_release("update", wish(2, rollout={"strategy": "recreate"}), stopped, CONTEXT)
    assert (same.before, same.moved) == (Before(spec=spec(1), traffic=Traffic.all_to(name(1))), True)
    other = plan_release("update", wish(3), stopped, CONTEXT)
    assert (other.before.traffic, other.moved, other.continues) == (Traffic.all_to(name(1)), True, False)
    back = plan_rollback(stopped, CONTEXT, name="iris")
    assert steps_of(back) == "deliver 1, configure, stage 1, verify 1, route 1, retire 2 forget"


def test_recreate_that_has_moved_is_not_stopped_once_more() -> None:
    seen = amid(2, 1, moved=True, rollout={"strategy": "recreate"})
    plan = plan_release("update", wish(2, rollout={"strategy": "recreate"}), seen, CONTEXT)
    assert all(step.traffic for step in plan.steps if isinstance(step, Route))


def test_a_change_that_stops_the_endpoint_is_called_downtime() -> None:
    context = Context(target=CONTEXT.target, owner=CONTEXT.owner, interrupts=frozenset({"labels", "config.port"}))
    plan = plan_release("update", wish(1, labels={"team": "risk"}), serving(1), context)
    assert plan.downtime
    told = next(each for each in plan.changes if each.effect is Effect.DOWNTIME)
    assert "(labels.team)" in (told.after or "")
    assert not plan_release("update", wish(1, replicas=3), serving(1), context).downtime


def test_what_replicas_carry_is_brought_to_those_that_serve() -> None:
    context = Context(target=CONTEXT.target, owner=CONTEXT.owner, carried=frozenset({"auth", "labels"}))
    labelled = wish(1, labels={"team": "risk"})
    assert steps_of(plan_release("update", labelled, serving(1), context)) == "configure, stage 1, verify 1"
    assert steps_of(plan_release("update", wish(1, history_limit=1), serving(1), context)) == "configure"
    killed = amid(1, 1, labels={"team": "risk"})
    assert steps_of(plan_release("update", labelled, killed, context)) == "configure, stage 1, verify 1, route 1"


def test_keys_of_another_value_are_set_in_place() -> None:
    asked = wish(1).model_copy(update={"other_keys": True})
    plan = plan_release("update", asked, serving(1), CONTEXT)
    assert [(each.what, each.effect) for each in plan.changes] == [("auth.api_keys", Effect.IN_PLACE)]
    assert steps_of(plan) == "configure"


def test_what_can_be_asked_only_with_traffic_is_verified_after_the_move() -> None:
    context = Context(target="local", asks_last=lambda spec: spec.labels.get("asks") == "last")
    late = wish(2, labels={"asks": "last"})
    plan = plan_release("update", late, serving(1), context)
    assert steps_of(plan) == "deliver 2, stage 2, configure, route 2, verify 2, retire 1 keep"
    assert "asked then for 3 of 3 healthy answers" in next(
        str(each.after) for each in plan.changes if "100" in str(each)
    )
    assert steps_of(plan_release("create", late, ABSENT, context)) == "deliver 2, configure, stage 2, route 2, verify 2"
    assert steps_of(plan_release("update", wish(2), serving(1), context)) == NEW


def test_a_plan_tells_what_a_new_revision_takes_at_the_target() -> None:
    def foretold(spec: DeploymentSpec, endpoint: Endpoint | None) -> Iterator[tuple[str, str]]:
        yield "machines", f"{spec.replicas} for {spec.name}, beside {len(endpoint.revisions) if endpoint else 0}"

    context = Context(target="local", foretell=foretold)

    def told(plan: Plan) -> list[str | None]:
        return [each.after for each in plan.changes if each.what == "machines"]

    assert told(plan_release("create", wish(1), ABSENT, context)) == ["1 for iris, beside 0"]
    assert told(plan_release("update", wish(2), serving(1), context)) == ["1 for iris, beside 1"]
    assert told(plan_release("update", wish(1, replicas=3), serving(1), context)) == []
    assert plan_release("apply", wish(1), serving(1), context).outlook is Outlook.UNCHANGED
