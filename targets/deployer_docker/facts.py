"""What was found of one endpoint, as frozen values, before it is judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from deployer.endpoint import Record
from deployer.gateway import Loaded, Member, Routing
from deployer.target.container import Asked, read_paths

__all__ = ["ContainerFact", "Facts"]


@dataclass(frozen=True)
class ContainerFact:
    """One container. Times are seconds since the epoch.

    Attributes:
        status: The engine's: created, running, paused, restarting, removing, exited, dead.
        condemned: Whether it is to end and not to be started again: the engine has been told to let it be.
        error: Why the engine could not start it.
        placed: Whether it is, or will be when it starts, at its address: an engine that was killed while it made a
            container may have forgotten that part.
        was_ready: Whether its server has ever said that it is ready, as far as its log tells; only asked for those
            that are not well.
        labels: Those of ours, without their prefix.
    """

    id: str
    name: str
    status: str
    created: float
    revision: str = ""
    number: int = 0
    address: str = ""
    condemned: bool = False
    started: float | None = None
    finished: float | None = None
    exit_code: int = 0
    oom: bool = False
    error: str = ""
    restarts: int = 0
    pid: int = 0
    image: str = ""
    owner: str = ""
    placed: bool = True
    was_ready: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def asked(self) -> Asked:
        """Where its server is asked."""
        return read_paths(self.labels.get("routes", ""))

    @property
    def member(self) -> Member | None:
        """As the gateway knows it; None before it has an address."""
        return Member(self.address, self.asked.port) if self.address else None

    @property
    def running(self) -> bool:
        """Whether its process is there."""
        return self.status in ("running", "paused")

    @property
    def failing(self) -> bool:
        """Whether it has ended without having been asked to, or cannot be started."""
        if self.status in ("exited", "dead", "restarting") or self.error:
            return True
        return self.status == "running" and self.restarts > 0


@dataclass(frozen=True)
class Facts:
    """All that was found.

    Attributes:
        foreign: What lies under the endpoint's name and is not ours; "" for nothing.
        there: Whether any object carries the endpoint's marks.
        owner: As the marks say.
        record_trouble: Why the Record cannot be read.
        replicas: Containers of revisions, condemned ones too.
        gateway: The gateway's container.
        wished: What the gateway is to do, as it lies beside its configuration.
        loaded: What it says that it does.
        gateway_trouble: Why that is not known.
    """

    name: str
    target: str
    foreign: str = ""
    there: bool = True
    owner: str | None = None
    record: Record | None = None
    record_trouble: str = ""
    replicas: tuple[ContainerFact, ...] = ()
    gateway: ContainerFact | None = None
    wished: Routing | None = None
    loaded: Loaded | None = None
    gateway_trouble: str = ""

    def of(self, revision: str) -> tuple[ContainerFact, ...]:
        """The containers of a revision that are wanted, by their numbers."""
        found = [each for each in self.replicas if each.revision == revision and not each.condemned]
        return tuple(sorted(found, key=lambda each: each.number))

    def leaving(self, revision: str) -> tuple[ContainerFact, ...]:
        """Those that are ending their requests."""
        return tuple(each for each in self.replicas if each.revision == revision and each.condemned and each.running)
