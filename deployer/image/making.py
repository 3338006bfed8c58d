"""Wheels into layers, as they come: several at once, the one that lies lowest in the image first."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING

from deployer.image.grouping import place_of

if TYPE_CHECKING:
    from deployer.environment import LockedWheel
    from deployer.image.values import FileLayer

__all__ = ["make_layers"]


def make_layers(
    files: Iterable[tuple[LockedWheel, Path]], make: Callable[[LockedWheel, Path], FileLayer], at_once: int
) -> Iterator[FileLayer]:
    """The layer of each wheel, when it is made; none is given before all files are there.

    Args:
        files: The wheels, which may take their time to come.
        make: Makes one; called in several threads.
        at_once: How many.
    """
    waiting: list[tuple[tuple[int, str], LockedWheel, Path]] = []
    lock = threading.Lock()

    def lowest() -> FileLayer:
        with lock:
            _, wheel, path = heapq.heappop(waiting)
        return make(wheel, path)

    tasks: list[Future[FileLayer]] = []
    with ThreadPoolExecutor(at_once, "layers") as pool:
        try:
            for wheel, path in files:
                with lock:
                    heapq.heappush(waiting, (place_of(wheel.name), wheel, path))
                tasks.append(pool.submit(lowest))
                for failed in (task for task in tasks if task.done() and task.exception()):
                    failed.result()
            for task in as_completed(tasks):
                yield task.result()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
