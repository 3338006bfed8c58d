"""What is told of the comparison on Azure ML's double."""

from __future__ import annotations

from bench.azureml_vs_mlflow import LEFT, SCENES, Scene, Seen, cell, good, table
from bench.contest.azure_hosting import Counted

NOTHING = dict.fromkeys(LEFT, 0)
OURS = Seen(6, told=True, left=NOTHING, kept=None, seconds=1.0)
THEIRS = Seen(1, told=False, left={**NOTHING, "endpoint": 1, "deployment": 2}, kept=None, seconds=1.0)
FAILS, CAN_GO_WELL = Scene("it fails", "why"), Scene("it can go well")


def test_the_table_counts_what_is_left_and_who_was_told() -> None:
    counted: dict[str, Counted | int] = {
        "create": Counted(40, 6, 9), "update": Counted(60, 9, 9), "delete": Counted(20, 4, 9), "left": 0,
    }  # fmt: skip
    lines = table(["deployer", "mlflow"], [counted, counted], [[OURS, THEIRS] for _ in SCENES]).splitlines()
    assert lines[2] == "| create | 40 (6; 9) | 40 (6; 9) |"
    assert f"| {SCENES[0].what} | nothing | told | endpoint, 2 deployment | not told |" in lines
    failing = len([each for each in SCENES if each.why])
    assert lines[-1] == f"| in all | 0 | {failing} of {failing} | {3 * len(SCENES)} | 0 of {failing} |"


def test_what_can_go_well_is_done_or_has_failed() -> None:
    done = Seen(0, told=False, left={**NOTHING, "endpoint": 1}, kept=None, seconds=1.0)
    assert good(CAN_GO_WELL, done)
    assert cell(CAN_GO_WELL, done) == "done | "
    assert not good(CAN_GO_WELL, THEIRS)
    assert cell(CAN_GO_WELL, THEIRS) == "failed; endpoint, 2 deployment | "


def test_what_fails_is_to_leave_nothing_and_to_say_why() -> None:
    assert good(FAILS, OURS)
    assert not good(FAILS, THEIRS)
    assert not good(FAILS, Seen(0, told=True, left=NOTHING, kept=None, seconds=1.0))
    moved = Seen(6, told=True, left=NOTHING, kept=False, seconds=1.0)
    assert not good(FAILS, moved)
    assert cell(FAILS, moved) == "nothing; traffic changed | told"


def test_each_scene_has_a_name_of_its_own() -> None:
    assert len({each.what for each in SCENES}) == len(SCENES)
    assert {each.verb for each in SCENES} == {"create", "update", "delete"}
    assert all(each.what.startswith(f"{each.verb}: ") for each in SCENES)
