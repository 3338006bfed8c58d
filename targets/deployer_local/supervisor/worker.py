"""One worker's place: its lock, its process, what it says of itself, and how it is started, adopted and ended."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .control import ask, follow
from .files import make_folder, read_object, remove_tree
from .journal import note, open_log
from .policy import Key
from .system import Process, end_group, exit_code, lock, start_time

__all__ = ["ALLOWED", "Worker", "allowed", "command", "environment", "slot_of"]

ALLOWED = frozenset(
    {"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR"}
)
"""Variables of the person's environment that a model sees, beside ``LC_*``; whatever else it needs, the spec says."""
_FIXED = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONNOUSERSITE": "1", "PYTHONUNBUFFERED": "1"}
ANSWER = 3.0
BEYOND_DRAIN = 5.0
"""Seconds beyond its drain after which a worker that does not end is killed."""


def allowed(variables: Mapping[str, str]) -> dict[str, str]:
    """The part of an environment that a supervisor and its workers are given."""
    return {name: value for name, value in variables.items() if name in ALLOWED or name.startswith("LC_")}


def environment(wanted: Mapping[str, Any], variables: Mapping[str, str]) -> dict[str, str]:
    """A worker's whole environment."""
    return {**allowed(variables), **_FIXED, **wanted["environment"]}


def command(wanted: Mapping[str, Any], folder: Path, key: Key, drain: float) -> list[str]:
    """A worker's command line. Sockets are named from its working folder, since their paths may not be long."""
    revision, number = key
    return [
        str(folder / wanted["python"]), str(folder / wanted["runtime"]), "serve",
        "--model", str(folder / wanted["model_folder"]),
        "--revision", revision,
        "--uds", f"../../run/{revision}.{number}.sock",
        "--control", f"../../run/{revision}.{number}.ctl",
        "--secrets", str(folder / "secrets" / revision),
        "--drain", f"{drain:g}",
        *wanted["arguments"],
    ]  # fmt: skip


def slot_of(path: Path) -> Key | None:
    """The place that a file in ``run/`` belongs to, or None: ``r1234567.0.lock`` is ("r1234567", 0)."""
    revision, _, rest = path.name.partition(".")
    number = rest.partition(".")[0]
    return (revision, int(number)) if revision and number.isdigit() else None


class Worker:
    """A place for one worker, and the worker in it. All paths are from the endpoint's folder, the working folder.

    Attributes:
        phase: ``waiting`` (to be started when due), ``running``, ``failed`` (not tried again), ``stopping``, ``gone``.
        state: What the worker says: "" (nothing yet), loading, ready, draining, failed.
        accepting: Whether it accepts on the public port.
    """

    def __init__(self, folder: Path, key: Key, ended: Callable[[Worker], None], changed: Callable[[], None]) -> None:
        self.key = key
        self.phase = "waiting"
        self.state = ""
        self.accepting = False
        self.ceased = False
        self.adopted = False
        self.crashes = 0
        self.restarts = 0
        self.due = 0.0
        self.began: float | None = None
        self.ready_since: float | None = None
        self.last_exit: dict[str, Any] | None = None
        self.trouble = ""
        self.process: Process | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._folder = folder
        self._ended = ended
        self._changed = changed
        self._following: asyncio.Task[None] | None = None
        self._over = asyncio.Event()
        name = f"{key[0]}.{key[1]}"
        self._lock, self._log = Path("run", f"{name}.lock"), Path("logs", f"{name}.log")
        self._socket, self.control = Path("run", f"{name}.sock"), f"run/{name}.ctl"
        self._work = Path("work", name)

    @property
    def ready(self) -> bool:
        """Whether it could take a request now."""
        return self.phase == "running" and self.state == "ready"

    # Beginning.

    def start(self, wanted: Mapping[str, Any], drain: float, boot: str) -> None:
        """Start a process here, or adopt the one that is here; one that cannot be started has ended at once."""
        slot = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if not lock(slot):
                self._adopted()
                return
            self._reset()
            try:
                self._spawn(slot, wanted, drain, boot)
            except (OSError, subprocess.SubprocessError) as error:
                self._finish({"error": f"cannot be started: {error}"})
                return
        finally:
            os.close(slot)
        self._watch()

    def _reset(self) -> None:
        self.phase, self.state, self.accepting, self.ceased, self.adopted = "running", "", False, False, False
        self.began, self.ready_since, self.trouble = time.time(), None, ""
        self._over.clear()

    def _spawn(self, slot: int, wanted: Mapping[str, Any], drain: float, boot: str) -> None:
        if sys.platform == "win32":
            raise OSError("not on Windows")
        for path in (self._socket, Path(self.control)):
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
        make_folder(self._work)
        line = command(wanted, self._folder, self.key, drain)
        log = open_log(self._log)
        try:
            note(self._log, "started", revision=self.key[0], replica=self.key[1], restarts=self.restarts)
            self._child = subprocess.Popen(
                line, cwd=self._work, env=environment(wanted, os.environ),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, umask=0o077, pass_fds=(slot,),
                preexec_fn=lambda: _sign(slot, boot),  # noqa: PLW1509 - one thread, and the lock must say who holds it
            )  # fmt: skip
        finally:
            os.close(log)
        self.process = Process.find(self._child.pid)

    def adopt(self) -> bool:
        """Take over the process that holds this place; False when none does."""
        try:
            slot = os.open(self._lock, os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            if lock(slot):
                return False
        finally:
            os.close(slot)
        self._adopted()
        return True

    def _adopted(self) -> None:
        self._reset()
        self.adopted = True
        self._identify()
        self._watch()

    def _identify(self) -> bool:
        signed = read_object(self._lock) or {}
        if isinstance(signed.get("pid"), int):
            self.process = Process.find(signed["pid"], signed.get("started"))
            self.began = signed.get("at", self.began)
        return self.process is not None

    # Watching.

    def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        descriptor = self.process.fileno() if self.process is not None else None
        if descriptor is not None:
            loop.add_reader(descriptor, self.look)
        self._following = asyncio.create_task(self._follow())

    async def _follow(self) -> None:
        pause = 0.01
        while not self._over.is_set():
            with contextlib.suppress(OSError):
                async for line in follow(self.control):
                    self._told(line)
            self.look()
            await asyncio.sleep(pause)
            pause = min(pause * 1.3, 0.25)

    def _told(self, line: Mapping[str, Any]) -> None:
        if self.process is None and isinstance(line.get("pid"), int):
            self.process = Process.find(line["pid"])
        before = (self.state, self.accepting)
        self.state, self.accepting = str(line.get("state", "")), bool(line.get("accepting"))
        if self.state == "ready" and self.ready_since is None:
            self.ready_since = float(line.get("since") or time.time())
        if before != (self.state, self.accepting):
            self._changed()

    def look(self) -> None:
        """See whether the process has ended, and say so once."""
        if self.phase not in ("running", "stopping") or self._over.is_set():
            return
        if self._child is not None:
            code = exit_code(self._child)
            if code is not None:
                self._finish({"code": code} if code >= 0 else {"signal": _signal_name(-code)})
        elif self.process is None:
            if not self._identify() and _is_free(self._lock):
                self._finish({})
        elif not self.process.alive():
            end_group(self.process.pid)
            self._finish({})

    def _finish(self, how: dict[str, Any]) -> None:
        now = time.time()
        pid = self.process.pid if self.process else None
        self.last_exit = {
            **how, "at": now, "ran": now - (self.began or now), "ready": self.ready_since is not None,
            "asked": self.phase == "stopping",
        }  # fmt: skip
        note(self._log, "exited", "info" if self.phase == "stopping" else "error", pid=pid, **how)
        if self.process is not None:
            descriptor = self.process.fileno()
            if descriptor is not None:
                asyncio.get_running_loop().remove_reader(descriptor)
            self.process.close()
        if self._following not in (None, asyncio.current_task()):
            self.leave()
        self._following = self.process = self._child = None
        self.state, self.accepting = "", False
        self._over.set()
        self._ended(self)

    # Commands.

    async def accept(self, listener: socket.socket) -> bool:
        """Have it accept on the public port; False when it does not."""
        try:
            answer, _ = await ask(self.control, {"do": "accept"}, patience=ANSWER, with_socket=listener)
        except OSError as error:
            self.trouble = f"does not answer its supervisor: {error}"
            return False
        if not answer.get("ok", True):
            self.trouble = str(answer.get("error", ""))[:200]
            return False
        self.accepting, self.ceased, self.trouble = self.phase == "running", False, ""
        return self.accepting

    async def cease(self) -> bool:
        """Have it stop accepting; False when it does not answer."""
        self.ceased = True
        try:
            await ask(self.control, {"do": "cease"}, patience=ANSWER)
        except OSError as error:
            self.trouble = f"does not answer its supervisor: {error}"
            return False
        self.accepting = False
        return True

    async def give(self) -> socket.socket | None:
        """The public listener, if it has it."""
        try:
            answer, descriptors = await ask(self.control, {"do": "give"}, patience=ANSWER)
        except OSError:
            return None
        found = [socket.socket(fileno=each) for each in descriptors]
        if not answer.get("ok", True) or len(found) != 1:
            for each in found:
                each.close()
            return None
        self.accepting = True
        found[0].setblocking(False)
        return found[0]

    async def stop(self, drain: float) -> None:
        """End it: no new connections, SIGTERM, and SIGKILL when it does not end in its drain and five seconds more."""
        if self.phase == "running":
            self.phase = "stopping"
            if self.accepting:
                await self.cease()
            if not self._over.is_set():
                await self._end(drain)
        self.phase = "gone"
        self._clean()

    async def _end(self, drain: float) -> None:
        for number, patience in ((signal.SIGTERM, drain + BEYOND_DRAIN), (signal.Signals(9), 10.0)):
            until = time.monotonic() + patience
            sent = False
            while not self._over.is_set() and time.monotonic() < until:
                sent = sent or (self.process is not None and self.process.signal(number))
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._over.wait(), 0.25)
                self.look()

    def _clean(self) -> None:
        if _is_free(self._lock):
            for path in (self._socket, Path(self.control), self._lock, self._work):
                with contextlib.suppress(OSError):
                    remove_tree(path)

    def leave(self) -> None:
        """Stop watching; the worker goes on."""
        if self._following is not None:
            self._following.cancel()


def _sign(slot: int, boot: str) -> None:
    with contextlib.suppress(OSError):
        started = start_time() if sys.platform == "linux" else None
        text = {"pid": os.getpid(), "boot": boot, "at": time.time(), "started": started}
        os.ftruncate(slot, 0)
        os.write(slot, json.dumps(text).encode())


def _is_free(path: Path) -> bool:
    try:
        slot = os.open(path, os.O_RDWR)
    except OSError:
        return True
    try:
        return lock(slot)
    finally:
        os.close(slot)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
