from __future__ import annotations

import pytest

from deployer.engine.clock import Clock
from deployer.testing.clock import FakeClock


def test_it_moves_only_when_told_to() -> None:
    clock: Clock = FakeClock(start=1000.0)
    assert (clock.now(), clock.monotonic()) == (1000.0, 0.0)
    assert (clock.now(), clock.monotonic()) == (1000.0, 0.0)
    clock.sleep(2.5)
    assert (clock.now(), clock.monotonic()) == (1002.5, 2.5)


def test_it_remembers_what_was_slept() -> None:
    clock = FakeClock()
    clock.sleep(1)
    clock.advance(10)
    clock.sleep(0)
    assert clock.slept == [1, 0]
    assert clock.monotonic() == 11


def test_a_negative_sleep_is_refused() -> None:
    with pytest.raises(ValueError, match="non-negative"):
        FakeClock().sleep(-1)


def test_what_is_due_happens_at_its_moment_and_in_order() -> None:
    clock = FakeClock()
    seen: list[tuple[str, float]] = []
    clock.after(5, lambda: seen.append(("late", clock.monotonic())))
    clock.after(2, lambda: seen.append(("early", clock.monotonic())))
    clock.after(2, lambda: clock.after(1, lambda: seen.append(("chained", clock.monotonic()))))
    clock.sleep(1)
    assert seen == []
    clock.sleep(9)
    assert seen == [("early", 2), ("chained", 3), ("late", 5)]
    assert clock.monotonic() == 10


def test_an_action_that_sleeps_does_not_turn_time_back() -> None:
    clock = FakeClock()
    clock.after(1, lambda: clock.advance(20))
    clock.sleep(5)
    assert clock.monotonic() == 21
