"""The harness itself: it tells what did not converge, and it kills where it says."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

if sys.platform == "win32":
    pytest.skip("the crash matrix kills by signals", allow_module_level=True)

from deployer.testing.crash import MemoryBench, run_matrix
from deployer.testing.crash.engine import Engine
from deployer.testing.crash.matrix import CommandReport, Report
from deployer.testing.crash.outcome import Outcome, compare

if TYPE_CHECKING:
    from pathlib import Path

RELEASED = ("r1", "create", "released", 0)
REJECTED = ("r2", "update", "rejected", 6)
UNDONE = ("r2", "update", "undone", 0)


def outcome(**changes: Any) -> Outcome:
    plain: dict[str, Any] = {
        "code": 0,
        "error": "",
        "effects": (),
        "endpoint": {"phase": "healthy", "traffic": {"r1": 100}},
        "record": {"rollout": None},
        "history": (RELEASED,),
        "serving": frozenset({"r1"}),
        "holdings": {"files": {"a": 1}},
    }
    return Outcome(**{**plain, **changes})


def test_equal_outcomes_have_converged() -> None:
    assert compare(outcome(), outcome(), outcome(code=None)) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"code": 4, "error": "busy"}, "exit 4 (busy) instead of 0"),
        ({"endpoint": {"phase": "degraded", "traffic": {"r1": 100}}}, "endpoint.phase is degraded instead of healthy"),
        ({"endpoint": {"phase": "healthy", "traffic": {"r2": 100}}}, "endpoint.traffic.r2 is 100 instead of None"),
        ({"endpoint": None}, "endpoint is None"),
        ({"record": {"rollout": "update"}}, "record.rollout is update instead of None"),
        ({"holdings": {"files": {"a": 1, "b.partial": 1}}}, "holdings.files.b.partial is 1 instead of None"),
        ({"history": ()}, "history is ()"),
    ],
)
def test_what_differs_is_said(changes: dict[str, Any], said: str) -> None:
    assert any(said in problem for problem in compare(outcome(), outcome(**changes), outcome(code=None)))


def test_history_may_have_one_honest_word_on_the_interruption() -> None:
    before = outcome(code=None)
    assert compare(outcome(), outcome(history=(RELEASED, UNDONE)), before) == []
    assert compare(outcome(), outcome(history=(RELEASED, UNDONE, UNDONE)), before)
    assert compare(outcome(), outcome(history=(RELEASED, REJECTED)), before)


def test_a_failure_that_was_recorded_before_the_kill_may_be_there_twice() -> None:
    once, twice = (REJECTED, RELEASED), (REJECTED, REJECTED, RELEASED)
    assert compare(outcome(history=once), outcome(history=twice), outcome(history=once)) == []
    assert compare(outcome(history=once), outcome(history=twice), outcome(history=(RELEASED,)))


def test_a_lie_after_the_kill_is_told() -> None:
    lie = outcome(code=None, serving=frozenset())
    assert "released" in compare(outcome(), outcome(), lie)[0]
    under_way = outcome(code=None, serving=frozenset(), record={"rollout": "create"})
    assert compare(outcome(), outcome(), under_way) == []


def test_a_command_runs_from_an_empty_home_and_tells_its_end(tmp_path: Path) -> None:
    with MemoryBench(tmp_path / "own", tmp_path / "models") as bench, Engine(tmp_path / "engine") as engine:
        job = {
            "kind": "memory", "options": bench.options, "verb": "create", "name": "iris",
            "fields": bench.fields("first"), "environ": bench.environ("first"),
        }  # fmt: skip
        killed = engine.run(job, kill_at=3)
        assert (killed.killed is not None, killed.code, killed.effects) == (True, None, ())
        done = engine.run(job)
        assert (done.code, done.error, done.killed) == (0, "", None)
        again = engine.run({**job, "verb": "update", "fields": {"no_such_field": 1}})
        assert again.code == 2 or "no_such_field" in again.error
        missing = engine.run({**job, "verb": "rollback", "to": "r0000000"})
        assert missing.code in (3, 4)
        assert list((tmp_path / "engine").iterdir()) == []


def test_points_are_chosen_evenly_or_by_number(tmp_path: Path) -> None:
    few = run_matrix(MemoryBench, tmp_path / "a", commands=["scale"], points=3).commands["scale"]
    assert (few.killed, few.converged, few.failures) == (3, 3, [])
    named = run_matrix(MemoryBench, tmp_path / "b", commands=["scale"], points={"scale": [1, 2]}).commands["scale"]
    assert (named.killed, named.converged) == (2, 2)
    beyond = run_matrix(MemoryBench, tmp_path / "c", commands=["scale"], points={"scale": [10_000]}).commands["scale"]
    assert (beyond.killed, beyond.converged) == (0, 0)
    assert "no effect 10000" in beyond.failures[0]


def test_the_report_adds_up() -> None:
    report = Report(
        "memory", {"create": CommandReport(("a", "b"), 2, 1, ["at 2: left"]), "delete": CommandReport(("c",), 1, 1)}
    )
    assert report.failures == ["create: at 2: left"]
    told = report.as_json()
    assert (told["target"], told["kill_points"], told["converged"]) == ("memory", 3, 2)
    assert told["commands"]["create"]["kill_points"] == 2
