"""An update under load, at the level of verbs: no request is lost."""

from __future__ import annotations

import functools

import pytest

from deployer.target import Target
from deployer.testing.conformance import Lot
from tests.integration.local.load import Load
from tests.integration.local.place import LocalPlace, eventually, serves


@pytest.mark.parametrize("pause", [0.0, 0.002])
def test_an_update_under_load_loses_no_request(place: LocalPlace, target: Target, pause: float) -> None:
    writer = place.serving(target, "iris", replicas=2)
    first, second = place.release().revision, place.release("second").revision
    url = _url(target)
    with Load(url, pause=pause) as load:
        eventually(lambda: load.answered[first] > 50, "load on the first revision")
        place.add(writer, "second", replicas=2)
        place.await_phase(target, "iris", second)
        place.give_traffic(writer, "second")
        writer.retire(first, keep=False)
        place.await_gone(target, "iris", first)
        so_far = load.answered[second]
        eventually(lambda: load.answered[second] > so_far + 50, "load on the second revision")
    assert load.failed == []
    assert set(load.answered) == {first, second}
    assert _url(target) == url


def test_many_updates_and_counts_under_load_lose_no_request(place: LocalPlace, target: Target) -> None:
    writer = place.serving(target, "iris")
    rounds: list[tuple[Lot, Lot, int]] = [("second", "first", 3), ("first", "second", 1), ("second", "first", 2)]
    with Load(_url(target), pause=0.001, clients=4) as load:
        for lot, other, count in rounds:
            place.add(writer, lot, replicas=count)
            place.await_phase(target, "iris", place.release(lot).revision)
            place.give_traffic(writer, lot)
            writer.retire(place.release(other).revision, keep=True)
            revision = place.release(lot).revision
            eventually(functools.partial(serves, target, "iris", revision), "the next")
    assert load.failed == []


def test_without_a_revision_to_serve_connections_wait_and_are_served_later(place: LocalPlace, target: Target) -> None:
    """The strategy ``recreate``: the old one stops before the new one starts."""
    from deployer.endpoint import Traffic

    writer = place.serving(target, "iris")
    first = place.release().revision
    writer.route(Traffic())
    writer.retire(first, keep=True)
    place.await_gone(target, "iris", first)
    with Load(_url(target), clients=2) as load:
        place.add(writer, "second")
        place.await_phase(target, "iris", place.release("second").revision)
        place.give_traffic(writer, "second")
        eventually(lambda: sum(load.answered.values()) > 2, "the waiting ones are answered")
    assert load.failed == []


def _url(target: Target) -> str:
    seen = target.observe("iris")
    assert seen is not None
    assert seen.url is not None
    return seen.url
