"""What containers use: memory and cores. Cores take two readings, so only `status` asks."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from deployer_docker.client import is_missing, told

__all__ = ["Usage", "Usages", "read_usage", "sum_of"]

FRESH = 2.0
"""Seconds that a reading is good for, so that all of an endpoint's revisions are told from one look."""
BETWEEN = 0.5
"""Seconds between two readings; those that the engine makes by itself are one or two seconds apart."""
_AT_ONCE = 16


@dataclass(frozen=True)
class Usage:
    """What a container uses.

    Attributes:
        memory: Bytes, without the files that the kernel only keeps since there is room; None when it is not told.
        cpu: Cores, over about half a second; None when it is not told.
    """

    memory: int | None = None
    cpu: float | None = None


def read_usage(stats: Mapping[str, Any], earlier: Mapping[str, Any]) -> Usage:
    """What two answers of ``GET /containers/ID/stats`` say, by the formulas that its documentation gives. Pure.

    Args:
        stats: The later one.
        earlier: The one before.
    """
    memory = stats.get("memory_stats") or {}
    kept = memory.get("stats") or {}
    files = kept.get("total_inactive_file", kept.get("inactive_file", 0))
    used = max(0, int(memory["usage"]) - int(files)) if "usage" in memory else None
    now, before = stats.get("cpu_stats") or {}, earlier.get("cpu_stats") or {}
    host = _difference(now, before, "system_cpu_usage")
    own = _difference(now.get("cpu_usage") or {}, before.get("cpu_usage") or {}, "total_usage")
    cores = int(now.get("online_cpus") or 0)
    return Usage(used, max(0.0, own / host * cores) if own is not None and host and cores else None)


def _difference(now: Mapping[str, Any], before: Mapping[str, Any], name: str) -> int | None:
    """None when one of them is not told; of a container that has just begun, the one before is missing or 0."""
    later, earlier = now.get(name), before.get(name)
    return int(later) - int(earlier) if later and earlier else None


def sum_of(usages: Iterable[Usage]) -> Usage:
    """Of several containers together, as far as it is told."""
    found = tuple(usages)
    memory = [each.memory for each in found if each.memory is not None]
    cpu = [each.cpu for each in found if each.cpu is not None]
    return Usage(sum(memory) if memory else None, sum(cpu) if cpu else None)


class Usages:
    """Asks an engine.

    Args:
        api: docker-py's low-level client.
    """

    def __init__(self, api: Any) -> None:
        self._api = api
        self._known: dict[str, tuple[float, Usage]] = {}

    def of(self, containers: Iterable[str]) -> dict[str, Usage]:
        """Container's id -> what it uses; all are asked at the same time, and those that are gone are left out.

        Raises:
            TargetUnavailable: The engine does not answer.
        """
        wanted, now = list(containers), time.monotonic()
        self._known = {each: known for each, known in self._known.items() if now - known[0] < FRESH}
        asked = [each for each in wanted if each not in self._known]
        with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
            answers = [*pool.map(self._ask, asked)]
        for each, usage in zip(asked, answers, strict=True):
            if usage is not None:
                self._known[each] = (time.monotonic(), usage)
        return {each: self._known[each][1] for each in wanted if each in self._known}

    def _ask(self, container: str) -> Usage | None:
        with told("read its figures", container[:12]):
            try:
                earlier = self._api.stats(container, stream=False, one_shot=True)
                time.sleep(BETWEEN)
                return read_usage(self._api.stats(container, stream=False, one_shot=True), earlier)
            except Exception as error:
                if is_missing(error):
                    return None
                raise
