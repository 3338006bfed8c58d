"""From one routing to the next. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Protocol

from deployer.errors import Conflict
from deployer.gateway.values import Mirror, Routing

__all__ = ["with_mirror", "with_traffic", "without_pool"]


def without_pool(routing: Routing, revision: str) -> Routing:
    """The same without a revision, which has no share."""
    mirror = None if routing.mirror is not None and routing.mirror.revision == revision else routing.mirror
    pools = tuple(each for each in routing.pools if each.revision != revision)
    return Routing(pools, {name: share for name, share in routing.shares.items() if name != revision}, mirror)


class Shares(Protocol):
    """Revisions with their percents."""

    def items(self) -> Iterable[tuple[str, int]]:
        """Each of them."""
        ...


def with_traffic(routing: Routing, traffic: Shares) -> Routing:
    """The same with other shares; who gets one gets no copies any more."""
    shares = dict(traffic.items())
    mirror = None if routing.mirror is not None and shares.get(routing.mirror.revision) else routing.mirror
    return replace(routing, shares=shares, mirror=mirror)


def with_mirror(routing: Routing, revision: str | None, percent: int = 0) -> Routing:
    """The same with copies for another revision, or for none.

    Raises:
        Conflict: The revision has no pool, or it has a share.
    """
    if revision is None:
        return replace(routing, mirror=None)
    if routing.pool(revision) is None:
        raise Conflict(f"{revision} was not staged, so it can get no copies of requests", where=revision)
    if routing.shares.get(revision):
        raise Conflict(f"{revision} has traffic, so it can get no copies of it", where=revision)
    return replace(routing, mirror=Mirror(revision, percent))
