"""Heavy libraries, imported when they are used, by one thread at a time.

Two threads that import modules which import each other are let through half-way by CPython, so that one of them sees a
module half-made (importlib's ``_DeadlockError``, ``ImportError`` of "a partially initialized module"). Several targets
are asked at once, and azure-core, requests and urllib3 are made of such modules.
"""

from __future__ import annotations

import threading
from importlib import import_module
from typing import Any

__all__ = ["library"]

_ONE_AT_A_TIME = threading.RLock()


def library(name: str) -> Any:
    """A module by its whole name; its types are not checked.

    Raises:
        ImportError: It is not installed.
    """
    with _ONE_AT_A_TIME:
        return import_module(name)
