"""What a person reads of a plan."""

from __future__ import annotations

from deployer.endpoint import Observed
from deployer.plan import Effect, Plan, Sign, plan_release
from deployer.plan.changes import files_note, locked_versions, requirements_changes
from tests.unit.plan.situations import CONTEXT, live, name, observed, record, release, serving, spec, wish

OLD = "# lock\nnumpy==2.0 --hash=sha256:aa\nscikit-learn==1.8.0 --hash=sha256:bb\n"
NEW = "# lock\nnumpy==2.0 --hash=sha256:aa\nscikit-learn==1.9.1 --hash=sha256:cc\n"


def _lines(plan: Plan) -> list[str]:
    return [
        f"{each.sign.value} {each.what} | {each.before or ''} | {each.after or ''} | {each.note}".rstrip(" |")
        for each in plan.changes
    ]


def test_scene_1() -> None:
    plan = plan_release("create", wish(1), Observed(), CONTEXT)
    assert _lines(plan) == [
        "+ endpoint |  | iris", f"+ revision |  | {name(1)} | sklearn", f"+ traffic |  | 100 % -> {name(1)}",
    ]  # fmt: skip


def test_scene_2() -> None:
    before = release(1, lock=OLD)
    before = before.model_copy(
        update={"model": before.model.model_copy(update={"files": {"MLmodel": "10:a", "model.pkl": "20000:b"}})}
    )
    there = record(1, spec=spec(1, replicas=2), releases={name(1): before}, locks={OLD: OLD})
    wanted = wish(2, lock=NEW, replicas=3)
    files = {"MLmodel": "10:a", "model.pkl": "48000:c"}
    model = wanted.release.model.model_copy(update={"files": files})
    wanted = wanted.model_copy(
        update={"alias": "challenger", "release": wanted.release.model_copy(update={"model": model})}
    )
    plan = plan_release("update", wanted, observed(there, live(1)), CONTEXT)
    assert _lines(plan) == [
        "~ model | models:/iris/1 | models:/iris/2 (challenger) | 1 of 2 files differ, 48 KB",
        "~ requirements |  | scikit-learn 1.8.0 -> 1.9.1",
        "~ replicas | 2 | 3",
        f"  traffic | {name(1)} 100 % | {name(2)} 100 %, after 3 of 3 healthy answers; {name(1)} stops last",
    ]


def test_recreate_says_that_the_old_stops_first() -> None:
    plan = plan_release("update", wish(2, rollout={"strategy": "recreate"}), serving(1), CONTEXT)
    assert plan.downtime
    assert any(f"{name(1)} stops first" in (each.after or "") for each in plan.changes)
    assert any(each.what == "downtime" for each in plan.changes)


def test_requirements_only() -> None:
    wanted = wish(1, lock=NEW)
    wanted = wanted.model_copy(update={"release": wanted.release.model_copy(update={"revision": "r9999999"})})
    there = record(1, releases={name(1): release(1, lock=OLD)}, locks={OLD: OLD})
    plan = plan_release("update", wanted, observed(there, live(1)), CONTEXT)
    assert _lines(plan)[0] == "~ requirements |  | scikit-learn 1.8.0 -> 1.9.1"
    assert not any(each.what == "model" for each in plan.changes)


def test_the_same_files_under_another_name_are_recorded() -> None:
    wanted = wish(1)
    wanted = wanted.model_copy(update={"spec": spec(1) | {"model": "models:/iris@champion"}})
    plan = plan_release("update", wanted, serving(1), CONTEXT)
    [change] = plan.changes
    assert (change.what, change.before, change.after) == ("model", "models:/iris/1", "models:/iris@champion")
    assert (change.note, change.effect, plan.steps) == ("the same files", Effect.RECORD, ())


def test_client_fields_of_requirements_are_recorded() -> None:
    plan = plan_release("update", wish(1, requirements={"index_url": "https://i.example/"}), serving(1), CONTEXT)
    [change] = plan.changes
    assert (change.sign, change.effect, change.what, change.before, change.after) == (
        Sign.CHANGE, Effect.RECORD, "requirements.index_url", None, "https://i.example/",
    )  # fmt: skip


def test_a_lost_record_is_said() -> None:
    plan = plan_release("apply", wish(1, replicas=2), observed(None, live(1)), CONTEXT)
    assert _lines(plan) == ["~ record |  | was lost, and is written anew"]


def test_requirements_lines_name_the_first_few() -> None:
    old = "".join(f"p{n}==1\n" for n in range(6))
    new = "".join(f"p{n}==2\n" for n in range(1, 7))
    [change] = requirements_changes(old, new)
    assert change.after == "- p0, p1 1 -> 2, p2 1 -> 2, p3 1 -> 2 and 3 more"
    assert [*requirements_changes("", new)] == []
    assert [*requirements_changes(old, old)] == []
    assert locked_versions("# x==1\na==1 --hash=sha256:x\n\n") == {"a": "1"}


def test_files_note() -> None:
    assert files_note(None, {}) == ""
    assert files_note({"a": "1:x"}, {"b": "999:y"}) == "2 of 2 files differ, 999 bytes"
    assert files_note({"a": "1:x"}, {"a": "1500000:y"}) == "1 of 1 files differ, 1.5 MB"
