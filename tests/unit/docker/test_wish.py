"""What a gateway is wished to do, as a file."""

from __future__ import annotations

import pytest

from deployer.endpoint import Traffic
from deployer.gateway import Mirror, Routing, with_traffic, without_pool
from deployer.target.container import Asked, read_paths, write_paths
from deployer_docker.wish import read_wish, with_pool, write_wish
from tests.unit.docker.values import ADDRESS, OTHER, REVISION, routing


def test_a_wish_comes_back() -> None:
    both = routing(Traffic({REVISION: 75, OTHER: 25}), {REVISION: ["10.0.0.1", "10.0.0.2"], OTHER: ["10.0.0.3"]})
    mirrored = Routing(both.pools, both.shares, Mirror(OTHER, 10))
    for each in (Routing(), both, mirrored):
        assert read_wish(write_wish(each)) == each


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": 2}', '{"format": 1, "pools": [{"revision": "x"}]}', "[" * 100000]
)
def test_what_is_no_wish_is_none(text: str) -> None:
    assert read_wish(text) is None


def test_an_address_is_one_revision_s() -> None:
    moved = with_pool(routing(), OTHER, ["10.213.3.11"])
    assert [len(pool.members) for pool in moved.pools] == [0, 1]
    again = with_pool(moved, OTHER, ["10.213.3.12", "10.213.3.13"])
    assert [pool.revision for pool in again.pools] == [REVISION, OTHER]
    assert [len(pool.members) for pool in again.pools] == [0, 2]


def test_a_revision_goes_with_its_mirror() -> None:
    both = with_pool(routing(), OTHER, ["10.213.3.12"])
    mirrored = Routing(both.pools, both.shares, Mirror(OTHER, 10))
    assert without_pool(mirrored, OTHER) == routing()
    assert with_traffic(both, Traffic()).shares == {}


def test_where_a_ready_image_is_asked_is_kept() -> None:
    asked = Asked(9000, "/health", "/v1/infer")
    both = with_pool(routing(), OTHER, ["10.213.3.12"], asked)
    read = read_wish(write_wish(both))
    assert read == both
    pool = both.pool(OTHER)
    assert pool is not None
    assert (pool.members[0].port, pool.ready, pool.invocations) == (9000, "/health", "/v1/infer")
    moved = with_pool(both, OTHER, [ADDRESS], asked)
    assert [len(each.members) for each in moved.pools] == [0, 1]
    assert read_paths(write_paths(asked)) == asked
    assert read_paths(write_paths(Asked())) == read_paths("") == read_paths("x y z") == Asked()
