"""What a cluster tells of a namespace, with the time at which it did: states of pods, refusals of pods, and events."""

from __future__ import annotations

import contextlib
import http.client
import re
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType

    from tests.cluster.api import Object
    from tests.plugins.cluster import Namespace

__all__ = ["News"]

_WATCHED = (("v1", "Pod"), ("v1", "Event"), ("apps/v1", "Deployment"))
_LONGEST = 240.0
_LATE = 10.0
"""Seconds that a word may come later than the command that it is about has ended."""


class News:
    """Watches a namespace while its ``with`` block runs.

    Args:
        namespace: Which.
    """

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace
        self._heard: list[tuple[float, str]] = []
        self._threads: list[threading.Thread] = []
        self._over = False

    def __enter__(self) -> News:
        for version, kind in _WATCHED:
            path = self._namespace.cluster.kind(version, kind).path(self._namespace.name)
            listed = self._namespace.cluster.ask("GET", path)["metadata"]["resourceVersion"]
            thread = threading.Thread(target=self._watch, args=(version, kind, listed), daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over = True

    def _watch(self, version: str, kind: str, since: str) -> None:
        cluster, name = self._namespace.cluster, self._namespace.name
        while not self._over:  # one that breaks off is begun again
            with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
                for _, found in cluster.watch(version, kind, name, version=since, seconds=_LONGEST):
                    if self._over:
                        return
                    now = time.time()
                    self._heard += [(now, word) for word in _words(kind, found)]
            with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
                listed = cluster.ask("GET", cluster.kind(version, kind).path(name))
                since, now = listed["metadata"]["resourceVersion"], time.time()
                self._heard += [(now, word) for each in listed["items"] for word in _words(kind, each)]

    def first(self, pattern: str) -> float:
        """When the first word came that matches, seconds since the epoch."""
        until = time.monotonic() + _LATE
        while time.monotonic() < until:
            for at, word in [*self._heard]:
                if re.search(pattern, word):
                    return at
            time.sleep(0.05)
        raise AssertionError(f"nothing like {pattern!r} was told: {sorted({word for _, word in self._heard})}")


def _words(kind: str, found: Object) -> Iterator[str]:
    status: Any = found.get("status") or {}
    if kind == "Event":
        yield f"{found.get('reason')}: {found.get('message')}"
    for each in status.get("conditions") or ():
        if each.get("message"):
            yield f"{each['type']} {each['status']}: {each.get('reason')} {each['message']}"
    for each in status.get("containerStatuses") or ():
        for name, state in (each.get("state") or {}).items():
            yield f"{name}: {state.get('reason')} {state.get('message', '')}"
