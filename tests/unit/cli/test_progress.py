"""Events as lines that stay."""

from __future__ import annotations

from typing import Any

from deployer.cli.render.progress import PlainProgress, waiting
from deployer.cli.screen import ASCII
from deployer.engine.events import Event, Note, Planned, StepDone, StepFailed, StepProgress, StepStarted
from tests.unit.cli.values import NOW, create_plan, update_plan

AT: Any = {"at": NOW, "endpoint": "iris", "target": "local"}


def shown(*events: Event, **options: Any) -> list[str]:
    progress = PlainProgress(**options)
    return [line for event in events for line in progress.lines(event)]


def test_scene_one() -> None:
    lines = shown(
        Planned(**AT, plan=create_plan()),
        StepStarted(**AT, step="environment"),
        StepDone(**AT, step="environment", detail="41 packages, 38 downloaded (112 MB)", seconds=14.2),
        StepDone(**AT, step="configure", seconds=0.1),
        StepDone(**AT, step="start", detail="2 workers", seconds=2.1),
        StepDone(**AT, step="healthy", detail="answers its own example (3 of 3)", seconds=0.01),
        StepDone(**AT, step="traffic", detail="100 % -> r7c1e09a", seconds=0.0),
    )
    assert lines == [
        "iris on local",
        "  + endpoint   iris       http://127.0.0.1:8321",
        "  + revision   r7c1e09a   sklearn, python 3.11, 5 requirements",
        "  + traffic    100 % -> r7c1e09a",
        "  ✓ environment      41 packages, 38 downloaded (112 MB)                          14.2 s",
        "  ✓ start            2 workers                                                     2.1 s",
        "  ✓ healthy          answers its own example (3 of 3)",
    ]


def test_a_plan_without_changes_opens_nothing() -> None:
    assert shown(Planned(**AT, plan=update_plan(outlook="unchanged"))) == []


def test_what_has_been_shown_before_is_not_opened_again() -> None:
    assert shown(Planned(**AT, plan=update_plan()), opened=True) == []


def test_after_a_failure_the_way_back_is_told_only_when_it_takes_long() -> None:
    lines = shown(
        StepStarted(**AT, step="start", revision="rb81f3d0"),
        StepFailed(**AT, step="start", detail="exited 1", seconds=1.8),
        StepDone(**AT, step="retire", detail="rb81f3d0 stopped", seconds=0.1),
        StepDone(**AT, step="undo", detail="back", seconds=12.0),
        marks=ASCII,
    )
    assert lines == [
        "  x start            rb81f3d0 did not become healthy                               1.8 s",
        "  * undo             back                                                         12.0 s",
    ]


def test_how_a_revision_fell_over_is_told() -> None:
    lines = shown(
        StepStarted(**AT, step="healthy", revision="rb81f3d0"),
        StepFailed(**AT, step="healthy", detail="no such module", how="worker 1 exited 1 after 1.8 s", seconds=2.0),
        marks=ASCII,
    )
    assert lines == ["  x healthy          rb81f3d0 worker 1 exited 1 after 1.8 s                        2.0 s"]


def test_a_long_step_says_now_and_then_what_it_waits_for() -> None:
    def progress(after: float, detail: str, since: float) -> StepProgress:
        return StepProgress(**{**AT, "at": NOW + after}, step="start", detail=detail, since=NOW + since)

    lines = shown(
        StepStarted(**AT, step="start"),
        progress(1, "the model is loading", 1),
        progress(11, "the model is loading", 1),
        progress(12, "the model is loading", 1),
        progress(22, "2 of 3 ready", 21),
    )
    assert lines == [
        "    start            the model is loading, for 11 s, unchanged for 10 s",
        "    start            2 of 3 ready, for 22 s",
    ]


def test_how_far_a_download_is() -> None:
    progress = StepProgress(**AT, step="environment", detail="41 packages", done=56e6, total=112e6, unit="bytes")
    assert waiting("environment", progress, began=NOW - 3, now=NOW) == (
        "environment      41 packages, 56 MB of 112 MB, for 3 s"
    )
    counting = StepProgress(**AT, step="environment", detail="", done=3, total=41, unit="packages")
    assert (
        waiting("environment", counting, began=NOW - 75, now=NOW) == "environment      3 of 41 packages, for 1 m 15 s"
    )


def test_a_note() -> None:
    assert shown(Note(**AT, text="the Record was lost\n::error::x")) == ["  ! the Record was lost ::error::x"]
