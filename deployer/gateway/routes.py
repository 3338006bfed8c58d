"""The gateway's map: what each of the 100 numbers, each revision and each slot stands for. Pure.

A request throws a die of 100 sides and looks its number up; there are as many numbers for a revision as it has percent.
What is found names all revisions that have traffic, the number's own first, so that one look is enough to know who
stands in when it has no replica that is ready.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from deployer.gateway.values import Mirror, Pool, Routing

__all__ = ["MIRROR", "Base", "Routes", "read_entries", "slot_name"]

MIRROR = "mirror"
NUMBERS = 100


@dataclass(frozen=True)
class Base:
    """A slot's counters at the moment a revision got it; what they show beyond is the revision's own."""

    requests: int = 0
    succeeded: int = 0
    refused: int = 0
    failed: int = 0


@dataclass(frozen=True)
class Routes:
    """What a map says.

    Attributes:
        slots: Revision -> number of its slot.
        ready: Revision -> path of its health check.
        shares: Revision -> percent.
        mirror: Who gets copies, or None.
        bases: Revision -> the counters that its slot had before.
        foreign: Revision -> where its server, which is not ours, takes what comes for ``/invocations``.
    """

    slots: Mapping[str, int] = field(default_factory=dict)
    ready: Mapping[str, str] = field(default_factory=dict)
    shares: Mapping[str, int] = field(default_factory=dict)
    mirror: Mirror | None = None
    bases: Mapping[str, Base] = field(default_factory=dict)
    foreign: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, routing: Routing) -> Routes:
        """The routes of a gateway that starts with this routing: slots in the order of the pools."""
        return cls(
            slots={pool.revision: number for number, pool in enumerate(routing.pools)},
            ready={pool.revision: pool.ready for pool in routing.pools},
            shares=dict(routing.shares),
            mirror=routing.mirror,
            foreign={pool.revision: pool.invocations for pool in routing.pools if pool.invocations is not None},
        )

    def entries(self) -> dict[str, str]:
        """Key -> value, in the order in which they are written."""
        found: dict[str, str] = {}
        order = sorted(self.shares, key=lambda revision: (-self.shares[revision], revision))
        number = 0
        for revision in order:
            choice = "|".join(
                self._place(each) for each in [revision, *(other for other in order if other != revision)]
            )
            for _ in range(self.shares[revision]):
                found[str(number)] = choice
                number += 1
        for revision, slot in self.slots.items():
            found[revision] = self._place(revision)
            own = f":{self.foreign[revision]}" if revision in self.foreign else ""
            found[slot_name(slot)] = f"{revision}:{self.ready[revision]}{own}"
            base = self.bases.get(revision, Base())
            if base != Base():
                numbers = (base.requests, base.succeeded, base.refused, base.failed)
                found[f"{slot_name(slot)}.base"] = ",".join(map(str, numbers))
        if self.mirror is not None:
            place = slot_name(self.slots[self.mirror.revision])
            found[MIRROR] = f"{place}:{self.mirror.revision}:{self.mirror.percent}"
        return found

    def _place(self, revision: str) -> str:
        paths = f":{self.foreign[revision]}:{self.ready[revision]}" if revision in self.foreign else ""
        return f"{slot_name(self.slots[revision])}:{revision}{paths}"


def slot_name(slot: int) -> str:
    """The backend of that slot."""
    return f"s{slot}"


def read_entries(entries: Mapping[str, str]) -> Routes:
    """What the entries of a map say; the opposite of `Routes.entries`.

    Raises:
        ValueError: They are not ours.
    """
    slots: dict[str, int] = {}
    ready: dict[str, str] = {}
    bases: dict[str, Base] = {}
    foreign: dict[str, str] = {}
    for key, value in entries.items():
        if key.startswith("s") and not key.endswith(".base"):
            revision, _, paths = value.partition(":")
            path, colon, own = paths.partition(":")
            pool = Pool(revision, ready=path, invocations=own if colon else None)
            slots[revision] = int(key[1:])
            ready[revision] = pool.ready
            if pool.invocations is not None:
                foreign[revision] = pool.invocations
    by_slot = {slot: revision for revision, slot in slots.items()}
    for key, value in entries.items():
        if key.endswith(".base"):
            bases[by_slot[int(key[1:].removesuffix(".base"))]] = Base(*map(int, value.split(",")))
    shares: dict[str, int] = {}
    for number in range(NUMBERS):
        if str(number) in entries:
            revision = entries[str(number)].split("|")[0].split(":")[1]
            shares[revision] = shares.get(revision, 0) + 1
    mirror = None
    if MIRROR in entries:
        _, revision, percent = entries[MIRROR].split(":")
        mirror = Mirror(revision, int(percent))
    return Routes(slots, ready, shares, mirror, bases, foreign)
