from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import NoReturn

import pytest

from deployer.serving.threads import OutOfTime, Pool

PATIENCE = 120.0


async def until(said: Callable[[], bool]) -> None:
    for _ in range(2000):
        if said():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen")


def raising(error: BaseException) -> Callable[[], NoReturn]:
    def call() -> NoReturn:
        raise error

    return call


def test_it_answers_and_raises() -> None:
    async def main() -> None:
        pool = Pool(2, asyncio.get_running_loop())
        assert await asyncio.gather(*(pool.run(lambda n=n: n * n, PATIENCE) for n in range(20))) == [  # type: ignore[misc]
            n * n for n in range(20)
        ]
        with pytest.raises(ValueError, match="no"):
            await pool.run(raising(ValueError("no")), PATIENCE)
        for error in (SystemExit(3), KeyboardInterrupt(), StopIteration()):
            with pytest.raises(RuntimeError, match=type(error).__name__):
                await pool.run(raising(error), PATIENCE)
        assert await pool.run(lambda: 1, PATIENCE) == 1

    asyncio.run(main())


def test_a_call_that_takes_too_long_keeps_its_thread_until_it_ends() -> None:
    gate = threading.Event()
    ran: list[int] = []

    async def main() -> None:
        pool = Pool(1, asyncio.get_running_loop())
        with pytest.raises(OutOfTime) as running:
            await pool.run(gate.wait, 0.05)
        assert (running.value.started, pool.stuck, pool.all_stuck) == (True, 1, True)
        with pytest.raises(OutOfTime) as queued:
            await pool.run(lambda: ran.append(1), 0.05)
        assert (queued.value.started, pool.stuck) == (False, 1)
        gate.set()
        await until(lambda: pool.stuck == 0)
        assert await pool.run(lambda: "well", PATIENCE) == "well"
        assert ran == []

    asyncio.run(main())


def test_a_caller_who_gives_up_harms_nobody() -> None:
    gate = threading.Event()

    async def main() -> None:
        pool = Pool(1, asyncio.get_running_loop())
        task = asyncio.create_task(pool.run(gate.wait, PATIENCE))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        gate.set()
        assert await pool.run(lambda: 1, PATIENCE) == 1
        assert pool.stuck == 0

    asyncio.run(main())
