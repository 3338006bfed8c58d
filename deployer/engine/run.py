"""One execution of a plan, as far as it has come, and what it tells meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from deployer.endpoint import Rollout
from deployer.engine.claiming import Hold
from deployer.engine.clock import Clock
from deployer.engine.conditions import Conditions
from deployer.engine.events import Listener, Note, StepDone, StepFailed, StepName, StepProgress, StepStarted
from deployer.engine.patience import patiently
from deployer.errors import DeployerError, DeploymentFailed
from deployer.plan import Plan
from deployer.plan.values import Wish
from deployer.spec import DeploymentSpec
from deployer.target import Target, TargetKind

__all__ = ["Run", "Telling"]

_T = TypeVar("_T")


class Telling:
    """Tells a listener; what goes wrong in there stays there.

    Args:
        endpoint: Its name.
        target: Its target's name.
        clock: When things happened.
        listener: Who is told, if anybody.
        hide: Takes known secrets out of a text that comes from outside.
    """

    def __init__(
        self,
        endpoint: str,
        target: str,
        clock: Clock,
        listener: Listener | None,
        hide: Callable[[str], str] = lambda text: text,
    ) -> None:
        self._named = {"endpoint": endpoint, "target": target}
        self._clock = clock
        self._listener = listener
        self._hide = hide
        self._last: tuple[str, float] = ("", 0.0)

    def tell(self, event: type[Any], **fields: Any) -> None:
        """Make the event and hand it over."""
        if self._listener is None:
            return
        try:
            self._listener(event(at=self._clock.now(), **self._named, **fields))
        except Exception:
            self._listener = None

    def note(self, text: str) -> None:
        """Something that a person should know."""
        self.tell(Note, text=self._hide(text))

    def progress(self, step: StepName, detail: str, **fields: Any) -> None:
        """What a step waits for, with since when that has not changed."""
        if detail != self._last[0]:
            self._last = (detail, self._clock.now())
        self.tell(StepProgress, step=step, detail=self._hide(detail), since=self._last[1], **fields)

    @contextmanager
    def step(self, step: StepName, revision: str | None = None) -> Iterator[list[str]]:
        """Tells begin and end; the list takes the detail of the end."""
        began = self._clock.monotonic()
        self.tell(StepStarted, step=step, revision=revision)
        detail: list[str] = []
        try:
            yield detail
        except DeployerError as error:
            diagnosis = error.diagnosis if isinstance(error, DeploymentFailed) else None
            words = self._hide(diagnosis.summary if diagnosis else error.message)
            how = self._hide(error.how) if isinstance(error, DeploymentFailed) else ""
            seconds = self._clock.monotonic() - began
            self.tell(StepFailed, step=step, detail=words, how=how, diagnosis=diagnosis, seconds=seconds)
            raise
        self.tell(StepDone, step=step, detail=", ".join(detail), seconds=self._clock.monotonic() - began)


@dataclass
class Run:
    """One execution of a plan, as far as it has come."""

    plan: Plan
    target: Target
    kind: TargetKind
    hold: Hold
    conditions: Conditions
    telling: Telling
    began: float
    """Monotonic."""
    interrupted: Rollout | None = None
    """The roll-out that an earlier command left, if one did."""
    staged: list[str] = field(default_factory=list)
    moved: bool = False
    """Whether traffic went to another revision."""
    destroyed: bool = False
    detail: str = ""
    """How the new revision proved itself, for the history."""

    @property
    def clock(self) -> Clock:
        return self.conditions.clock

    @property
    def wish(self) -> Wish:
        if self.plan.wish is None:
            raise DeployerError(f"the plan to {self.plan.verb} {self.plan.endpoint} has no wish for this step")
        return self.plan.wish

    @property
    def spec(self) -> DeploymentSpec:
        return DeploymentSpec(**self.wish.spec)

    def patiently(self, call: Callable[[], _T]) -> _T:
        """The verb's answer, asked again while the target is unavailable for the moment."""
        return patiently(self.clock, call)
