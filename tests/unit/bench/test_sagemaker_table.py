"""What is told of the comparison on SageMaker's double."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("boto3", reason="boto3 is not installed: pip install boto3")

from bench.contest.hosting import Side
from bench.sagemaker_vs_mlflow import LEFT, SCENES, Bench, Seen, table

NOTHING = dict.fromkeys(LEFT, 0)


def test_the_table_counts_what_is_left_and_who_was_told() -> None:
    sides = tuple(Side(name, Path(name), (Path("a"), Path("b")), "base", Path()) for name in ("deployer", "mlflow"))
    ours = Seen(6, told=True, left=NOTHING, seconds=1.0)
    theirs = Seen(1, told=False, left={**NOTHING, "endpoint": 1, "model": 2}, seconds=1.0)
    counted = {"create": (40, 6, 9.0), "update": (60, 9, 9.0), "delete": (20, 4, 9.0), "left": (0, 0, 0.0)}
    bench = Bench((sides[0], sides[1]), Path(), "localhost:5000")
    lines = table(bench, [counted, counted], [[ours, theirs] for _ in SCENES]).splitlines()
    assert lines[2] == "| create | 40 (6) | 40 (6) |"
    assert lines[-1] == f"| in all | 0 | {len(SCENES)} of {len(SCENES)} | {3 * len(SCENES)} | 0 of {len(SCENES)} |"
    assert f"| {SCENES[0].what} | nothing | told | endpoint, 2 model | not told |" in lines


def test_there_are_ten_scenes_each_with_words_that_tell_it() -> None:
    assert len({each.what for each in SCENES}) == 10
    assert all(each.why for each in SCENES)
