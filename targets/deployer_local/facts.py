"""What was found of one endpoint, as frozen values, before it is judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from deployer.endpoint import Record
from deployer_local.desired import Desired

__all__ = ["Facts", "Supervision", "WorkerFact"]


class Supervision(StrEnum):
    """How it stands with the supervisor."""

    ANSWERS = "answers"
    SILENT = "silent"
    """It lives, and does not answer."""
    GONE = "gone"


@dataclass(frozen=True)
class WorkerFact:
    """One worker's place.

    Attributes:
        phase: The supervisor's: waiting, running, failed, stopping, gone.
        state: What the worker says: "", loading, ready, draining, failed.
        alive: Whether its process is there, as far as it can be told.
        looping: Whether it crashes again and again.
        last_exit: ``code`` or ``signal`` or ``error``, ``at``, ``ran`` (seconds), ``ready``, ``asked``.
    """

    revision: str
    number: int
    phase: str = "running"
    state: str = ""
    accepting: bool = False
    pid: int | None = None
    alive: bool = False
    began: float | None = None
    restarts: int = 0
    looping: bool = False
    last_exit: Mapping[str, Any] | None = None
    trouble: str = ""

    @property
    def ready(self) -> bool:
        """Whether it could take a request now."""
        return self.alive and self.state == "ready" and self.phase == "running"


@dataclass(frozen=True)
class Facts:
    """All that was found. Without a supervisor, what workers themselves say, and what the last supervisor wrote down.

    Attributes:
        there: Whether anything but an empty folder is there.
        seen: Digest of the wish's bytes; ``acted`` is the one that the supervisor has acted on.
        changes: The supervisor's count of changes, for watching; None when it does not answer.
        rebooted: Whether the host was started again since the supervisor wrote its state, and none runs.
        port: Where it listens, or last listened.
        port_trouble: ``taken``, or another reason why it does not listen; "" when all is well.
        port_owner: Who has the port, as far as it can be told.
        removing: Whether artifacts are being removed.
        serials: Which staging of each revision the supervisor has seen.
        began: When each revision began, by the supervisor: staging a failed one again begins it anew.
        was_ready: Revisions of which a worker was ready at some time.
        memory: pid -> bytes in RAM.
    """

    name: str
    target: str
    foreign: bool = False
    there: bool = True
    record: Record | None = None
    record_trouble: str = ""
    desired: Desired | None = None
    seen: str | None = None
    supervision: Supervision = Supervision.GONE
    acted: str | None = None
    changes: int | None = None
    rebooted: bool = False
    host: str | None = None
    port: int | None = None
    port_trouble: str = ""
    port_owner: str = ""
    trouble: str = ""
    removing: bool = False
    serials: Mapping[str, int] = field(default_factory=dict)
    began: Mapping[str, float | None] = field(default_factory=dict)
    was_ready: frozenset[str] = frozenset()
    workers: tuple[WorkerFact, ...] = ()
    memory: Mapping[int, int | None] = field(default_factory=dict)

    def of(self, revision: str) -> tuple[WorkerFact, ...]:
        """The places of one revision."""
        return tuple(each for each in self.workers if each.revision == revision)
