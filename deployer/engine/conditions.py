"""Under which a plan is executed."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from deployer.engine.clock import Clock, SystemClock
from deployer.engine.events import Listener
from deployer.plan.planner import Context

__all__ = ["Conditions"]


@dataclass(frozen=True)
class Conditions:
    """Under which a plan is executed; see `Deployer.execute`."""

    by: str
    clock: Clock = field(default_factory=SystemClock)
    listener: Listener | None = None
    wait: bool = True
    once: bool = False
    timeout: float | None = None
    keep_failed: bool = False
    wait_lock: float | None = None
    context: Context | None = None
    environ: dict[str, str] = field(default_factory=lambda: dict(os.environ))
