"""How a command ended."""

from __future__ import annotations

from enum import StrEnum

from deployer.endpoint import Endpoint
from deployer.plan.values import Plan
from deployer.value import Value

__all__ = ["Ending", "Outcome"]


class Ending(StrEnum):
    """In one word."""

    UNCHANGED = "unchanged"
    CREATED = "created"
    ADOPTED = "adopted"
    """Taken over as it ran, and nothing more was to be done."""
    UPDATED = "updated"
    ROLLED_BACK = "rolled back"
    DELETED = "deleted"
    PENDING = "pending"
    """Staged, and nobody waits (``--no-wait``)."""


class Outcome(Value):
    """What an executed plan led to; what failed is an error instead."""

    ending: Ending
    endpoint: Endpoint | None
    """As it is now; None after a delete."""
    plan: Plan
    seconds: float
