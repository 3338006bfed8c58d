"""What an endpoint's gateway is wished to do, as it lies beside its configuration in a ConfigMap. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from deployer.errors import DeployerError
from deployer.gateway import Member, Mirror, Pool, Routing
from deployer.target.container import Asked

__all__ = ["STATE", "read_wish", "wish_of", "with_pool", "write_wish"]

STATE = "state.json"
_FORMAT = 1


def write_wish(routing: Routing) -> str:
    """A routing as one line of JSON."""
    mirror = {"revision": routing.mirror.revision, "percent": routing.mirror.percent} if routing.mirror else None
    told = {"format": _FORMAT, "pools": [*map(_told, routing.pools)], "shares": {**routing.shares}, "mirror": mirror}
    return json.dumps(told, sort_keys=True)


def _told(pool: Pool) -> dict[str, Any]:
    members = [{"address": each.address, "port": each.port} for each in pool.members]
    told: dict[str, Any] = {"revision": pool.revision, "members": members, "ready": pool.ready}
    return told if pool.invocations is None else {**told, "invocations": pool.invocations}


def read_wish(text: str | bytes) -> Routing | None:
    """The routing; None when it cannot be read, or was written by another version of deployer."""
    try:
        found: Any = json.loads(text)
        if found["format"] != _FORMAT:
            return None
        pools = tuple(
            Pool(
                each["revision"], tuple(Member(**one) for one in each["members"]), each["ready"],
                each.get("invocations"),
            )
            for each in found["pools"]
        )  # fmt: skip
        mirror = Mirror(found["mirror"]["revision"], found["mirror"]["percent"]) if found["mirror"] else None
        return Routing(pools, found["shares"], mirror)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, DeployerError):
        return None


def wish_of(thing: Mapping[str, Any] | None) -> Routing | None:
    """That of a gateway's ConfigMap; None when there is none, or none that can be read."""
    return read_wish((thing.get("data") or {}).get(STATE, "")) if thing is not None else None


def with_pool(routing: Routing, revision: str, member: Member, asked: Asked) -> Routing:
    """The same with a revision behind this address, and no other there."""
    pool = Pool(revision, (member,), asked.ready, asked.invocations)
    others = [
        replace(each, members=tuple(one for one in each.members if one != member))
        for each in routing.pools
        if each.revision != revision
    ]
    return replace(routing, pools=(*others, pool))
