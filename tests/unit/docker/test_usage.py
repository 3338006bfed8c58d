"""What containers use, out of the engine's answers."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from deployer.errors import TargetUnavailable
from deployer_docker.usage import Usage, Usages, read_usage, sum_of

SECOND = 10**9


def _stats(own: int = SECOND // 4, host: int = 2 * SECOND, usage: int = 200, **kept: int) -> dict[str, Any]:
    return {
        "memory_stats": {"usage": usage, "stats": kept},
        "cpu_stats": {"cpu_usage": {"total_usage": 7 + own}, "system_cpu_usage": 9 + host, "online_cpus": 2},
    }


FIRST = _stats(own=0, host=0)


def test_cores_and_memory_without_what_the_kernel_may_drop() -> None:
    assert read_usage(_stats(), FIRST) == Usage(200, 0.25)
    assert read_usage(_stats(total_inactive_file=50, inactive_file=10), FIRST).memory == 150
    assert read_usage(_stats(inactive_file=250), FIRST).memory == 0


def test_what_is_not_told_is_none() -> None:
    assert read_usage({}, {}) == Usage()
    assert read_usage(_stats(), {"cpu_stats": {"cpu_usage": {"total_usage": 0}}}) == Usage(200, None)
    assert sum_of([]) == Usage()
    assert sum_of([Usage(1, None), Usage(2, 0.5), Usage()]) == Usage(3, 0.5)


class _Gone(Exception):
    status_code = 404


class _Broken(ConnectionError):
    pass


class _Engine:
    """Answers when all are asked, so that one after the other would never end."""

    def __init__(self, together: int) -> None:
        self.asked: list[str] = []
        self._all = threading.Barrier(together)

    def stats(self, container: str, *, stream: bool, one_shot: bool) -> dict[str, Any]:
        assert (stream, one_shot) == (False, True)
        if container in self.asked:
            return _stats()
        self.asked.append(container)
        self._all.wait(10)
        if container == "gone":
            raise _Gone
        if container == "broken":
            raise _Broken
        return FIRST


def test_all_are_asked_at_the_same_time_and_once() -> None:
    engine = _Engine(3)
    usages = Usages(engine)
    assert usages.of(["a", "b", "gone"]) == {"a": Usage(200, 0.25), "b": Usage(200, 0.25)}
    assert usages.of(["b"]) == {"b": Usage(200, 0.25)}
    assert sorted(engine.asked) == ["a", "b", "gone"]


def test_an_engine_that_does_not_answer_is_told() -> None:
    with pytest.raises(TargetUnavailable):
        Usages(_Engine(1)).of(["broken"])
    assert Usages(_Engine(1)).of([]) == {}
