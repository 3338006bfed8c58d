"""What the engine tells while it works: typed events, rendered by whoever listens. The engine never prints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import Field

from deployer.endpoint import Diagnosis
from deployer.plan.values import Plan
from deployer.value import Value

__all__ = [
    "Event",
    "Listener",
    "Note",
    "Planned",
    "StepDone",
    "StepFailed",
    "StepName",
    "StepProgress",
    "StepStarted",
]

StepName = Literal[
    "environment", "image", "configure", "start", "healthy", "traffic", "retire", "undo", "delete", "claim", "adopt"
]
"""What a person sees: ``deliver`` is "environment" or "image", ``stage`` is "start", ``verify`` is "healthy"."""


class _At(Value):
    at: float
    """Seconds since the epoch."""
    endpoint: str
    target: str


class Planned(_At):
    """The plan is made; its execution begins."""

    event: Literal["planned"] = "planned"
    plan: Plan


class StepStarted(_At):
    """A step began."""

    event: Literal["step-started"] = "step-started"
    step: StepName
    revision: str | None = None


class StepProgress(_At):
    """What a step waits for, and how far it is."""

    event: Literal["step-progress"] = "step-progress"
    step: StepName
    detail: str
    done: float | None = None
    total: float | None = None
    unit: str = ""
    since: float | None = None
    """When that detail last changed, seconds since the epoch."""


class StepDone(_At):
    """A step ended well."""

    event: Literal["step-done"] = "step-done"
    step: StepName
    detail: str = ""
    seconds: float = 0.0


class StepFailed(_At):
    """A step ended badly; the engine goes on to undo what was done."""

    event: Literal["step-failed"] = "step-failed"
    step: StepName
    detail: str = ""
    how: str = ""
    """How the revision fell over, when it did: ``worker 1 exited 1 after 1.8 s``."""
    diagnosis: Diagnosis | None = None
    seconds: float = 0.0


class Note(_At):
    """Something that a person should know."""

    event: Literal["note"] = "note"
    text: str


Event = Annotated[Planned | StepStarted | StepProgress | StepDone | StepFailed | Note, Field(discriminator="event")]
Listener = Callable[[Planned | StepStarted | StepProgress | StepDone | StepFailed | Note], None]
"""Receives each event as it happens; a failure inside it never changes what the engine does."""
