"""What a gateway is wished to do, as it lies beside its configuration. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from deployer.errors import DeployerError
from deployer.gateway import Member, Mirror, Pool, Routing
from deployer.target.container import SERVER_PORT, Asked

__all__ = ["STATE", "read_wish", "with_pool", "write_wish"]

STATE = "state.json"
OURS = Asked()
"""Where our own server is asked."""


def write_wish(routing: Routing) -> bytes:
    """A routing as JSON."""
    pools = [_told(pool) for pool in routing.pools]
    mirror = {"revision": routing.mirror.revision, "percent": routing.mirror.percent} if routing.mirror else None
    return json.dumps({"format": 1, "pools": pools, "shares": dict(routing.shares), "mirror": mirror}).encode()


def _told(pool: Pool) -> dict[str, Any]:
    """Of our own server, where each is asked goes without saying."""
    told: dict[str, Any] = {"revision": pool.revision, "members": [each.address for each in pool.members]}
    if pool.invocations is not None:
        port = pool.members[0].port if pool.members else SERVER_PORT
        told["asked"] = {"port": port, "ready": pool.ready, "invocations": pool.invocations}
    return told


def read_wish(data: bytes | str) -> Routing | None:
    """The routing; None when it cannot be read, or was written by another version of deployer."""
    try:
        found: Any = json.loads(data)
        if found["format"] != 1:
            return None
        pools = tuple(_read(each) for each in found["pools"])
        mirror = Mirror(found["mirror"]["revision"], found["mirror"]["percent"]) if found["mirror"] else None
        return Routing(pools, found["shares"], mirror)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, DeployerError):
        return None


def _read(told: Any) -> Pool:
    return _pool(told["revision"], told["members"], Asked(**told.get("asked", {})))


def _pool(revision: str, addresses: Iterable[str], asked: Asked) -> Pool:
    members = tuple(Member(address, asked.port) for address in addresses)
    return Pool(revision, members, asked.ready, asked.invocations)


def with_pool(routing: Routing, revision: str, addresses: Iterable[str], asked: Asked = OURS) -> Routing:
    """The same with a revision's replicas at these addresses, and nowhere else."""
    pool = _pool(revision, addresses, asked)
    taken = {each.address for each in pool.members}
    others = [
        replace(each, members=tuple(one for one in each.members if one.address not in taken)) for each in routing.pools
    ]
    pools = [pool if each.revision == revision else each for each in others]
    if routing.pool(revision) is None:
        pools.append(pool)
    return replace(routing, pools=tuple(pools))
