"""Which of a pod's events tell of trouble."""

from __future__ import annotations

from typing import Any

from deployer_kubernetes.evidence import telling


def _event(second: int, reason: str, message: str, kind: str = "Normal", **more: Any) -> dict[str, Any]:
    return {
        "type": kind, "reason": reason, "message": message, "lastTimestamp": f"2026-01-01T00:00:{second:02d}Z", **more,
    }  # fmt: skip


def test_what_goes_well_and_waiting_between_two_trials_tell_nothing() -> None:
    events = [
        _event(9, "BackOff", "Back-off restarting failed container", "Warning"),
        _event(1, "Scheduled", "assigned"), _event(2, "Pulled", "pulled"), _event(3, "Started", "started"),
        _event(5, "Unhealthy", "Startup probe failed: 404", "Warning"),
    ]  # fmt: skip
    assert telling(events) == ("Unhealthy: Startup probe failed: 404",)


def test_what_it_is_at_is_told_while_it_lasts() -> None:
    pulling = [_event(1, "Scheduled", "assigned"), _event(2, "Pulling", 'Pulling image "a"')]
    assert telling(pulling) == ('Pulling: Pulling image "a"',)
    assert telling([*pulling, _event(3, "Pulled", "pulled")]) == ()


def test_the_newest_is_last_and_each_is_told_once() -> None:
    first = _event(1, "Failed", "a", "Warning", lastTimestamp=None, eventTime="2026-01-01T00:00:01.000001Z")
    series = _event(2, "Failed", "b", "Warning", series={"lastObservedTime": "2026-01-01T00:00:07.000000Z"})
    assert telling([_event(8, "Failed", "a", "Warning"), series, first]) == ("Failed: b", "Failed: a")
    assert telling([]) == ()
