"""What a running gateway reports, read. Nothing else tells what it does. Pure."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal

from deployer.errors import DeployerError
from deployer.gateway.routes import Base, Routes, read_entries
from deployer.gateway.values import GatewaySettings, Member, Pool, Routing

__all__ = ["Copies", "Figures", "Loaded", "Server", "queries", "read_loaded"]

State = Literal["ready", "down", "draining"]

MAINTENANCE = 0x01 | 0x02 | 0x20
DRAIN = 0x08 | 0x10
"""Bits of ``srv_admin_state`` (management.txt of HAProxy 2.6, "show servers state")."""

SLOT = re.compile(r"s([0-9]+)")
SERVER = re.compile(r"m([0-9]+)")
ENTRY = re.compile(r"0x[0-9a-f]+ (\S+) (\S+)")


@dataclass(frozen=True)
class Server:
    """A slot for a replica that is in use.

    Attributes:
        slot: Number of its revision's slot.
        number: Its own, within that.
        member: Where it points to.
        state: ``ready`` takes requests, ``down`` does not answer its health check, ``draining`` gets no new ones.
        connections: Requests that are under way.
        check: What the last health check said, such as ``L7OK/200`` or ``L4CON Connection refused``; untrusted text.
    """

    slot: int
    number: int
    member: Member
    state: State
    connections: int = 0
    check: str = ""

    @property
    def name(self) -> str:
        """As HAProxy has it."""
        return f"s{self.slot}/m{self.number}"


@dataclass(frozen=True)
class Figures:
    """A revision's requests since it was given to this gateway process, copies for a mirror included.

    Attributes:
        requests: Those that have ended.
        succeeded: Answered with 2xx or 3xx.
        refused: Answered with 4xx.
        failed: Answered with 5xx, by the replica or, where there was no answer, by the gateway.
        unanswered: Ended without an answer: the client left, or the replica broke off a later request of a connection,
            upon which HAProxy closes that and logs nothing.
        response_ms: Mean time to an answer's first byte, over the last 1024 requests at most; milliseconds.
        total_ms: The same to its last byte.
    """

    requests: int
    succeeded: int
    refused: int
    failed: int
    unanswered: int
    response_ms: int
    total_ms: int


@dataclass(frozen=True)
class Copies:
    """What became of the copies for a mirror since the process started.

    Attributes:
        sent: Answered, with less than 500.
        failed: Not answered, or with 500 or more.
        too_large: Left out, since the body did not fit into the buffer or had no announced length.
        too_many: Left out, since enough were under way.
        pending: Under way now.
    """

    sent: int = 0
    failed: int = 0
    too_large: int = 0
    too_many: int = 0
    pending: int = 0


@dataclass(frozen=True)
class Loaded:
    """What a running gateway has loaded.

    Attributes:
        routes: Its map.
        servers: The slots for replicas that are in use, of all revisions.
        figures: Revision -> its requests.
        copies: What became of the copies for a mirror.
        counters: For each slot the counters that it has, whosever they are.
        width: How many replicas a revision can have.
        map_number: The map's number.
        map_version: The newest version of the map that was ever prepared.
        uptime: Seconds since the process started.
    """

    routes: Routes
    servers: tuple[Server, ...]
    figures: Mapping[str, Figures]
    copies: Copies
    counters: tuple[Base, ...]
    width: int
    map_number: int
    map_version: int
    uptime: float

    def of(self, revision: str) -> tuple[Server, ...]:
        """The servers of a revision; none if it is not there."""
        slot = self.routes.slots.get(revision)
        return tuple(server for server in self.servers if server.slot == slot)

    def ready(self, revision: str) -> bool:
        """Whether a replica of the revision takes requests."""
        return any(server.state == "ready" for server in self.of(revision))

    def routing(self) -> Routing:
        """The routing that it follows: its revisions with the members that are not draining."""
        taken: set[Member] = set()
        pools = []
        for revision in self.routes.slots:
            members = tuple(
                server.member
                for server in self.of(revision)
                if server.state != "draining" and server.member not in taken
            )
            taken.update(members)
            pools.append(Pool(revision, members, self.routes.ready[revision], self.routes.foreign.get(revision)))
        return Routing(tuple(pools), self.routes.shares, self.routes.mirror)


def queries(settings: GatewaySettings) -> list[str]:
    """The commands whose answers `read_loaded` reads."""
    return ["show map", f"show map {settings.map_path}", "show servers state", "show stat", "show mirror", "show info"]


def read_loaded(answers: Sequence[str], settings: GatewaySettings) -> Loaded:
    """Read the answers to `queries`, in their order.

    Raises:
        DeployerError: They are not a gateway's of ours.
    """
    try:
        maps, entries, servers, stat, mirror, info = answers
        number, version = _map_line(maps, settings.map_path)
        routes = read_entries(_entries(entries))
        rows = {(row["pxname"], row["svname"]): row for row in csv.DictReader(stat.removeprefix("# ").splitlines())}
        backends = {int(found[1]): row for (name, kind), row in rows.items() if (found := _slot(name, kind))}
        counters = tuple(_counters(backends[slot]) for slot in sorted(backends))
        state = list(_state_rows(servers))
        return Loaded(
            routes=routes,
            servers=tuple(server for row in state if (server := _server(row, rows)) is not None),
            figures={
                revision: _figures(backends[slot], routes.bases.get(revision, Base()))
                for revision, slot in routes.slots.items()
            },
            copies=Copies(**{name: int(value) for name, value in _pairs(mirror)}),
            counters=counters,
            width=len(state) // max(len(counters), 1),
            map_number=number,
            map_version=version,
            uptime=float(dict(_pairs(info))["Uptime_sec"]),
        )
    except (ValueError, LookupError, TypeError, csv.Error, DeployerError) as error:
        raise DeployerError(
            f"the gateway's report cannot be read: {type(error).__name__}: {error}",
            where=settings.admin,
            hint="start the gateway anew",
        ) from error


def _map_line(text: str, path: str) -> tuple[int, int]:
    for line in text.splitlines():
        found = re.match(rf"([0-9]+) \({re.escape(path)}\) .*next_ver=([0-9]+)", line)
        if found:
            return int(found[1]), int(found[2])
    raise ValueError(f"no map {path}")


def _entries(text: str) -> dict[str, str]:
    found = {}
    for line in text.splitlines():
        entry = ENTRY.fullmatch(line)
        if entry is None:
            raise ValueError(f"not an entry of a map: {line[:80]!r}")
        found[entry[1]] = entry[2]
    return found


def _state_rows(text: str) -> Iterable[dict[str, str]]:
    lines = text.splitlines()
    names = lines[1].removeprefix("# ").split(" ")
    for line in lines[2:]:
        yield dict(zip(names, line.split(" "), strict=False))


def _slot(name: str, kind: str) -> re.Match[str] | None:
    return SLOT.fullmatch(name) if kind == "BACKEND" else None


def _server(row: Mapping[str, str], rows: Mapping[tuple[str, str], Mapping[str, str]]) -> Server | None:
    slot, number = SLOT.fullmatch(row["be_name"]), SERVER.fullmatch(row["srv_name"])
    admin = int(row["srv_admin_state"])
    if slot is None or number is None or admin & MAINTENANCE:
        return None
    stat = rows[row["be_name"], row["srv_name"]]
    state: State = "ready" if row["srv_op_state"] in ("1", "2") else "down"
    return Server(
        slot=int(slot[1]),
        number=int(number[1]),
        member=Member(ip_address(row["srv_addr"]).compressed, int(row["srv_port"])),
        state="draining" if admin & DRAIN else state,
        connections=int(stat["scur"]),
        check=" ".join(filter(None, ("/".join(filter(None, _check(stat))), stat.get("last_chk", "")))),
    )


def _check(row: Mapping[str, str]) -> tuple[str, str]:
    return row["check_status"].removeprefix("* "), row["check_code"]


def _counters(row: Mapping[str, str]) -> Base:
    return Base(
        requests=int(row["stot"]) - int(row["scur"]),
        succeeded=int(row["hrsp_2xx"]) + int(row["hrsp_3xx"]),
        refused=int(row["hrsp_4xx"]),
        failed=int(row["hrsp_5xx"]) + int(row["hrsp_other"]),
    )


def _figures(row: Mapping[str, str], base: Base) -> Figures:
    now = _counters(row)
    requests = now.requests - base.requests
    answered = (now.succeeded - base.succeeded, now.refused - base.refused, now.failed - base.failed)
    return Figures(
        requests,
        *answered,
        unanswered=max(0, requests - sum(answered)),
        response_ms=int(row["rtime"]),
        total_ms=int(row["ttime"]),
    )


def _pairs(text: str) -> Iterable[tuple[str, str]]:
    for line in text.splitlines():
        name, _, value = line.partition(":")
        yield name.strip(), value.strip()
