"""A service's clock."""

from __future__ import annotations

from email.utils import formatdate

import pytest

from deployer.target import dated
from deployer.target.dated import ServiceClock


class Ours:
    """This process's clock, which a test moves."""

    def __init__(self) -> None:
        self.at = 1000.0

    def monotonic(self) -> float:
        return self.at


@pytest.fixture
def ours(monkeypatch: pytest.MonkeyPatch) -> Ours:
    found = Ours()
    monkeypatch.setattr(dated, "time", found)
    return found


def _date(seconds: float) -> str:
    return formatdate(seconds, usegmt=True)


def test_it_goes_on_by_ours_and_is_read_anew_after_a_while(ours: Ours) -> None:
    clock = ServiceClock()
    assert (clock.now(), clock.fresh) == (None, False)
    clock.note(_date(5000))
    assert (clock.now(), clock.fresh) == (5000.5, True)
    ours.at += 60
    assert (clock.now(), clock.fresh) == (5060.5, True)
    ours.at += 1
    assert not clock.fresh
    clock.forget()
    assert clock.now() is None


def test_within_a_second_it_does_not_go_back(ours: Ours) -> None:
    clock = ServiceClock()
    clock.note(_date(5000))
    ours.at += 0.4
    clock.note(_date(5000))
    assert clock.now() == pytest.approx(5000.9)
    clock.note(_date(7000))  # somebody has set it
    assert clock.now() == 7000.5


@pytest.mark.parametrize("date", [None, "", "yesterday"])
def test_what_is_no_date_is_passed_over(ours: Ours, date: str | None) -> None:
    clock = ServiceClock()
    clock.note(_date(5000))
    clock.note(date)
    assert clock.now() == 5000.5
