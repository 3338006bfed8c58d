"""The map, there and back."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.errors import SpecError
from deployer.gateway import Mirror, Pool, Routing
from deployer.gateway.routes import Base, Routes, read_entries

REVISIONS = st.integers(0, 0xFFFFFFF).map(lambda number: f"r{number:07x}")


@st.composite
def routings(draw: st.DrawFn) -> Routing:
    revisions = draw(st.lists(REVISIONS, max_size=6, unique=True))
    cuts = sorted(draw(st.sets(st.integers(1, 99), max_size=max(0, len(revisions) - 1))))
    parts = [high - low for low, high in zip([0, *cuts], [*cuts, 100], strict=True)]
    shared: bool = draw(st.booleans())
    mirrored: bool = draw(st.booleans())
    shares = dict(zip(revisions, parts, strict=False)) if revisions and shared else {}
    mirror = Mirror(draw(st.sampled_from(revisions)), draw(st.integers(1, 100))) if revisions and mirrored else None
    paths = st.sampled_from([("/ready", None), ("/health", "/v1/chat/completions"), ("/", "/")])
    pools = [Pool(each, ready=ready, invocations=own) for each in revisions for ready, own in [draw(paths)]]
    return Routing(tuple(pools), shares, mirror)


@given(routings())
def test_what_is_written_is_read_again(routing: Routing) -> None:
    routes = Routes.of(routing)
    read = read_entries(routes.entries())
    assert (read.slots, read.ready, dict(read.shares), read.mirror, read.foreign) == (
        routes.slots,
        routes.ready,
        dict(routes.shares),
        routes.mirror,
        routes.foreign,
    )


@given(routings())
def test_a_hundred_numbers_are_shared_exactly_and_name_who_stands_in(routing: Routing) -> None:
    entries = Routes.of(routing).entries()
    numbers = [entries[str(number)] for number in range(100) if str(number) in entries]
    first = Counter(choice.split("|")[0].split(":")[1] for choice in numbers)
    assert first == Counter(dict(routing.shares))
    for choice in numbers:
        assert {place.split(":")[1] for place in choice.split("|")} == set(routing.shares)
    assert len(numbers) in (0, 100)


def test_bases_are_kept() -> None:
    routes = Routes({"r1111111": 3}, {"r1111111": "/ready"}, bases={"r1111111": Base(9, 8, 7, 6)})
    assert read_entries(routes.entries()).bases == {"r1111111": Base(9, 8, 7, 6)}


@pytest.mark.parametrize(
    "entries",
    [{"s0": "nonsense"}, {"s0": "r1111111:ready"}, {"s0": "r1111111:/ready:v1"}, {"sx": "r1111111:/"}, {"mirror": "x"}],
)
def test_what_is_not_ours_is_an_error(entries: dict[str, str]) -> None:
    with pytest.raises((ValueError, SpecError)):
        read_entries(entries)
