"""Progress on a terminal: finished steps stay, the one under way moves below them. rich draws it, markup off."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self

from deployer.cli.render.progress import EVERY, PlainProgress, fitted, waiting
from deployer.cli.screen import Screen
from deployer.engine.events import Event, StepDone, StepFailed, StepProgress, StepStarted

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

__all__ = ["LiveProgress", "moving"]

_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_ASCII_FRAMES = "|/-\\"


def _drawn(screen: Screen, line: Callable[[], str | None]) -> tuple[Console, Live]:
    """A console and a line on it that is drawn anew ten times a second."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(file=screen.err, markup=False, highlight=False, emoji=False, soft_wrap=True)
    frames = _FRAMES if screen.marks.unicode else _ASCII_FRAMES

    def draw() -> Text:
        words = line()
        if words is None:
            return Text("")
        frame = frames[int(time.monotonic() * 10) % len(frames)]
        return Text(fitted(screen.redact(f"  {frame} {words}"), max(console.width - 1, 20)))

    live = Live(
        console=console, get_renderable=draw, refresh_per_second=10, transient=True,
        redirect_stdout=False, redirect_stderr=False,
    )  # fmt: skip
    return console, live


@contextmanager
def moving(screen: Screen, line: Callable[[], str]) -> Iterator[None]:
    """One moving line, gone when the block ends."""
    _, live = _drawn(screen, line)
    with live:
        yield


class LiveProgress:
    """Use it as a context manager around the work; `listen` takes the events."""

    def __init__(self, screen: Screen, *, opened: bool = False) -> None:
        self._screen = screen
        self._plain = PlainProgress(marks=screen.marks, paint=screen.paint_err, opened=opened)
        self._lock = threading.Lock()
        self._step: StepStarted | None = None
        self._progress: StepProgress | None = None
        self._skew = 0.0
        self._console, self._live = _drawn(screen, self._under_way)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._step = None
        self._live.stop()

    def listen(self, event: Event) -> None:
        """Show one event."""
        with self._lock:
            self._skew = event.at - time.time()
            if isinstance(event, StepStarted):
                self._step, self._progress = event, None
            elif isinstance(event, StepProgress):
                self._progress = event
                self._plain.told[event.step] = event.at + EVERY  # what moves is not told a second time
            elif isinstance(event, StepDone | StepFailed):
                self._step = self._progress = None
            lines = [] if isinstance(event, StepProgress) else self._plain.lines(event)
        for line in lines:
            self._print(line)

    def _print(self, line: str) -> None:
        from rich.text import Text

        self._console.print(Text.from_ansi(self._screen.redact(line)), no_wrap=True, overflow="ignore", crop=False)

    def _under_way(self) -> str | None:
        with self._lock:
            step, progress = self._step, self._progress
        if step is None:
            return None
        return waiting(step.step, progress, began=step.at, now=time.time() + self._skew)
