"""What the in-memory target is told: where its store is, and how a revision behaves."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from deployer.quantity import Seconds
from deployer.spec import Scope
from deployer.spec.fields import scoped
from deployer.value import Value

__all__ = ["Behaviour", "MemoryConfig", "MemoryOptions", "Settle"]

Behaviour = Literal["healthy", "slow", "never-ready", "load-fails", "missing-dependency", "differs", "crashes-later"]
"""How a revision lives: ``slow`` takes twenty times ``settle.start``; ``never-ready`` starts for ever; ``load-fails``
and ``missing-dependency`` end as failed; ``differs`` is healthy and answers other than the packaged model does;
``crashes-later`` is healthy for ``settle.crash``."""


class MemoryOptions(Value):
    """Where the store is.

    Attributes:
        root: Its folder; by default ``$XDG_DATA_HOME/deployer/memory``. Holds a socket and a lock, nothing else.
        idle: A store without endpoints ends after so many seconds without a request.
    """

    root: Path | None = Field(default=None, description="The store's folder: a socket and a lock, nothing else.")
    idle: Seconds = Field(
        default=600.0, description="A store without endpoints ends after this time without a request."
    )


class Settle(Value):
    """How long things take, by the store's clock."""

    start: Seconds = Field(default=0.05, description="From staged to ready, or to failed.")
    observations: int = Field(default=0, ge=0, description="How often it is looked at before it is ready, or gone.")
    stop: Seconds = Field(default=0.0, description="From retired to gone.")
    crash: Seconds = Field(default=1.0, description="How long `crashes-later` is healthy.")


class MemoryConfig(Value):
    """A spec's ``config`` on the memory target."""

    behaviour: Behaviour = scoped(Scope.REVISION, "healthy", description="How the revision lives; failures are a wish.")
    settle: Settle = scoped(Scope.REVISION, Settle(), description="How long things take.")
