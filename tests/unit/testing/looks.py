"""What a target asks a double of its service for."""

from __future__ import annotations

from collections import Counter
from typing import Any

__all__ = ["asked_by_a_look"]


def asked_by_a_look(living: Any) -> Counter[str]:
    """The operations of one look at an endpoint, a ``Living`` of a cloud's tests."""
    journal = living.double.world.journal
    journal.clear()
    living.seen()
    return Counter(each.operation for each in journal.all())
