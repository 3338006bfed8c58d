"""The calls that a double was asked for."""

from __future__ import annotations

import threading
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["Journal"]

Call = TypeVar("Call", bound="DataclassInstance")


class Journal(Generic[Call]):
    """The calls, the oldest first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: list[Call] = []

    def add(self, call: Call) -> None:
        """Note one."""
        with self._lock:
            self._calls.append(call)

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._calls.clear()

    def all(self) -> list[Call]:
        """All of them."""
        with self._lock:
            return list(self._calls)

    def json(self) -> list[dict[str, Any]]:
        """All of them, for the admin route."""
        return [asdict(call) for call in self.all()]
