"""What is to go wrong: queued by a test, taken by the next call that it fits."""

from __future__ import annotations

import threading
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    class Fault(DataclassInstance, Protocol):
        """One thing that goes wrong: how many calls go right before, and how many it then spoils."""

        @property
        def skip(self) -> int: ...
        @property
        def times(self) -> int: ...
        def fits(self, *about: Any, **more: Any) -> bool: ...


__all__ = ["Faults"]

Each = TypeVar("Each", bound="Fault")


class Faults(Generic[Each]):
    """The faults that are still to come."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[tuple[Each, list[int]]] = []

    def add(self, fault: Each) -> None:
        """Queue it behind the others."""
        with self._lock:
            self._waiting.append((fault, [fault.skip, fault.times]))

    def clear(self) -> None:
        """Let nothing go wrong any more."""
        with self._lock:
            self._waiting.clear()

    def all(self) -> list[dict[str, Any]]:
        """Those that are still to come, with how often."""
        with self._lock:
            return [{**asdict(fault), "skip": skip, "times": times} for fault, (skip, times) in self._waiting]

    def take(self, *about: str) -> Each | None:
        """The first that fits, counted down; None where the call goes right.

        Args:
            about: What a fault is asked with: the operation's and the resource's names.
        """
        with self._lock:
            for waiting in self._waiting:
                fault, left = waiting
                if not fault.fits(*about):
                    continue
                if left[0] > 0:
                    left[0] -= 1
                    continue
                left[1] -= 1
                if left[1] <= 0:
                    self._waiting.remove(waiting)
                return fault
        return None
