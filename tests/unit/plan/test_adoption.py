"""What is not ours becomes the revision that it is, and from there it is brought to the wish."""

from __future__ import annotations

from typing import Any

import pytest

from deployer.endpoint import Endpoint, Observed, Phase, Result, Rollout
from deployer.errors import Conflict
from deployer.plan import ADOPT, Adopts, Context, Effect, Outlook, Plan, adopted_record, plan_adoption, remainder
from deployer.spec import Scope
from deployer.target import Adoption
from tests.unit.plan.situations import CONTEXT, amid, name, observed, record, runs, serving, steps_of, wish

WHAT = "container 3f2a1b"
FOREIGN = Endpoint(name="iris", target="local", managed=False, phase=Phase.HEALTHY, url="http://127.0.0.1:1")


def told(untold: dict[str, str] | None = None, **spec: Any) -> Adoption:
    return Adoption(identity="c1", what=WHAT, spec={"model": "models:/iris/1", **spec}, untold=untold or {})


def planned(found: Adoption | None, wished: Any, *, context: Context = CONTEXT) -> Plan:
    return plan_adoption(wished, observed(None, FOREIGN), found, context)


def told_changes(plan: Plan) -> list[str]:
    return [each.what for each in plan.changes]


def adopted(plan: Plan) -> Adopts:
    assert plan.adopts is not None
    return plan.adopts


def test_what_runs_as_wished_gets_our_marks_and_nothing_else_is_done() -> None:
    plan = planned(told(replicas=2, env={"A": "1"}), wish(1, replicas=2, env={"A": "1"}, health={"consecutive": 5}))
    assert (plan.verb, plan.outlook, plan.steps, told_changes(plan)) == ("apply", Outlook.CHANGES, (), ["owner"])
    assert (plan.changes[0].before, plan.changes[0].after) == ("somebody else", "default")
    assert plan.changes[0].note == f"{WHAT} is taken over as it runs"
    found = adopted(plan)
    assert (found.identity, found.whose) == ("c1", None)
    assert found.release is not None
    assert found.release.revision == name(1)
    assert found.spec["health"] == {"consecutive": 5}  # the client's own fields are as wished
    assert (plan.generation, plan.standing) == (None, "")
    assert Plan.model_validate_json(plan.model_dump_json()) == plan


def test_endpoint_fields_are_changed_in_place_afterwards() -> None:
    plan = planned(told(replicas=2), wish(1, replicas=3, labels={"team": "risk"}))
    assert told_changes(plan) == ["owner", "labels.team", "replicas"]
    assert {each.effect for each in plan.changes} == {Effect.IN_PLACE}
    assert steps_of(plan) == "configure, stage 1, verify 1"
    assert adopted(plan).release == wish(1).release.model_copy(update={"spec": adopted(plan).spec})


@pytest.mark.parametrize(
    ("found", "fields"),
    [
        (told(model="models:/iris/7"), {}),
        (told(env={"A": "1"}), {}),
        (told(), {"env": {"A": "1"}}),
        (told(resources={"memory": "1Gi"}), {"resources": {"memory": "2Gi"}}),
        (told(image={"use": "nginx"}), {}),
        (told(config={"routes": "/x"}), {}),
        (told({"secrets.TOKEN": "hidden", "env.TOKEN": "hidden"}), {"secrets": {"TOKEN": {"env": "T"}}}),
    ],
)
def test_what_makes_another_revision_is_rolled_out_after_it(found: Adoption, fields: dict[str, Any]) -> None:
    plan = planned(found, wish(1, **fields))
    now = adopted(plan).release
    assert now is not None
    assert now.revision != name(1)
    assert plan.before.traffic.served == (now.revision,)
    assert [step.step for step in plan.steps] == ["deliver", "stage", "verify", "route", "retire"]
    assert plan.steps[-1].model_dump() == {"step": "retire", "revision": now.revision, "keep": True}
    assert "runtime" not in told_changes(plan)  # what runs there has none of ours


def test_the_person_s_word_counts_for_what_could_not_be_told() -> None:
    found = Adoption("c1", WHAT, {}, {"model": "?", "env.TOKEN": "hidden", "config.port": "?", "resources": "?"})
    scopes = {"port": Scope.REVISION}
    wished = wish(1, env={"TOKEN": "x"}, config={"port": 8080}, resources={"cpu": 2})
    plan = planned(found, wished, context=Context(target="local", scopes=scopes))
    assert told_changes(plan) == ["owner"]
    assert adopted(plan).spec == wished.spec


def test_a_model_is_known_by_each_of_its_names() -> None:
    resolved = wish(1)
    by_alias = resolved.model_copy(update={"spec": {**resolved.spec, "model": "models:/iris@champion"}})
    assert told_changes(planned(told(), by_alias)) == ["owner"]


def test_config_of_the_endpoint_is_changed_in_place() -> None:
    context = Context(target="local", scopes={"port": Scope.ENDPOINT})
    plan = planned(told(config={"port": 80}), wish(1, config={"port": 81}), context=context)
    assert told_changes(plan) == ["owner", "config.port"]
    assert "deliver" not in steps_of(plan)


def test_what_cannot_be_told_is_not_taken_over() -> None:
    with pytest.raises(Conflict, match="cannot be told"):
        planned(None, wish(1))


def test_ours_and_nothing_are_planned_as_ever() -> None:
    assert plan_adoption(wish(1), serving(1), None, CONTEXT).outlook is Outlook.UNCHANGED
    assert plan_adoption(wish(1), Observed(), None, CONTEXT).before.spec is None
    assert plan_adoption(wish(2), serving(1), None, CONTEXT).adopts is None


def test_another_owner_s_endpoint_changes_hands() -> None:
    theirs = serving(1)
    theirs = observed(record(1, owner="risk"), theirs.endpoint and theirs.endpoint.model_copy(update={"owner": "risk"}))
    plan = plan_adoption(wish(1), theirs, None, CONTEXT)
    assert (plan.adopts, plan.steps, told_changes(plan)) == (Adopts(whose="risk"), (), ["owner"])
    assert (plan.generation, plan.standing) == (3, "1.0")
    further = plan_adoption(wish(2), theirs, None, CONTEXT)
    assert told_changes(further)[0] == "owner"
    assert [step.step for step in further.steps] == ["deliver", "stage", "verify", "route", "retire"]


def test_what_its_owner_deletes_is_not_taken_over() -> None:
    theirs = amid(1, None, verb="delete")
    assert theirs.record is not None
    theirs = observed(theirs.record.model_copy(update={"owner": "risk"}), theirs.endpoint)
    with pytest.raises(Conflict, match="is being deleted by its owner 'risk'"):
        plan_adoption(wish(1), theirs, None, CONTEXT)


def test_a_detached_roll_out_of_another_owner_is_left_alone() -> None:
    way = Rollout(verb="update", revision=name(2), by="eve", started=5.0, before=amid(2, 1).record.rollout.before,  # type: ignore[union-attr]
                  detached=True)  # fmt: skip
    theirs = observed(record(1, owner="risk", rollout=way), amid(2, 1).endpoint)
    with pytest.raises(Conflict, match="is under way"):
        plan_adoption(wish(3), theirs, None, CONTEXT)


def test_the_record_says_what_was_adopted_once() -> None:
    plan = planned(told(), wish(1))
    made = adopted_record("iris", adopted(plan), observed(None, FOREIGN), "default", ("ada", 9.0))
    assert (made.owner, made.generation, made.traffic.served, made.spec) == ("default", 0, (name(1),), plan.before.spec)
    (entry,) = made.history
    assert (entry.verb, entry.result, entry.by, entry.at) == (ADOPT, Result.RELEASED, "ada", 9.0)
    assert made.released(name(1))  # and so it is kept for a rollback
    again = adopted_record("iris", adopted(plan), observed(made, FOREIGN), "default", ("ada", 10.0))
    assert again.history == made.history


def test_what_is_left_begins_from_the_record_that_was_written() -> None:
    plan = planned(told(replicas=2), wish(1, replicas=3))
    made = adopted_record("iris", adopted(plan), observed(None, FOREIGN), "default", ("ada", 9.0))
    left = remainder(plan, made)
    assert (left.generation, left.standing, left.adopts) == (0, "9.0", None)
    assert told_changes(left) == ["replicas"]
    nothing = planned(told(), wish(1))
    assert remainder(nothing, made).outlook is Outlook.UNCHANGED


def test_a_lost_record_of_another_owner_is_written_anew() -> None:
    endpoint = serving(1).endpoint
    assert endpoint is not None
    theirs = observed(None, endpoint.model_copy(update={"owner": "risk", "revisions": (runs(1),)}))
    plan = plan_adoption(wish(1), theirs, None, CONTEXT)
    assert told_changes(plan)[:2] == ["owner", "record"]


def test_what_is_not_well_is_repaired_after_it() -> None:
    ill = observed(None, FOREIGN.model_copy(update={"phase": Phase.FAILED, "detail": "exited 1"}))
    plan = plan_adoption(wish(1), ill, told(), CONTEXT)
    assert [(each.what, each.after) for each in plan.changes][1:] == [("state", "exited 1")]
