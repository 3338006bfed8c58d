"""The bounded pool that predictions run in. A call that ran out of time keeps its thread, so it is counted."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

__all__ = ["OutOfTime", "Pool"]

T = TypeVar("T")


class OutOfTime(Exception):
    """The call did not end in time. ``started`` tells whether it runs on, keeping its thread, or never began."""

    def __init__(self, started: bool) -> None:
        super().__init__("out of time")
        self.started = started


class _Job(Generic[T]):
    def __init__(self, call: Callable[[], T], future: asyncio.Future[T]) -> None:
        self.call = call
        self.future = future
        self.state = "waiting"  # then running, then done; or given-up


class Pool:
    """Daemon threads that run calls for an event loop.

    Args:
        threads: How many calls run at once; further ones wait, within their time.
        loop: Where the callers live; :meth:`run` is called there only.

    The threads are daemons so that a call which never returns does not hold up the process's end.
    """

    def __init__(self, threads: int, loop: asyncio.AbstractEventLoop) -> None:
        self.size = threads
        self._loop = loop
        self._jobs: queue.SimpleQueue[_Job[Any]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._stuck = 0
        for number in range(threads):
            threading.Thread(target=self._work, name=f"predict-{number}", daemon=True).start()

    @property
    def stuck(self) -> int:
        """How many threads are kept by calls that ran out of time."""
        return self._stuck

    @property
    def all_stuck(self) -> bool:
        """Whether no thread is left to predict with."""
        return self._stuck >= self.size

    async def run(self, call: Callable[[], T], seconds: float) -> T:
        """Run a call in a thread and answer what it returns or raises.

        Raises:
            OutOfTime: ``seconds`` have passed since now. A call that had not begun by then never will.
        """
        job = _Job(call, self._loop.create_future())
        timer = self._loop.call_later(seconds, self._give_up, job)
        self._jobs.put(job)
        try:
            result: T = await job.future
            return result
        finally:
            timer.cancel()

    def _give_up(self, job: _Job[Any]) -> None:
        with self._lock:
            if job.state not in ("waiting", "running"):
                return
            started = job.state == "running"
            job.state = "given-up"
            self._stuck += started
        if not job.future.done():
            job.future.set_exception(OutOfTime(started))

    def _work(self) -> None:
        while True:
            job = self._jobs.get()
            with self._lock:
                if job.state == "given-up":
                    continue
                job.state = "running"
            result, error = None, None
            try:
                result = job.call()
            except BaseException as raised:  # SystemExit of model code must not end the thread
                error = _carried(raised)
            with self._lock:
                if job.state == "given-up":
                    self._stuck -= 1
                    continue
                job.state = "done"
            try:
                self._loop.call_soon_threadsafe(_settle, job.future, result, error)
            except RuntimeError:
                return  # the loop is closed: the process ends
            del job, result, error  # else the last answer is kept until the next call


def _carried(error: BaseException) -> Exception:
    """What a future may hold: it refuses StopIteration, and SystemExit would end the loop that awaits it."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    return RuntimeError(f"{type(error).__name__} was raised")


def _settle(future: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)
