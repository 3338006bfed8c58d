"""The eight verbs, and the Record that is written conditionally."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import ClassVar

from deployer.endpoint import Claim, Endpoint, Record, Release, Traffic
from deployer.errors import ClaimLost
from deployer.spec import DeploymentSpec
from deployer.target.images import ImageSink
from deployer.target.kind import EnvironmentSink, Site
from deployer.target.messages import Request, Response

__all__ = ["Target", "ensure_held"]


class Target(ABC):
    """One place where endpoints live."""

    kind: ClassVar[str]
    """The back end's name."""
    poll: ClassVar[float] = 1.0
    """Seconds between two observations while waiting, when the target cannot be watched."""

    def __init__(self, site: Site) -> None:
        self.site = site

    @abstractmethod
    def now(self) -> float:
        """The target's clock, seconds since the epoch, good to a second; claims expire by it."""

    @abstractmethod
    def observe(self, endpoint: str) -> Endpoint | None:
        """The endpoint if *any* resource of it is there (the Record alone counts too); None when nothing is there.

        So half-made and half-deleted ones are seen; also one that is not ours (``managed=False``). A place that takes
        no change while it is at another may be asked here for what a verb of this process left: whoever waits, looks.
        """

    @abstractmethod
    def list(self) -> Iterable[Endpoint]:
        """All endpoints, ours and others', as `observe` gives them; pages are followed to the end."""

    @abstractmethod
    def read_record(self, endpoint: str) -> tuple[Record, str] | None:
        """The Record and its version, or None when there is none."""

    @abstractmethod
    def write_record(self, record: Record, expected: str | None) -> str:
        """Write the Record if its stored version is still ``expected`` (None: if there is none) and return the new one.

        Raises:
            ClaimLost: Somebody else wrote meanwhile.
            Conflict: A first write, and resources of that name that are not ours are there (`Adoptable.adopt` alone
                writes over them).
        """

    def unmet(self, spec: DeploymentSpec) -> Iterable[tuple[str, str]]:  # noqa: ARG002 - for those that have to look
        """Why this place cannot meet a spec that `TargetKind.refuse` takes, each as (dotted field, sentence).

        Asked while planning, before anything else of the endpoint: for what hangs on what is installed there. Changes
        nothing.

        Raises:
            TargetUnavailable: It cannot be told now.
        """
        return ()

    @abstractmethod
    def sink(self, endpoint: str) -> EnvironmentSink | ImageSink | None:
        """Where the engine delivers a revision's artifacts; None when the kind delivers nothing.

        Makes nothing: it is asked while planning, too, when the endpoint is not there yet (for platform and cache).
        """

    @abstractmethod
    def configure(self, spec: DeploymentSpec, claim: Claim) -> None:
        """Make the endpoint-scope fields as wished, all but the count; makes the endpoint when it is not there."""

    @abstractmethod
    def stage(self, spec: DeploymentSpec, release: Release, claim: Claim) -> None:
        """Make the revision, or bring its count to ``spec.replicas`` in place; traffic stays where it is.

        A revision that failed before is started anew.
        """

    @abstractmethod
    def route(self, endpoint: str, traffic: Traffic, claim: Claim) -> None:
        """Send traffic so. Only to revisions that were staged; without `WeightedTraffic` only all to one.

        Empty traffic means that nothing is served (a roll-out by ``recreate`` asks for it).
        """

    @abstractmethod
    def retire(self, endpoint: str, revision: str, claim: Claim, *, keep: bool) -> None:
        """Remove what runs of a revision, after its requests have ended; its artifacts too, unless ``keep``.

        One that is not there is no error. A revision that has traffic is refused with `Conflict`.
        """

    @abstractmethod
    def destroy(self, endpoint: str, claim: Claim) -> None:
        """Begin to remove everything of the endpoint, the Record last; done when `observe` answers None."""

    @abstractmethod
    def invoke(self, endpoint: str, request: Request) -> Response:
        """Send a request the way a client's would go. Any HTTP answer is returned, also an error's.

        Raises:
            NotFound: There is no such endpoint.
            TargetUnavailable: It does not answer.
        """


def ensure_held(record: Record | None, claim: Claim) -> Record:
    """The Record, if the claim still holds it.

    Raises:
        ClaimLost: The Record is gone, or its generation or claim has moved.
    """
    if record is None:
        raise ClaimLost("the endpoint was deleted meanwhile", where=claim.verb)
    if record.claim is None or record.claim.token != claim.token or record.generation != claim.generation:
        by = f" by {record.claim.holder.by} ({record.claim.verb})" if record.claim else ""
        raise ClaimLost(
            f"{record.endpoint} was taken over{by} while this {claim.verb} was under way; nothing more was changed",
            hint=f"deployer status {record.endpoint}",
        )
    return record
