"""Subnets, addresses and ports that nobody has."""

from __future__ import annotations

from ipaddress import IPv4Network
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.errors import TargetUnavailable
from deployer_docker.addresses import edge_subnets, free_address, free_ports, inner_subnets

POOL = "10.213.0.0/16"


@given(st.text("abcdefghij-", min_size=3, max_size=32), st.sets(st.integers(0, 255), max_size=100))
def test_no_subnet_overlaps_what_is_taken(endpoint: str, taken: set[int]) -> None:
    used = [f"10.213.{number}.0/24" for number in taken] + ["172.17.0.0/16", "fd00::/64"]
    for subnets in (inner_subnets, edge_subnets):
        for subnet in islice(subnets(POOL, endpoint, used), 5):
            assert not any(IPv4Network(subnet).overlaps(IPv4Network(each)) for each in used if ":" not in each)
            assert IPv4Network(subnet).subnet_of(IPv4Network(POOL))


def test_the_two_kinds_never_meet_and_a_full_pool_has_none() -> None:
    inner, edge = list(inner_subnets(POOL, "iris", ())), list(edge_subnets(POOL, "iris", ()))
    assert (len(inner), len(edge)) == (128, 2048)
    assert not any(IPv4Network(one).overlaps(IPv4Network(other)) for one in inner[:20] for other in edge)
    assert list(inner_subnets(POOL, "iris", [POOL])) == []


def test_endpoints_begin_at_places_of_their_own() -> None:
    assert len({next(inner_subnets(POOL, f"iris{number}", ())) for number in range(20)}) > 10


def test_addresses_leave_room_for_the_gateway() -> None:
    assert free_address("10.213.3.0/24", ()) == "10.213.3.11"
    assert free_address("10.213.3.0/24", {"10.213.3.11", "10.213.3.12"}) == "10.213.3.13"
    with pytest.raises(TargetUnavailable):
        free_address("10.213.3.0/28", {f"10.213.3.{number}" for number in range(16)})


def test_ports_are_counted_from_8321() -> None:
    assert list(islice(free_ports({8321, 8323}), 2)) == [8322, 8324]
