"""From one routing to the next. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Protocol

from deployer.gateway.values import Routing

__all__ = ["with_traffic", "without_pool"]


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
    """The same with other shares."""
    return replace(routing, shares=dict(traffic.items()))
