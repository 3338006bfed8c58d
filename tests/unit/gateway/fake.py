"""A gateway in memory that follows the commands that are sent to a real one, and refuses all others."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from deployer.gateway import Copies, Loaded, Member, Server
from deployer.gateway.loaded import State
from deployer.gateway.routes import Base, read_entries

NOWHERE = Member("127.0.0.1", 9)
NAME = r"s(\d+)/m(\d+)"


@dataclass
class Slot:
    """One server of HAProxy's."""

    member: Member
    admin: str = "maint"
    up: bool = True
    connections: int = 0


@dataclass
class FakeGateway:
    """What HAProxy has in memory.

    Attributes:
        healthy: The members whose health check passes.
    """

    slots: int = 4
    width: int = 4
    entries: dict[str, str] = field(default_factory=dict)
    version: int = 0
    prepared: dict[int, dict[str, str]] = field(default_factory=dict)
    healthy: set[Member] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.servers = {(slot, number): Slot(NOWHERE) for slot in range(self.slots) for number in range(self.width)}

    def do(self, command: str) -> None:
        """Follow one command."""
        if command == "prepare map #1":
            self.version += 1
            self.prepared[self.version] = {}
        elif found := re.fullmatch(r"add map @(\d+) #1 (\S+) (\S+)", command):
            assert found[2] not in self.prepared[int(found[1])]
            self.prepared[int(found[1])][found[2]] = found[3]
        elif found := re.fullmatch(r"commit map @(\d+) #1", command):
            self.entries = self.prepared.pop(int(found[1]))
        elif found := re.fullmatch(rf"set server {NAME} addr (\S+) port (\d+)", command):
            server = self._server(found)
            assert server.admin == "maint", "an address changes only where nothing is asked"
            server.member = Member(found[3], int(found[4]))
        elif found := re.fullmatch(rf"set server {NAME} health down", command):
            server = self._server(found)
            assert server.admin == "drain", "a healthy server is not called down"
            server.up = False
        elif found := re.fullmatch(rf"set server {NAME} state (ready|drain|maint)", command):
            server = self._server(found)
            if server.admin == "maint" and found[3] != "maint":
                server.up = True  # as HAProxy has it
            if found[3] == "maint":
                assert server.connections == 0
            server.admin = found[3]
        else:
            raise AssertionError(f"no such command: {command}")

    def check(self) -> None:
        """Let each health check run."""
        for (slot, _), server in self.servers.items():
            if server.admin != "maint":
                server.up = server.member in self.healthy and f"s{slot}" in self.entries

    def serves(self, revision: str) -> bool:
        """Whether a request for the revision would be answered."""
        slot = read_entries(self.entries).slots.get(revision)
        return any(
            place[0] == slot and server.admin == "ready" and server.up and server.member in self.healthy
            for place, server in self.servers.items()
        )

    def loaded(self) -> Loaded:
        """What it would report."""
        found = []
        for (slot, number), server in self.servers.items():
            if server.admin != "maint":
                state: State = "draining" if server.admin == "drain" else "ready" if server.up else "down"
                found.append(Server(slot, number, server.member, state, server.connections))
        return Loaded(
            routes=read_entries(self.entries),
            servers=tuple(found),
            figures={},
            copies=Copies(),
            counters=tuple(Base(requests=slot) for slot in range(self.slots)),
            width=self.width,
            map_number=1,
            map_version=self.version,
            uptime=1.0,
        )

    def _server(self, found: re.Match[str]) -> Slot:
        return self.servers[int(found[1]), int(found[2])]
