"""Tells when something of an endpoint has changed, by the API server's own watches."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from typing import Any

from deployer_kubernetes.client import KINDS, Cluster
from deployer_kubernetes.marks import selector

__all__ = ["Watcher"]

KINDS_WATCHED = ("Pod", "Deployment")
"""A pod tells its readiness, its crashes and its want of a node; a Deployment, that no pod can be made."""
PERIOD = 60
"""Seconds that one watch lasts; nobody who asked within them, and it is not begun again."""
_PAUSE = 0.2
"""Seconds before a watch that broke off is begun again."""


class Watcher:
    """Watches one endpoint while somebody asks.

    A change that happens between two calls of `wait` ends the second at once, so that none is missed between a look and
    the next wait.

    Args:
        cluster: Its namespace.
        endpoint: Which.
    """

    def __init__(self, cluster: Cluster, endpoint: str) -> None:
        self._cluster = cluster
        self._labels = selector(endpoint)
        self._changed = threading.Event()
        self._asked = time.monotonic()
        self._threads: dict[str, threading.Thread] = {}
        self._lock = threading.Lock()

    def wait(self, seconds: float) -> None:
        """Return when something may have changed, or when the seconds are over."""
        self._asked = time.monotonic()
        self._begin()
        self._changed.wait(seconds)
        self._changed.clear()

    def _begin(self) -> None:
        with self._lock:
            for kind in KINDS_WATCHED:
                thread = self._threads.get(kind)
                if thread is None or not thread.is_alive():
                    self._threads[kind] = threading.Thread(
                        target=self._watch, args=(kind,), name=f"watch {kind}", daemon=True
                    )
                    self._threads[kind].start()

    def _watch(self, kind: str) -> None:
        version = ""
        while time.monotonic() - self._asked < PERIOD:
            try:
                if not version:
                    _, version = self._cluster.all(kind, self._labels)
                    self._changed.set()  # what happened before this list is news to whoever waits
                version = self._follow(kind, version)
            except Exception:  # whatever it was, the next look of whoever waits tells it
                version = ""
                self._changed.set()
                time.sleep(_PAUSE)

    def _follow(self, kind: str, version: str) -> str:
        """One watch: where the next one goes on; "" where that has to be asked for anew."""
        query = {
            "watch": "true", "labelSelector": self._labels, "resourceVersion": version, "timeoutSeconds": PERIOD,
            "allowWatchBookmarks": "true",
        }  # fmt: skip
        path = KINDS[kind].path(self._cluster.namespace)
        with contextlib.closing(self._cluster.open("GET", path, query=query, silence=PERIOD + 15)) as answer:
            rest = b""
            # read1 gives what is there, where stream() would wait for a whole piece.
            while piece := answer.read1(65536):
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    event: Any = json.loads(line)
                    if event["type"] == "ERROR":  # 410: the version is too old by now
                        self._changed.set()
                        return ""
                    version = event["object"]["metadata"]["resourceVersion"]
                    if event["type"] != "BOOKMARK":
                        self._changed.set()
        return version
