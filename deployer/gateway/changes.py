"""From what a gateway has loaded to what is wished, in steps that lose no request. Pure.

A step holds what can be done now; what has to wait until something is seen as loaded comes with a later one:

1. a new revision gets a slot, and new replicas a server each, which counts when its health check has passed;
2. the shares move when every revision that is to have some has a replica that is ready;
3. replicas that are not wished get no new requests once the others are ready, or once their revision has no share;
4. when nothing is under way there any more, their servers are free, and then their revision's slot.

So the caller reads what is loaded, sends a step, and looks again, until there is neither anything to send nor anything
to wait for. It can be left at any point and gone on with by anybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from deployer.gateway.admin import add_server, replace_map, set_state
from deployer.gateway.loaded import Loaded, Server
from deployer.gateway.routes import Base, Routes, slot_name
from deployer.gateway.values import Pool, Routing

__all__ = ["Changes", "changes"]


@dataclass(frozen=True)
class Changes:
    """One step.

    Attributes:
        commands: For the admin socket, in this order; `deployer.gateway.exchanges` makes lines of them.
        waits: What later steps wait for, as phrases for people.
    """

    commands: tuple[str, ...] = ()
    waits: tuple[str, ...] = ()

    @property
    def done(self) -> bool:
        """Whether what is loaded is what is wished."""
        return not self.commands and not self.waits


def changes(loaded: Loaded, wished: Routing) -> Changes:
    """The next step from what is loaded to what is wished."""
    waits: list[str] = []
    slots = _slots(loaded, wished, waits)
    shares = _shares(loaded, wished, slots, waits)
    routes = _routes(loaded, wished, slots, shares)
    commands: list[str] = []
    if routes.entries() != loaded.routes.entries():
        commands += replace_map(loaded.map_number, loaded.map_version + 1, routes.entries())
    for pool in wished.pools:
        if pool.revision in slots:
            commands += _arrivals(loaded, pool, slots[pool.revision], waits)
    for server in loaded.servers:
        commands += _departure(loaded, server, wished, shares, waits)
    return Changes(tuple(commands), tuple(waits))


def _slots(loaded: Loaded, wished: Routing, waits: list[str]) -> dict[str, int]:
    """Revision -> slot: those that are there and still needed, and free ones for those that are new."""
    kept = {
        revision: slot
        for revision, slot in loaded.routes.slots.items()
        if wished.pool(revision) or loaded.of(revision) or revision in loaded.routes.shares
    }
    taken = set(loaded.routes.slots.values()) | {server.slot for server in loaded.servers}
    free = [slot for slot in range(len(loaded.counters)) if slot not in taken]
    for pool in wished.pools:
        if pool.revision in kept:
            continue
        if free:
            kept[pool.revision] = free.pop(0)
        else:
            waits.append(f"room for revision {pool.revision}: the gateway has {len(loaded.counters)} slots")
    return kept


def _shares(loaded: Loaded, wished: Routing, slots: Mapping[str, int], waits: list[str]) -> Mapping[str, int]:
    """The shares of this step: those that are wished, or those of now while the wished ones would lose requests."""
    now = loaded.routes.shares
    if dict(wished.shares) == dict(now):
        return now
    missing = [revision for revision in wished.shares if revision not in slots]
    if not missing and not any(loaded.ready(revision) for revision in now):
        return wished.shares  # it can only get better
    missing = [revision for revision in wished.shares if revision not in slots or not loaded.ready(revision)]
    waits.extend(f"a replica of revision {revision} that is ready" for revision in missing)
    return now if missing else wished.shares


def _routes(loaded: Loaded, wished: Routing, slots: Mapping[str, int], shares: Mapping[str, int]) -> Routes:
    ready = {}
    bases = {}
    foreign = {}
    for revision, slot in slots.items():
        pool = wished.pool(revision)
        ready[revision] = loaded.routes.ready[revision] if pool is None else pool.ready
        own = loaded.routes.foreign.get(revision) if pool is None else pool.invocations
        if own is not None:
            foreign[revision] = own
        there = revision in loaded.routes.slots
        bases[revision] = loaded.routes.bases.get(revision, Base()) if there else loaded.counters[slot]
    mirror = wished.mirror if wished.mirror is None or wished.mirror.revision in slots else None
    return Routes(slots=dict(slots), ready=ready, shares=dict(shares), mirror=mirror, bases=bases, foreign=foreign)


def _arrivals(loaded: Loaded, pool: Pool, slot: int, waits: list[str]) -> list[str]:
    """Servers for the members that have none, and those back that were leaving."""
    there = {server.member: server for server in loaded.servers if server.slot == slot}
    used = {server.number for server in there.values()}
    free = [number for number in range(loaded.width) if number not in used]
    commands: list[str] = []
    for member in pool.members:
        server = there.get(member)
        if server is None and free:
            commands += add_server(f"{slot_name(slot)}/m{free.pop(0)}", member)
        elif server is None:
            waits.append(f"room for {member} in revision {pool.revision}: it has {loaded.width} servers")
        elif server.state == "draining":
            commands.append(set_state(server.name, "ready"))
    return commands


def _departure(
    loaded: Loaded, server: Server, wished: Routing, shares: Mapping[str, int], waits: list[str]
) -> list[str]:
    """What becomes of a server that is not wished: it stays, gets nothing new, or is free."""
    revision = next((each for each, slot in loaded.routes.slots.items() if slot == server.slot), None)
    pool = None if revision is None else wished.pool(revision)
    if pool is not None and server.member in pool.members:
        return []
    if server.state == "ready":
        if revision is not None and _needed(loaded, server, revision, wished, shares):
            waits.append(f"{server.member} of revision {revision}: it is needed until others are ready")
            return []
        waits.append(f"{server.member}: requests under way")
        return [set_state(server.name, "drain")]
    if server.connections:
        waits.append(f"{server.member}: {server.connections} requests under way")
        return [] if server.state == "draining" else [set_state(server.name, "drain")]
    return [set_state(server.name, "maint")]


def _needed(loaded: Loaded, server: Server, revision: str, wished: Routing, shares: Mapping[str, int]) -> bool:
    """Whether requests would be lost, or capacity, if this ready server got no new requests.

    A revision that had a share when the gateway was last looked at may still be chosen by a request at this moment. One
    that is to have a share and no replica is taken at its word.
    """
    pool = wished.pool(revision)
    if pool is None or not pool.members:
        return revision not in wished.shares and (revision in shares or revision in loaded.routes.shares)
    ready = [each for each in loaded.of(revision) if each.state == "ready"]
    missing = len(pool.members) - sum(each.member in pool.members for each in ready)
    unwished = [each for each in ready if each.member not in pool.members]
    return server in unwished[: max(0, missing)]
