"""Progress on a terminal: finished steps stay, the one under way moves below them. rich draws it, markup off."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from deployer.cli.render.progress import EVERY, PlainProgress, fitted, waiting
from deployer.cli.screen import Screen
from deployer.engine.events import Event, StepDone, StepFailed, StepProgress, StepStarted

if TYPE_CHECKING:
    from rich.text import Text

__all__ = ["LiveProgress"]

_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_ASCII_FRAMES = "|/-\\"


class LiveProgress:
    """Use it as a context manager around the work; `listen` takes the events."""

    def __init__(self, screen: Screen, *, opened: bool = False) -> None:
        from rich.console import Console
        from rich.live import Live

        self._screen = screen
        self._plain = PlainProgress(marks=screen.marks, paint=screen.paint_err, opened=opened)
        self._lock = threading.Lock()
        self._step: StepStarted | None = None
        self._progress: StepProgress | None = None
        self._skew = 0.0
        self._console = Console(file=screen.err, markup=False, highlight=False, emoji=False, soft_wrap=True)
        self._live = Live(
            console=self._console, get_renderable=self._moving, refresh_per_second=10, transient=True,
            redirect_stdout=False, redirect_stderr=False,
        )  # fmt: skip

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

    def _moving(self) -> Text:
        from rich.text import Text

        with self._lock:
            step, progress = self._step, self._progress
        if step is None:
            return Text("")
        now = time.time() + self._skew
        frames = _FRAMES if self._screen.marks.unicode else _ASCII_FRAMES
        frame = frames[int(now * 10) % len(frames)]
        line = f"  {frame} {waiting(step.step, progress, began=step.at, now=now)}"
        return Text(fitted(self._screen.redact(line), max(self._console.width - 1, 20)))
