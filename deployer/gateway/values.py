"""What a gateway is told: where the replicas are, who gets which share, and how it runs itself.

Every value checks itself when it is made and is refused otherwise, so that nothing else reaches the configuration or
the admin socket. No text is quoted or escaped anywhere: what would need it is not a value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from types import MappingProxyType

from deployer.errors import SpecError

__all__ = ["GatewaySettings", "Member", "Mirror", "Pool", "Routing"]

REVISION = re.compile(r"r[0-9a-f]{7}")
PATH = re.compile(r"(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+")
URL_PATH = re.compile(r"(/[A-Za-z0-9._~-]*)+")
HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")
LOOPBACK = re.compile(r"127\.0\.0\.1:(?P<port>[1-9][0-9]{0,4})")
LONGEST_SOCKET = 90
"""Characters of a Unix socket's path; the system takes 107, and HAProxy adds a suffix while it binds."""


@dataclass(frozen=True, order=True)
class Member:
    """One replica's address, IPv4 or IPv6, and port."""

    address: str
    port: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "address", _address("member", self.address))
        _whole("member", self.port, 1, 65535)

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


@dataclass(frozen=True)
class Pool:
    """A revision and its replicas.

    Attributes:
        revision: Its id, such as ``r1a2b3c4``.
        members: Where its replicas are, in an order of their own; may be empty.
        ready: Path that a replica answers 200 to while it takes requests.
        invocations: Path at which a server that is not ours takes what comes for ``/invocations``; it neither knows nor
            tells its revision, so the gateway does. None for our own server.
    """

    revision: str
    members: tuple[Member, ...] = ()
    ready: str = "/ready"
    invocations: str | None = None

    def __post_init__(self) -> None:
        _matches("revision", self.revision, REVISION, "r and seven hexadecimal digits")
        _matches("ready", self.ready, URL_PATH, "a path of letters, digits, '.', '_', '~', '-' and '/'")
        if self.invocations is not None:
            _matches("invocations", self.invocations, URL_PATH, "a path of letters, digits, '.', '_', '~', '-' and '/'")
        object.__setattr__(self, "members", tuple(sorted(self.members)))
        if len(set(self.members)) != len(self.members):
            raise SpecError(f"revision {self.revision} has the same member twice", where="members")


@dataclass(frozen=True)
class Mirror:
    """A revision that gets copies of a percentage (1..100) of the requests."""

    revision: str
    percent: int

    def __post_init__(self) -> None:
        _matches("mirror", self.revision, REVISION, "r and seven hexadecimal digits")
        _whole("mirror", self.percent, 1, 100)


@dataclass(frozen=True)
class Routing:
    """Where everything goes.

    Attributes:
        pools: The revisions that can be reached, with or without traffic, in an order of their own.
        shares: Revision -> percent of the requests, 1..100, 100 in all; empty is no traffic.
        mirror: Who gets copies, or None.
    """

    pools: tuple[Pool, ...] = ()
    shares: Mapping[str, int] = field(default_factory=dict)
    mirror: Mirror | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "pools", tuple(sorted(self.pools, key=lambda pool: pool.revision)))
        object.__setattr__(self, "shares", MappingProxyType(dict(self.shares)))
        known = [pool.revision for pool in self.pools]
        if len(set(known)) != len(known):
            raise SpecError("a revision has two pools", where="pools")
        members = [member for pool in self.pools for member in pool.members]
        if len(set(members)) != len(members):
            raise SpecError("two revisions have the same member", where="members", hint="ask the target anew")
        for revision, percent in self.shares.items():
            _whole("shares", percent, 1, 100)
            _known(revision, known, "shares")
        if self.shares and sum(self.shares.values()) != 100:
            raise SpecError(f"shares add up to {sum(self.shares.values())}, not to 100", where="shares")
        if self.mirror is not None:
            _known(self.mirror.revision, known, "mirror")

    def pool(self, revision: str) -> Pool | None:
        """The revision's pool, or None."""
        return next((pool for pool in self.pools if pool.revision == revision), None)


@dataclass(frozen=True)
class GatewaySettings:
    """How the gateway runs; a change of any of these is a restart. Times are seconds, sizes bytes.

    Attributes:
        port: Where clients connect.
        address: The address that it listens on; ``::`` takes both families.
        certificate: PEM file with certificate chain and key, or None for plain HTTP.
        folder: Where `files` lie.
        admin: Unix socket for run-time commands, or ``127.0.0.1:PORT`` where only the gateway itself is on that
            loopback, as in a pod.
        mirror: Unix socket that the copies of requests go through, inside.
        probe: Port that answers 200 to whoever asks whether it runs, and 503 once it is told to end; None for none.
        services: Whether a member is a service that spreads connections over replicas which come and go behind it.
            Each request then has a connection of its own, so that none is sent to a replica that is leaving, and one
            check that fails says little of the others.
        revisions: How many revisions there can be at once.
        members: How many replicas a revision can have.
        connections: Clients at once; each may hold two buffers.
        threads: HAProxy's threads.
        buffer: A request's headers, and the part of its body that can be copied for mirroring, must fit into it;
            all but 1 KiB of it is usable.
        max_body: Largest body that a request may announce, or None; the server has its own limit in any case.
        head: For a request's headers to arrive.
        idle: A client's connection without a request.
        client: Without a byte from or to a client within a request.
        server: Longest wait for an answer; somewhat more than the server's own limit.
        connect: For a connection to a replica.
        interval: Between two health checks.
        check: For a health check's answer.
        check_host: ``Host`` of the health checks; one that the server trusts.
        copies: Copies of requests that are under way at once; more are left out, and counted.
        leave: How long it goes on when it is told to end (SIGUSR1), and has every client come anew by another
            connection, so that whoever spreads these can learn of it; 0 for not at all.
        drain: For requests under way after that.
    """

    port: int
    address: str = "0.0.0.0"  # noqa: S104 - inside a container; what is published is the target's affair
    certificate: str | None = None
    folder: str = "/etc/haproxy"
    admin: str = "/run/haproxy/admin.sock"
    mirror: str = "/run/haproxy/mirror.sock"
    probe: int | None = None
    services: bool = False
    revisions: int = 8
    members: int = 16
    connections: int = 2000
    threads: int = 2
    buffer: int = 65536
    max_body: int | None = None
    head: int = 10
    idle: int = 75
    client: int = 60
    server: int = 75
    connect: int = 1
    interval: float = 0.5
    check: int = 5
    check_host: str = "localhost"
    copies: int = 64
    leave: int = 0
    drain: int = 30

    def __post_init__(self) -> None:
        object.__setattr__(self, "address", _address("address", self.address))
        _whole("port", self.port, 1, 65535)
        sockets = ("mirror",) if self.admin_port is not None else ("admin", "mirror")
        for name in ("folder", *sockets, *(("certificate",) if self.certificate is not None else ())):
            _matches(name, getattr(self, name), PATH, "an absolute path of letters, digits, '.', '_' and '-'")
        for name in sockets:
            if len(getattr(self, name)) > LONGEST_SOCKET:
                raise SpecError(f"a socket's path has at most {LONGEST_SOCKET} characters", where=name)
        for name, least, most in _RANGES:
            _whole(name, getattr(self, name), least, most)
        if self.max_body is not None:
            _whole("max_body", self.max_body, 1, 2**62)
        for name in ("admin_port", "probe"):
            if getattr(self, name) is not None:
                _whole(name, getattr(self, name), 1, 65535)
        if type(self.services) is not bool:
            raise SpecError("services is true or false", where="services")
        if type(self.interval) not in (int, float) or not 0.1 <= self.interval <= 3600:
            raise SpecError("interval must be 0.1 to 3600 seconds", where="interval")
        _matches("check_host", self.check_host, HOST, "a host's name or IPv4 address")

    @property
    def admin_port(self) -> int | None:
        """The port of run-time commands on the loopback; None where they have a Unix socket."""
        found = LOOPBACK.fullmatch(str(self.admin))
        return int(found["port"]) if found is not None else None

    @property
    def config_path(self) -> str:
        """The configuration file."""
        return f"{self.folder}/haproxy.cfg"

    @property
    def map_path(self) -> str:
        """The map of who gets what."""
        return f"{self.folder}/routes.map"

    @property
    def lua_path(self) -> str:
        """The script that copies requests."""
        return f"{self.folder}/mirror.lua"


_RANGES = (
    ("revisions", 1, 100),
    ("members", 1, 1000),
    ("connections", 1, 1_000_000),
    ("threads", 1, 64),
    ("buffer", 16384, 2**24),
    ("head", 1, 86400),
    ("idle", 1, 86400),
    ("client", 1, 86400),
    ("server", 1, 86400),
    ("connect", 1, 3600),
    ("check", 1, 3600),
    ("copies", 1, 10000),
    ("leave", 0, 3600),
    ("drain", 1, 86400),
)


def _address(where: str, value: object) -> str:
    """The address in its one short form; a zone (``fe80::1%eth0``) is refused."""
    try:
        if not isinstance(value, str) or "%" in value:
            raise ValueError
        return ip_address(value).compressed
    except ValueError:
        raise SpecError(f"{value!r:.80} is not an IP address", where=where) from None


def _matches(where: str, value: object, pattern: re.Pattern[str], wanted: str) -> None:
    if not isinstance(value, str) or len(value) > 4096 or not pattern.fullmatch(value):
        raise SpecError(f"{value!r:.80} is not {wanted}", where=where)


def _whole(where: str, value: object, least: int, most: int) -> None:
    if type(value) is not int or not least <= value <= most:
        raise SpecError(f"{value!r:.80} is not a whole number from {least} to {most}", where=where)


def _known(revision: object, known: list[str], where: str) -> None:
    if revision not in known:
        raise SpecError(f"revision {revision!r:.80} has no pool", where=where)
