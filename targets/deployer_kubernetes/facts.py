"""What was found of one endpoint, as frozen values, before it is judged. Times are seconds since the epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from deployer.endpoint import Record
from deployer.target.container import Asked, read_paths
from deployer_kubernetes.marks import PREFIX

if TYPE_CHECKING:
    from deployer_kubernetes.gateway.facts import GatewayFact, RouteFact
    from deployer_kubernetes.scaling.facts import ActivatorFact

__all__ = ["Ending", "Facts", "PodFact", "ScalerFact", "ServerFact", "ServiceFact"]


@dataclass(frozen=True)
class Ending:
    """How a container ended.

    Attributes:
        reason: The kubelet's word: ``OOMKilled``, ``Error``, ``ContainerCannotRun``.
        code: Its exit code.
    """

    reason: str = ""
    code: int = 0
    message: str = ""
    finished: float | None = None


@dataclass(frozen=True)
class PodFact:
    """One pod of a revision.

    Attributes:
        phase: The API's: Pending, Running, Succeeded, Failed, Unknown.
        ready: Whether it takes requests.
        leaving: Whether it is ending its requests.
        waiting: Why its container does not run: ``ImagePullBackOff``, ``CrashLoopBackOff``; "" when it does.
        waiting_message: That in a sentence.
        last: How its container ended the last time.
        unscheduled: Why it has no node; "" when it has one.
        unscheduled_since: Since when that is so.
        scheduled: When it got its node; before that, and where the cluster does not say, when it was created.
        starting: Whether its startup probe has not been passed.
        image: Digest of its image, as the node has it.
        container: Which of its containers keeps it from being ready; when it is, any.
        memory: The most that it may use, as the pod says it: ``64Mi``; "" for no limit.
    """

    name: str
    uid: str
    revision: str
    created: float
    phase: str = ""
    ready: bool = False
    leaving: bool = False
    node: str = ""
    address: str = ""
    restarts: int = 0
    waiting: str = ""
    waiting_message: str = ""
    last: Ending | None = None
    unscheduled: str = ""
    unscheduled_since: float | None = None
    scheduled: float = 0.0
    starting: bool = True
    image: str = ""
    container: str = "server"
    memory: str = ""

    @property
    def begins(self) -> bool:
        """Whether it is about to run for the first time, and nothing is known to keep it from that."""
        over = self.phase in ("Failed", "Succeeded")
        return not (self.ready or self.leaving or self.unscheduled or self.waiting or self.restarts or over)


@dataclass(frozen=True)
class ServerFact:
    """A revision's Deployment.

    Attributes:
        created: When what it runs was begun: pods that are replaced later do not change that.
        wanted: Its count.
        acted: Whether its controller has seen the last change.
        current: Pods of its present template, that are there.
        count: Pods that are there.
        failure: Why no pod can be made: a quota, or an admission that refuses it.
        labels: All that it has.
        told: Our annotations, without their prefix.
        made_by: The InferenceService that KServe makes it for; "" for none.
        unmade: Whether `failure` is why KServe does not make it.
        unseen: Whether KServe should have made it by now, and has said nothing.
    """

    name: str
    uid: str
    revision: str
    created: float
    wanted: int
    acted: bool = True
    current: int = 0
    count: int = 0
    failure: str = ""
    leaving: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    told: Mapping[str, str] = field(default_factory=dict)
    made_by: str = ""
    unmade: bool = False
    unseen: bool = False

    @property
    def asked(self) -> Asked:
        """Where its server is asked."""
        return read_paths(self.told.get("routes", ""))

    @property
    def model(self) -> str | None:
        """The model that it serves."""
        return self.told.get("model")


@dataclass(frozen=True)
class ServiceFact:
    """The endpoint's Service.

    Attributes:
        revision: Where its selector leads, or that behind its activator; "" for nobody, or to the gateway.
        gateway: Whether that is the endpoint's own gateway.
        activator: Whether requests come there by the endpoint's activator.
        behind: Pods that it sends requests to by now, by name.
    """

    name: str
    uid: str
    revision: str = ""
    gateway: bool = False
    behind: tuple[str, ...] = ()
    port: int = 80
    activator: bool = False


@dataclass(frozen=True)
class ScalerFact:
    """What has the count of a revision."""

    name: str
    revision: str
    least: int
    most: int
    wished: int | None = None
    present: int | None = None


@dataclass(frozen=True)
class Facts:
    """All that was found.

    Attributes:
        foreign: What lies under the endpoint's name and is not ours; "" for nothing.
        pods: Those of its revisions.
        gateway: Its own gateway, where it has one.
        route: Its route by somebody's gateway, where it has one.
        activator: What holds its requests while it sleeps, where it may.
        there: Whether any object carries the endpoint's marks.
        record_trouble: Why the Record cannot be read.
        now: The cluster's clock.
        growing: Whether the cluster says that it is about to get another node.
    """

    name: str
    target: str
    namespace: str
    foreign: str = ""
    there: bool = True
    owner: str | None = None
    record: Record | None = None
    record_trouble: str = ""
    service: ServiceFact | None = None
    servers: tuple[ServerFact, ...] = ()
    pods: tuple[PodFact, ...] = ()
    scalers: tuple[ScalerFact, ...] = ()
    gateway: GatewayFact | None = None
    route: RouteFact | None = None
    activator: ActivatorFact | None = None
    now: float | None = None
    growing: bool = False

    def server(self, revision: str) -> ServerFact | None:
        """The Deployment of a revision that is not on its way out."""
        return next((each for each in self.servers if each.revision == revision and not each.leaving), None)

    def of(self, revision: str) -> tuple[PodFact, ...]:
        """Its pods, the oldest first."""
        return tuple(
            sorted((each for each in self.pods if each.revision == revision), key=lambda e: (e.created, e.name))
        )

    def live(self, revision: str) -> tuple[PodFact, ...]:
        """Those that are not on their way out."""
        return tuple(each for each in self.of(revision) if not each.leaving)

    def scaler(self, revision: str) -> ScalerFact | None:
        """What has its count."""
        return next((each for each in self.scalers if each.revision == revision), None)

    def may_sleep(self, revision: str) -> bool:
        """Whether it may have no pods."""
        scaler = self.scaler(revision)
        return scaler is not None and scaler.least == 0


def told_of(annotations: Mapping[str, str] | None) -> dict[str, str]:
    """Our annotations, without their prefix."""
    return {key.removeprefix(PREFIX): value for key, value in (annotations or {}).items() if key.startswith(PREFIX)}
