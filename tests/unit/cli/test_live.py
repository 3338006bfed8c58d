"""On a terminal finished steps stay, and what moves is gone at the end."""

from __future__ import annotations

import io
import re
from typing import Any

from deployer.cli.carrying import listening
from deployer.cli.render.live import LiveProgress
from deployer.cli.screen import Screen
from deployer.engine.events import Planned, StepDone, StepFailed, StepProgress, StepStarted
from tests.unit.cli.values import NOW, create_plan

AT: Any = {"at": NOW, "endpoint": "iris", "target": "local"}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def terminal(**environ: str) -> tuple[Screen, Terminal]:
    err = Terminal()
    return Screen(environ={"TERM": "xterm", **environ}, out=io.StringIO(), err=err), err


def written(stream: Any) -> str:
    return str(stream.getvalue())


def last_of(text: str) -> list[str]:
    """What stands on the terminal: the lines that were not erased."""
    without = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", lambda found: "\x00" if found[0].endswith("K") else "", text)
    return [line.rpartition("\x00")[2].rpartition("\r")[2] for line in without.split("\n")]


def test_finished_steps_stay() -> None:
    screen, err = terminal(NO_COLOR="1")
    with LiveProgress(screen) as live:
        live.listen(StepStarted(**AT, step="start"))
        live.listen(StepProgress(**AT, step="start", detail="[/foo] \x1b[2J loading", since=NOW))
        live.listen(StepDone(**AT, step="start", detail="[bold]2 replicas", seconds=2.0))
        live.listen(StepStarted(**AT, step="healthy", revision="[r]"))
        live.listen(StepFailed(**AT, step="healthy", detail="[/bar]", seconds=1.0))
    lines = last_of(err.getvalue())
    assert any(line.startswith("  ✓ start            [bold]2 replicas") for line in lines)
    assert any(line.startswith("  ✗ healthy          [r] did not become healthy") for line in lines)
    assert "\x1b[2J" not in err.getvalue()


def test_a_listener_that_fails_is_no_matter_of_the_engine() -> None:
    screen, err = terminal(CI="1")
    err.close()
    seen: list[object] = []
    with listening(screen, seen) as listen:  # type: ignore[arg-type]
        listen(Planned(**AT, plan=create_plan()))
        listen(StepFailed(**AT, step="start", detail="y"))
    assert len(seen) == 1


def test_quiet_shows_nothing_and_events_go_to_stdout() -> None:
    screen, err = terminal()
    screen.quiet, screen.events = True, True
    with listening(screen, []) as listen:
        listen(StepDone(**AT, step="start", detail="x", seconds=2.0))
    assert written(err) == ""
    assert written(screen.out) == (
        '{"event": "step-done", "at": "2023-11-14T22:13:20.000Z", "endpoint": "iris", "target": "local", '
        '"step": "start", "detail": "x", "seconds": 2.0}\n'
    )
