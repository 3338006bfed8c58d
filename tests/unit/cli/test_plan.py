"""A plan as a person reads it: the whole text."""

from __future__ import annotations

from deployer.cli.render.plan import plan_lines, plan_markdown, totals, touched
from deployer.endpoint import Traffic
from deployer.plan import Change, Configure, Destroy, Effect, Outlook, Plan, Route, Sign, Stage
from tests.unit.cli.values import NEW, create_plan, update_plan

RUN = "deployer update iris --model models:/iris@x --set a=3"


def test_an_update() -> None:
    assert "\n".join(plan_lines(update_plan(), run=RUN)) == (
        """\
iris on local: update
  ~ model          models:/iris/3  ->  models:/iris/4 (challenger)   12 of 17 files differ, 48 KB
  ~ requirements   scikit-learn 1.8.0 -> 1.9.1
  ~ replicas       2 -> 3, in place
    traffic        r7c1e09a 100 %  ->  re02b774 100 %, after 3 of 3 healthy answers; r7c1e09a stops last
1 revision to start, 1 to retire, nothing to delete. Run:  deployer update iris --model models:/iris@x --set a=3"""
    )


def test_a_creation() -> None:
    assert plan_lines(create_plan()) == [
        "iris on local: create",
        "  + endpoint   iris       http://127.0.0.1:8321",
        "  + revision   r7c1e09a   sklearn, python 3.11, 5 requirements",
        "  + traffic    100 % -> r7c1e09a",
        "1 revision to start, nothing to delete.",
    ]


def test_nothing_to_do_and_nothing_done() -> None:
    assert plan_lines(update_plan(outlook=Outlook.UNCHANGED)) == ["iris on local: nothing to do, it is as wished"]
    assert plan_lines(
        update_plan(outlook=Outlook.REJECTED, warnings=("rejected before (x); --retry tries it again",))
    ) == [
        "iris on local: nothing is changed",
        "  ! rejected before (x); --retry tries it again",
    ]


def test_in_place() -> None:
    plan = update_plan(
        steps=(Configure(), Stage(revision=NEW), Route(traffic=Traffic.all_to(NEW))),
        before=update_plan().before.model_copy(update={"traffic": Traffic.all_to(NEW)}),
    )
    assert totals(plan) == "Nothing to start and nothing to delete: it is changed in place."


def test_a_deletion() -> None:
    gone = tuple(Change(sign=Sign.REMOVE, what="revision", before=each) for each in ("ra", "rb"))
    plan = Plan(verb="delete", endpoint="iris", target="local", owner="o", changes=gone, steps=(Destroy(),))
    assert totals(plan) == "1 endpoint with 2 revisions to delete."


def test_markdown_is_a_diff_whose_signs_stand_first_and_whose_fence_cannot_be_closed() -> None:
    plan = update_plan(
        changes=(
            Change(sign=Sign.ADD, what="labels.x", after="```\n# big"),
            Change(sign=Sign.REMOVE, what="y", before="z"),
        ),
        warnings=("unverified [x](y) <b>",),
    )
    assert plan_markdown(plan, run=RUN) == [
        "### `iris` on `local`: update",
        "",
        "```diff",
        "+ labels.x   ''' # big",
        "- y          z",
        "```",
        "",
        "> **Note:** unverified \\[x\\](y) \\<b\\>",
        "",
        "1 revision to start, 1 to retire, nothing to delete.",
        "",
        f"```sh\n{RUN}\n```",
    ]


def test_what_others_wrote_is_escaped() -> None:
    plan = update_plan(changes=(Change(sign=Sign.CHANGE, what="env.A", before="[/foo]", after="\x1b[31m\n::error::x"),))
    assert plan_lines(plan)[1] == "  ~ env.A      [/foo]  ->  \\x1b[31m ::error::x"


def test_an_effect_is_said_where_it_is_no_new_revision() -> None:
    change = Change(sign=Sign.CHANGE, what="health.timeout", before="10m", after="20m", effect=Effect.RECORD)
    assert plan_lines(update_plan(changes=(change,)))[1] == "  ~ health.timeout   10m -> 20m, recorded only"


def test_several_together() -> None:
    plans = [update_plan(), update_plan(endpoint="b", outlook=Outlook.UNCHANGED)]
    assert touched(plans) == "1 of 2 endpoints would change: iris."
    assert touched(plans[1:]) == "None of 1 endpoint would change."
