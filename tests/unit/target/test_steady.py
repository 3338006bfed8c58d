"""When a look may be taken for another, by itself; the services' own tests are beside their targets."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from deployer.target.steady import LAG, Changes, Look, Steady

if TYPE_CHECKING:
    import pytest


def test_the_same_glimpse_is_the_same_for_a_while() -> None:
    known: Steady[str, str] = Steady()
    assert "iris" not in known
    known.keep("iris", Look(1, 0.0, 100.0), "creating", "facts", underway=True)
    assert "iris" in known
    assert known.again("iris", Look(1, 0.0, 129.0), "creating") == "facts"
    assert known.again("iris", Look(1, 0.0, 130.0), "creating") is None, "it is old"
    assert known.again("iris", Look(1, 0.0, 101.0), "in service") is None
    assert known.again("iris", Look(2, 101.0, 101.0), "creating") is None, "we have changed something"
    assert known.again("rose", Look(1, 0.0, 101.0), "creating") is None


def test_what_is_settled_or_was_just_changed_is_not_kept() -> None:
    known: Steady[str, str] = Steady()
    known.keep("iris", Look(1, 95.0, 100.0), "creating", "facts", underway=True)
    assert "iris" not in known
    known.keep("iris", Look(1, 90.0, 100.0), "creating", "facts", underway=True)
    assert "iris" in known
    assert known.keep("iris", Look(1, 90.0, 101.0), "in service", "later", underway=False) == "later"
    assert "iris" not in known


def test_no_change_is_lost_among_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deployer.target.steady.time.monotonic", lambda: 7.0)
    changes = Changes()
    before = changes.look()

    def send() -> None:
        for _ in range(500):
            changes.note()

    threads = [threading.Thread(target=send) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert before.began - before.changed >= LAG, "nothing was sent yet"
    assert changes.look() == Look(4000, 7.0, 7.0)
