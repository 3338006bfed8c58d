"""Figures from a gateway's counters."""

from __future__ import annotations

from deployer.gateway import Figures as Counters
from deployer_docker.measuring import Meter
from tests.unit.docker.values import REVISION


def _counters(requests: int, failed: int = 0, total_ms: int = 4) -> dict[str, Counters]:
    good = requests - failed
    return {REVISION: Counters(requests, good - 1, 0, failed, 1, total_ms, total_ms)}


def test_the_first_look_tells_all_since_the_gateway_began() -> None:
    found = Meter().figures("g", REVISION, _counters(10, 2), now=100.0, since=40.0, window=3600.0)
    assert found is not None
    assert (found.requests, found.errors, found.window, found.until) == (10, 3, 60.0, 100.0)
    assert found.latency == {"mean": 0.004}
    assert found.error_rate == 0.3


def test_later_looks_count_from_the_oldest_one_within_the_window() -> None:
    meter, found = Meter(), None
    for moment, requests in ((100.0, 10), (110.0, 30), (120.0, 60)):
        found = meter.figures("g", REVISION, _counters(requests), now=moment, since=0.0, window=15.0)
    assert found is not None
    assert (found.requests, found.window) == (30, 10.0)


def test_a_gateway_that_began_anew_is_counted_anew() -> None:
    meter = Meter()
    meter.figures("g", REVISION, _counters(100), now=100.0, since=0.0, window=60.0)
    found = meter.figures("g", REVISION, _counters(5), now=110.0, since=105.0, window=60.0)
    assert found is not None
    assert (found.requests, found.window) == (5, 5.0)


def test_what_is_not_there_has_none_and_no_request_has_no_latency() -> None:
    assert Meter().figures("g", "r0000000", _counters(5), now=1.0, since=0.0, window=60.0) is None
    found = Meter().figures("g", REVISION, _counters(0, total_ms=0), now=1.0, since=0.0, window=60.0)
    assert found is not None
    assert (found.requests, found.latency, found.error_rate) == (0, {}, 0.0)
    quick = Meter().figures("g", REVISION, _counters(3, total_ms=0), now=1.0, since=0.0, window=60.0)
    assert quick is not None
    assert quick.latency["mean"] > 0
