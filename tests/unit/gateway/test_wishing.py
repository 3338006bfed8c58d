"""From one routing to the next."""

from __future__ import annotations

import pytest

from deployer.errors import Conflict
from deployer.gateway import Mirror, Pool, Routing, with_mirror, with_traffic, without_pool

OLD, NEW = "r1111111", "r2222222"
POOLS = (Pool(OLD), Pool(NEW))


def test_copies_go_to_what_is_staged_and_has_no_traffic() -> None:
    routing = Routing(POOLS, {OLD: 100})
    assert with_mirror(routing, NEW, 5) == Routing(POOLS, {OLD: 100}, Mirror(NEW, 5))
    assert with_mirror(with_mirror(routing, NEW, 5), None) == routing
    with pytest.raises(Conflict, match="r3333333 was not staged"):
        with_mirror(routing, "r3333333", 5)
    with pytest.raises(Conflict, match="r1111111 has traffic"):
        with_mirror(routing, OLD, 5)


def test_who_gets_traffic_or_goes_gets_no_copies_any_more() -> None:
    routing = Routing(POOLS, {OLD: 100}, Mirror(NEW, 5))
    assert with_traffic(routing, {OLD: 100}).mirror == Mirror(NEW, 5)
    assert with_traffic(routing, {OLD: 99, NEW: 1}).mirror is None
    assert without_pool(routing, NEW) == Routing((Pool(OLD),), {OLD: 100})
