"""The supervisor itself: reads what is wished, and brings what runs to it, again and again."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import socket
import time
from collections.abc import Awaitable, Iterable
from pathlib import Path
from typing import Any

from .address import bound_to, listen, recorded_ports
from .files import make_folder, read_object, write_whole
from .journal import note, rotate
from .policy import HEALTHY_AGAIN, Key, Standing, after_exit, moves
from .removal import Removal
from .report import described
from .system import on_signals, start_time
from .wish import Wish, read_wish, rewrite
from .worker import Worker, slot_of

__all__ = ["STATE", "Supervisor"]

STATE = Path("run", "state.json")
LOG = Path("logs", "supervisor.log")
TICK = 1.0
ROTATION = 5.0


class _Memory:
    """What is known of a revision beyond its workers: which staging of it, and whether it was ever ready."""

    def __init__(self, serial: int, began: float | None = None, *, was_ready: bool = False) -> None:
        self.serial = serial
        self.began = began
        self.was_ready = was_ready
        self.exits: dict[int, dict[str, Any]] = {}


class Supervisor:
    """Keeps one endpoint. The working folder is the endpoint's.

    Args:
        boot: What names this start of the host.
        code: Which code this is, a digest, for people.
    """

    def __init__(self, boot: str, code: str) -> None:
        self.boot = boot
        self.code = code
        self.began = time.time()
        self.changes = 0
        self.over = False
        self._folder = Path.cwd()
        self._wish: Wish | None = None
        self._acted = ""
        self._workers: dict[Key, Worker] = {}
        self._memory: dict[str, _Memory] = {}
        self._stops: dict[Key, asyncio.Task[None]] = {}
        self._listener: socket.socket | None = None
        self._port_trouble = ""
        self._removal = Removal()
        self._wake = asyncio.Event()
        self._changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._published = ""
        self._leaving = False

    # Its life.

    async def run(self) -> None:
        """Adopt what runs, and then keep the endpoint until it is destroyed or SIGTERM comes."""
        on_signals(asyncio.get_running_loop(), self._look, self._leave)
        for folder in ("run", "logs", "work"):
            make_folder(Path(folder))
        note(LOG, "supervisor-started", pid=os.getpid(), code=self.code)
        self._remember()
        await self._adopt()
        ticking = asyncio.create_task(self._tick())
        while not self.over:
            self._wake.clear()
            try:
                await self._step()
            except Exception as error:  # it outlives whatever happens: the next tick tries again
                note(LOG, "trouble", "error", error=f"{type(error).__name__}: {error}")
            self._publish()
            if self._leaving:
                break
            if not self.over:
                await self._wake.wait()
        ticking.cancel()
        for worker in self._workers.values():
            worker.leave()
        if self._leaving:
            note(LOG, "supervisor-left", workers=len(self._workers))

    def wake(self) -> None:
        """Look again at what is wished and what runs."""
        self._wake.set()

    async def wait(self, seen: int, seconds: float) -> int:
        """Wait until there are more than ``seen`` changes, or the seconds are over; answers how many there are."""
        async with self._changed:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, min(seconds, 3600.0))):
                    await self._changed.wait_for(lambda: self.changes != seen)
        return self.changes

    def _leave(self) -> None:
        self._leaving = True
        self._wake.set()

    def _look(self) -> None:
        for worker in list(self._workers.values()):
            worker.look()

    async def _tick(self) -> None:
        rotated = 0.0
        while True:
            await asyncio.sleep(TICK)
            self._look()
            self._forgive()
            if time.monotonic() - rotated > ROTATION:
                rotated = time.monotonic()
                rotate(Path("logs"))
            self._wake.set()

    def _later(self, seconds: float) -> None:
        asyncio.get_running_loop().call_later(seconds, self._wake.set)

    def _forgive(self) -> None:
        now = time.time()
        for worker in self._workers.values():
            if worker.crashes and worker.ready and now - (worker.ready_since or now) >= HEALTHY_AGAIN:
                worker.crashes = 0
                self._wake.set()

    # What it remembers of an earlier supervisor.

    def _remember(self) -> None:
        for revision, told in ((read_object(STATE) or {}).get("revisions") or {}).items():
            memory = _Memory(int(told.get("serial", 0)), told.get("began"), was_ready=bool(told.get("was_ready")))
            for slot in told.get("workers") or ():
                if slot.get("last_exit"):
                    memory.exits[int(slot["number"])] = slot["last_exit"]
                if slot.get("phase") == "failed":
                    worker = self._place((revision, int(slot["number"])))
                    worker.phase, worker.last_exit = "failed", slot.get("last_exit")
            self._memory[revision] = memory

    async def _adopt(self) -> None:
        for path in Path("run").glob("*.lock"):
            key = slot_of(path)
            if key is not None:
                worker = Worker(self._folder, key, self._ended, self._wake.set)
                if worker.adopt():
                    worker.last_exit = self._memory.get(key[0], _Memory(0)).exits.get(key[1])
                    self._workers[key] = worker
        if not self._workers:
            return
        note(LOG, "adopted", workers=[f"{key[0]}.{key[1]}" for key in self._workers])
        await self._recover()

    async def _recover(self) -> None:
        holders = [worker for worker in self._workers.values() if worker.phase == "running" and worker.adopted]
        for listener in await asyncio.gather(*(worker.give() for worker in holders)):
            if listener is not None and self._listener is None:
                self._listener = listener
            elif listener is not None:
                listener.close()

    # One step.

    async def _step(self) -> None:
        self._wish = read_wish() or self._wish
        wish = self._wish
        if wish is None:
            return
        if wish.gone:
            await self._destroy(wish)
            return
        await self._keep_port(wish)
        self._keep_workers(wish)
        await self._move_traffic(wish)
        self._stop_surplus(wish)
        await self._tidy(wish)
        self._acted = wish.seen

    async def _keep_port(self, wish: Wish) -> None:
        host, port = str(wish.settings.get("host") or "127.0.0.1"), wish.settings.get("port")
        if self._listener is not None and bound_to(self._listener) != (host, port or bound_to(self._listener)[1]):
            await self._move_port(host, port)
        elif self._listener is None:
            await self._recover()
            if self._listener is None:
                self._bind(host, port)
        if self._listener is not None and port is None:
            self._record_port(bound_to(self._listener)[1])

    def _bind(self, host: str, port: int | None) -> None:
        avoid = recorded_ports(self._folder.parent, self._folder.name) if port is None else set()
        try:
            self._listener = listen(host, port, avoid)
            self._port_trouble = ""
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            self._port_trouble = "taken" if taken and port is not None else (error.strerror or str(error))

    async def _move_port(self, host: str, port: int | None) -> None:
        before = self._listener
        self._listener = None
        self._bind(host, port)
        if self._listener is None:  # the old one serves on, and the trouble is told
            self._listener = before
            return
        accepting = [worker for worker in self._workers.values() if worker.accepting]
        await asyncio.gather(*(worker.cease() for worker in accepting))
        if before is not None:
            before.close()

    def _record_port(self, port: int) -> None:
        def change(content: dict[str, Any]) -> bool:
            settings = content.setdefault("settings", {})
            if settings.get("port") is not None:
                return False
            settings["port"] = port
            return True

        rewrite(change)
        self._wake.set()

    def _place(self, key: Key) -> Worker:
        if key not in self._workers:
            self._workers[key] = Worker(self._folder, key, self._ended, self._wake.set)
        return self._workers[key]

    def _keep_workers(self, wish: Wish) -> None:
        now = asyncio.get_running_loop().time()
        for revision, wanted in wish.revisions.items():
            memory = self._memory.setdefault(revision, _Memory(int(wanted.get("serial", 0)), wanted.get("since")))
            anew = memory.serial != int(wanted.get("serial", 0))
            memory.serial = int(wanted.get("serial", 0))
            for number in range(wish.count(revision)):
                worker = self._place((revision, number))
                memory.was_ready = memory.was_ready or worker.ready
                if worker.phase == "failed" and (anew or memory.was_ready):
                    worker.phase, worker.due = "waiting", 0.0 if anew else now + 1.0
                    memory.began = time.time()
                if anew and worker.phase == "waiting":
                    worker.due, worker.crashes = 0.0, 0
                if worker.phase == "waiting" and worker.due <= now:
                    worker.start(wanted, wish.drain, self.boot)

    def _ended(self, worker: Worker) -> None:
        exit_, revision = worker.last_exit or {}, worker.key[0]
        self._memory.setdefault(revision, _Memory(0)).exits[worker.key[1]] = exit_
        self._wake.set()
        if worker.phase != "running":
            return
        memory = self._memory[revision]
        memory.was_ready = memory.was_ready or bool(exit_.get("ready"))
        healthy = exit_["at"] - worker.ready_since if worker.ready_since is not None else 0.0
        restart = after_exit(was_ready=memory.was_ready, crashes=worker.crashes, healthy=healthy)
        worker.crashes = restart.crashes
        if restart.wait is None:
            worker.phase = "failed"
            return
        worker.restarts += 1
        worker.phase, worker.due = "waiting", asyncio.get_running_loop().time() + restart.wait
        self._later(restart.wait + 0.01)

    def _standing(self, wish: Wish) -> list[Standing]:
        found = []
        for key, worker in self._workers.items():
            wanted = key[1] < wish.count(key[0])
            # One that is to go, and did not answer when it was told to cease, does so on SIGTERM.
            accepting = worker.accepting and (wanted or not worker.ceased)
            found.append(Standing(key, worker.ready, accepting, wanted))
        return found

    async def _move_traffic(self, wish: Wish) -> None:
        listener = self._listener
        if listener is not None:
            accept = moves(wish.routed, self._standing(wish)).accept
            if not all(await asyncio.gather(*(self._workers[key].accept(listener) for key in accept))):
                self._later(0.5)
        cease = moves(wish.routed, self._standing(wish)).cease
        if not all(await asyncio.gather(*(self._workers[key].cease() for key in cease))):
            self._later(0.5)

    def _stop_surplus(self, wish: Wish) -> None:
        for each in self._standing(wish):
            worker = self._workers[each.key]
            if each.wanted or each.accepting or each.key in self._stops:
                continue
            self._stops[each.key] = self._begin(self._stop(worker, wish.drain))

    async def _stop(self, worker: Worker, drain: float) -> None:
        try:
            await worker.stop(drain)
        finally:
            self._workers.pop(worker.key, None)
            self._stops.pop(worker.key, None)
            self._wake.set()

    def _begin(self, work: Awaitable[None]) -> asyncio.Task[None]:
        async def done() -> None:
            await work

        task = asyncio.create_task(done())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _tidy(self, wish: Wish) -> None:
        running = {key[0] for key in self._workers}
        for revision in set(self._memory) - running - set(wish.revisions):
            del self._memory[revision]
        if not running - set(wish.revisions):
            self._removal.sweep(wish, self._begin, self._wake.set)

    # The end.

    async def _destroy(self, wish: Wish) -> None:
        for key, worker in list(self._workers.items()):
            if key not in self._stops:
                self._stops[key] = self._begin(self._stop(worker, wish.drain))
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        if not self._workers and not self._removal.busy:
            self.over = await self._removal.all()
            if not self.over:
                self._later(TICK)

    # What it tells.

    def describe(self) -> dict[str, Any]:
        """All that it knows, as one JSON object."""
        address = bound_to(self._listener) if self._listener is not None else None
        wish = self._wish
        return {
            "pid": os.getpid(), "started": start_time(), "boot": self.boot, "code": self.code, "since": self.began,
            "changes": self.changes, "acted": self._acted, "gone": bool(wish and wish.gone),
            "host": address[0] if address else None, "port": address[1] if address else None,
            "port_trouble": self._port_trouble, "trouble": self._removal.trouble,
            "removing": self._removal.busy,
            "revisions": {revision: self._describe(revision) for revision in self._known()},
        }  # fmt: skip

    def _known(self) -> Iterable[str]:
        return sorted({*self._memory, *(key[0] for key in self._workers)})

    def _describe(self, revision: str) -> dict[str, Any]:
        memory = self._memory.get(revision) or _Memory(0)
        workers = [worker for key, worker in sorted(self._workers.items()) if key[0] == revision]
        return {
            "serial": memory.serial, "began": memory.began,
            "was_ready": memory.was_ready or any(worker.ready for worker in workers),
            "workers": [described(worker) for worker in workers],
        }  # fmt: skip

    def _publish(self) -> None:
        told = self.describe()
        del told["changes"]
        text = json.dumps(told, sort_keys=True)
        if text == self._published:
            return
        self._published = text
        self.changes += 1
        self._begin(self._tell())
        if not self.over:
            with contextlib.suppress(OSError):
                write_whole(STATE, text.encode(), sync=False)

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()
