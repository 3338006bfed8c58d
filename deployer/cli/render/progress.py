"""Events as lines that stay: one for each finished step, and now and then what a long one waits for. Pure."""

from __future__ import annotations

from deployer.cli.render.escape import one_line
from deployer.cli.render.layout import Paint, cut, pad, plain, width_of
from deployer.cli.render.plan import change_lines, heading
from deployer.cli.render.words import seconds, size
from deployer.cli.screen import UNICODE, Marks
from deployer.engine.events import Event, Note, Planned, StepDone, StepFailed, StepProgress, StepStarted

__all__ = ["PlainProgress", "done_line", "failed_line", "opening", "waiting"]

NAME_WIDTH = 16
DETAIL_WIDTH = 58
EVERY = 10.0
"""Seconds between two lines of one step that goes on."""

_ORDINARY = ("configure", "claim")
"""Steps that are shown only when they take long or fail."""
_LONG = 1.0


def opening(plan_event: Planned, paint: Paint = plain) -> list[str]:
    """The endpoint, the target and the changes; nothing for a plan that changes nothing, which the ending tells."""
    plan = plan_event.plan
    if not plan.has_changes:
        return []
    lines = [paint(heading(plan, verb=False), "bold"), *change_lines(plan.changes, paint=paint)]
    return [*lines, *(f"  {paint('!', 'warn')} {one_line(each)}" for each in plan.warnings)]


def done_line(event: StepDone, *, marks: Marks = UNICODE, paint: Paint = plain) -> str:
    """``  ✓ start            2 workers                  2.1 s``; a time that says nothing is left out."""
    return _step_line(paint(marks.done, "good"), event.step, event.detail, event.seconds)


def failed_line(event: StepFailed, revision: str | None = None, *, marks: Marks = UNICODE, paint: Paint = plain) -> str:
    """``  ✗ healthy          rb81f3d0 worker 1 exited 1 after 1.8 s    2.1 s``; why, the error says that follows."""
    mark = paint(marks.failed, "bad")
    if revision and event.how:
        return _step_line(mark, event.step, f"{revision} {event.how}", event.seconds)
    detail = f"{revision} did not become healthy" if revision and event.step in ("start", "healthy") else ""
    return _step_line(mark, event.step, detail, event.seconds)


def _step_line(mark: str, step: str, detail: str, took: float) -> str:
    text = one_line(detail, 200)
    time = seconds(took) if took >= 0.05 else ""
    if not time:
        return f"  {mark} {pad(step, NAME_WIDTH)} {text}".rstrip()
    return f"  {mark} {pad(step, NAME_WIDTH)} {pad(text, DETAIL_WIDTH)} {pad(time, 8, right=True)}"


def waiting(step: str, progress: StepProgress | None, *, began: float, now: float) -> str:
    """What a step waits for, for how long, and since when that has not changed."""
    amount = _amount(progress)
    detail = one_line(progress.detail, 120) if progress and progress.detail else ""
    parts = ["" if detail and amount.endswith(detail) else detail, amount]
    parts.append(f"for {_whole(now - began)}")
    if progress is not None and progress.since is not None and now - progress.since >= EVERY:
        parts.append(f"unchanged for {_whole(now - progress.since)}")
    return f"{pad(step, NAME_WIDTH)} {', '.join(filter(None, parts))}"


def _whole(value: float) -> str:
    return seconds(value) if value >= 60 else f"{max(int(value), 0)} s"


def _amount(progress: StepProgress | None) -> str:
    if progress is None or progress.done is None:
        return ""
    if progress.unit in ("B", "bytes"):
        done = size(progress.done)
        return f"{done} of {size(progress.total)}" if progress.total else done
    unit = f" {progress.unit}" if progress.unit else ""
    total = f" of {progress.total:g}" if progress.total else ""
    return f"{progress.done:g}{total}{unit}"


def is_shown(event: StepDone, plan: Planned | None, *, failed: bool = False) -> bool:
    """Whether a finished step tells something that has not been told.

    After a failure the steps back are told by the last sentence; only those that take long are shown.
    """
    if event.step in _ORDINARY or failed:
        return event.seconds >= _LONG
    if event.step == "traffic" and plan is not None:
        first = not plan.plan.before.traffic and any(c.what == "traffic" for c in plan.plan.changes)
        return not first or event.seconds >= _LONG
    return True


class PlainProgress:
    """From events to lines, for a pipe or a CI log: nothing moves."""

    def __init__(self, *, marks: Marks = UNICODE, paint: Paint = plain, opened: bool = False) -> None:
        self.marks, self.paint, self.opened = marks, paint, opened
        self.planned: Planned | None = None
        self.failed = False
        self.revision: str | None = None
        self.began: dict[str, float] = {}
        self.told: dict[str, float] = {}

    def lines(self, event: Event) -> list[str]:
        """What is to be printed for it, often nothing."""
        if isinstance(event, Planned):
            self.planned = event
            return [] if self.opened else opening(event, self.paint)
        if isinstance(event, StepStarted):
            self.began[event.step] = self.told[event.step] = event.at
            self.revision = event.revision
            return []
        if isinstance(event, StepProgress):
            return self._progress(event)
        if isinstance(event, StepDone):
            shown = is_shown(event, self.planned, failed=self.failed)
            return [done_line(event, marks=self.marks, paint=self.paint)] if shown else []
        if isinstance(event, StepFailed):
            self.failed = True
            return [failed_line(event, self.revision, marks=self.marks, paint=self.paint)]
        return note_lines(event, self.paint)

    def _progress(self, event: StepProgress) -> list[str]:
        began = self.began.setdefault(event.step, event.at)
        if event.at - self.told.get(event.step, began) < EVERY:
            return []
        self.told[event.step] = event.at
        return [f"    {waiting(event.step, event, began=began, now=event.at)}"]


def note_lines(event: Note, paint: Paint = plain) -> list[str]:
    """Something that a person should know."""
    return [f"  {paint('!', 'warn')} {one_line(event.text)}"]


def fitted(line: str, width: int) -> str:
    """A line that does not wrap; one with colours in it is left as it is."""
    return line if "\x1b" in line or width_of(line) <= width else cut(line, width)
