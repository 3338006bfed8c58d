"""The in-memory target: a reference for authors of targets, a double for tests of the engine, and a tutorial.

Its endpoints live in a *store*, a process of its own for each folder, so that they outlive a killed client, as those of
a real target do. Nothing is written to disk but the store's socket and lock; when the store stops, all is gone.

The parts are imported when they are asked for: the store runs with the standard library alone.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deployer.testing.memory.config import MemoryConfig, MemoryOptions, Settle
    from deployer.testing.memory.entry import kind
    from deployer.testing.memory.place import Fault, MemoryPlace
    from deployer.testing.memory.target import MemoryTarget

__all__ = ["Fault", "MemoryConfig", "MemoryOptions", "MemoryPlace", "MemoryTarget", "Settle", "kind"]

_HOME = {
    "Fault": "place",
    "MemoryConfig": "config",
    "MemoryOptions": "config",
    "MemoryPlace": "place",
    "MemoryTarget": "target",
    "Settle": "config",
    "kind": "entry",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = found
    return found
