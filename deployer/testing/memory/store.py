"""The store's process: ``python -m deployer.testing.memory.store FOLDER IDLE-SECONDS``. Standard library alone.

It listens on ``FOLDER/socket`` and takes one request for each connection: the client sends a JSON object and shuts its
side down, the store answers a JSON object and closes. Each request is one step: no two are ever interleaved.

::

    {"verb": "stage", "arguments": {...}, "fault": "lost"}   ->   {"value": ..., "change": 7, "at": 1700000000.0}
                                                              or   {"refused": {"kind": "Conflict", "message": ...}}
"""

from __future__ import annotations

import base64
import copy
import fcntl
import json
import os
import pickle
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

from deployer.testing.memory.refused import Refused
from deployer.testing.memory.state import Json, State

if sys.platform == "win32":
    raise ImportError("the memory store needs Unix sockets")

__all__ = ["Store", "main"]

FAULTS = {
    "timeout": ("the store did not answer in time", True),
    "throttled": ("too many requests, slow down", True),
    "server-error": ("the store answered 500", True),
    "permission": ("not allowed", False),
}
"""Faults that happen before anything is done. Beside them: ``lost`` (done, but the answer is lost), ``half`` (only the
first part is done, and the answer is lost) and ``stale`` (`observe` and `list` answer as of when the fault was set)."""


class Store:
    """The state behind one lock, with its clock and its faults."""

    def __init__(self) -> None:
        self.state = State()
        self.changed = threading.Condition()
        self.ahead = 0.0
        self.faults: list[Json] = []
        self.stop = threading.Event()

    def now(self) -> float:
        """The store's clock: the host's, and as much ahead as tests have advanced it."""
        return time.time() + self.ahead

    def answer(self, request: Json) -> Json | None:
        """One request's answer; None when the answer is lost."""
        verb, arguments = request["verb"], dict(request.get("arguments", {}))
        if verb == "watch":
            return self.watch(**arguments)
        with self.changed:
            try:
                return self._answer(verb, arguments, request.get("fault") or self._fault(verb))
            except Refused as error:
                return {"refused": error.answer}
            finally:
                self.changed.notify_all()

    def _answer(self, verb: str, arguments: Json, fault: str | Json | None) -> Json | None:
        name = str(arguments.get("endpoint"))
        if verb.startswith("place_"):
            return {"value": getattr(self, f"_{verb}")(**arguments)}
        if isinstance(fault, dict):
            return {"value": fault[name] if verb == "observe" else list(fault.values()), "change": 0, "at": self.now()}
        if fault in FAULTS:
            message, transient = FAULTS[fault]
            raise Refused("TargetUnavailable", f"{verb}: {message}", transient=transient)
        now = self.now()
        value = now if verb == "now" else self.state.do(verb, arguments, now, half=fault == "half")
        if fault in ("lost", "half"):
            return None
        return {"value": copy.deepcopy(value), "change": self.state.changes.get(name, 0), "at": now}

    def watch(self, endpoint: str, seconds: float, change: int, at: float) -> Json:
        """Answer when something may have changed since that change and moment, or when the seconds are over."""
        until = time.monotonic() + seconds
        with self.changed:
            while True:
                now = self.now()
                due = self.state.next_change(endpoint, at) - now
                left = until - time.monotonic()
                if self.state.changes.get(endpoint, 0) != change or due <= 0 or left <= 0 or self.stop.is_set():
                    return {"value": None}
                self.changed.wait(min(due, left))

    def _fault(self, verb: str) -> str | Json | None:
        for fault in self.faults:
            if fault["verb"] != verb:
                continue
            if fault["skip"]:
                fault["skip"] -= 1
                continue
            fault["times"] -= 1
            if not fault["times"]:
                self.faults.remove(fault)
            return fault["snapshot"] if fault["kind"] == "stale" else str(fault["kind"])
        return None

    # what tests ask of the place

    def _place_ping(self) -> int:
        return os.getpid()

    def _place_stop(self) -> int:
        self.stop.set()
        return os.getpid()

    def _place_advance(self, seconds: float) -> float:
        self.ahead += seconds
        return self.now()

    def _place_inject(self, verb: str, kind: str, skip: int, times: int) -> None:
        fault: Json = {"verb": verb, "kind": kind, "skip": skip, "times": times}
        if kind == "stale":
            fault["snapshot"] = _Snapshot({e["name"]: e for e in copy.deepcopy(self.state.do("list", {}, self.now()))})
        self.faults.append(fault)

    def _place_put_foreign(self, endpoint: str, facts: Json, runs: Json | None = None) -> None:
        self.state.put_foreign(endpoint, facts, runs)
        self.state.touch(endpoint)

    def _place_foreign(self, endpoint: str) -> Json | None:
        return self.state.foreign.get(endpoint)

    def _place_remove_foreign(self, endpoint: str) -> None:
        self.state.remove_foreign(endpoint)

    def _place_lose_record(self, endpoint: str) -> None:
        self.state.records.pop(endpoint, None)

    def _place_save(self) -> str:
        return base64.b64encode(pickle.dumps(self.state)).decode()

    def _place_load(self, saved: str) -> None:
        self.state = pickle.loads(base64.b64decode(saved))  # noqa: S301 - what `save` gave; the socket is its owner's
        self.faults.clear()

    def _place_answered(self, endpoint: str) -> dict[str, int]:
        found = self.state.endpoints.get(endpoint)
        return dict(found.answered) if found else {}

    def _place_holdings(self) -> Json:
        self.state.settle(self.now())
        return {
            "records": sorted(self.state.records),
            "foreign": sorted(self.state.foreign),
            "endpoints": {
                name: {
                    "revisions": sorted(each.revisions),
                    "artifacts": sorted(each.artifacts),
                    "secrets": sorted(f"{secret}/{number}" for secret, number in each.secrets),
                }
                for name, each in sorted(self.state.endpoints.items())
            },
        }


class _Snapshot(dict[str, Any]):
    """What was there when a ``stale`` fault was set; None for what was not."""

    def __missing__(self, name: str) -> None:
        return None


def _serve_one(store: Store, connection: socket.socket) -> None:
    with connection:
        connection.settimeout(30)
        try:
            with connection.makefile("rb") as asked:
                answered = store.answer(json.loads(asked.read()))
            if answered is not None:
                connection.sendall(json.dumps(answered).encode())
            if store.stop.is_set():
                _end()
        except (OSError, ValueError):
            return  # a client that was killed half-way


def serve(store: Store, listener: socket.socket, idle: float) -> None:
    """Answer until told to stop, or until nothing was here and nobody asked for the idle time."""
    listener.settimeout(0.5)
    last = time.monotonic()
    while True:
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            if store.state.empty and time.monotonic() - last > idle:
                return
            continue
        last = time.monotonic()
        threading.Thread(target=_serve_one, args=(store, connection), daemon=True).start()


def main(folder: str, idle: float) -> int:
    """Be the store of a folder; ends at once, with 0, when there is one already."""
    os.chdir(folder)  # so that the socket's path is short, whatever the folder's
    with Path("lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return 0
        Path("socket").unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as listener:
            os.umask(0o077)
            listener.bind("socket")
            listener.listen(128)
            if os.fork():
                os._exit(0)  # tells whoever started us that requests are answered from now on
            os.setsid()
            for stream in range(3):
                os.dup2(os.open(os.devnull, os.O_RDWR), stream)
            serve(Store(), listener, idle)
            _end()
    return 0


def _end() -> None:
    """End at once, whatever the other threads do; the kernel lets go of the lock after the socket is gone."""
    Path("socket").unlink(missing_ok=True)
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2])))
