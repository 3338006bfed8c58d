"""What a target can do beyond the verbs: one type for each, asked with ``isinstance``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from deployer.endpoint import Claim, Diagnosis, ImageRef, Mirrored, Record, Release
from deployer.spec import DeploymentSpec
from deployer.target.messages import Request, Response
from deployer.value import JSON

__all__ = [
    "Adoptable",
    "Adoption",
    "Autoscales",
    "Capability",
    "Check",
    "Diagnoses",
    "Figures",
    "InvokesRevision",
    "KeepsSecrets",
    "LogLine",
    "Logs",
    "Measured",
    "Mirrors",
    "Orphan",
    "Orphans",
    "Preflight",
    "Renderable",
    "ScalesToZero",
    "Watches",
    "WeightedTraffic",
]


class Capability(ABC):
    """Something that a target can do beyond the verbs; asked with ``isinstance``."""

    word: ClassVar[str]
    """What ``deployer targets`` prints."""


@dataclass(frozen=True)
class LogLine:
    """One line of a revision's output; untrusted text."""

    text: str
    revision: str
    replica: str = ""
    at: float | None = None


class Logs(Capability):
    """Its revisions' output can be read."""

    word = "logs"

    @abstractmethod
    def logs(
        self,
        endpoint: str,
        *,
        revision: str | None = None,
        tail: int | None = None,
        since: float | None = None,
        follow: bool = False,
    ) -> Iterator[LogLine]:
        """Lines of all replicas, the oldest first; with ``follow`` goes on until the caller closes it."""


class Diagnoses(Capability):
    """It can tell why a revision is not well."""

    word = "diagnosis"

    @abstractmethod
    def diagnose(self, endpoint: str, revision: str) -> Diagnosis | None:
        """Why a revision is not healthy, with evidence; None when it is, or when nothing can be told."""


class InvokesRevision(Capability):
    """A revision can be asked before it has traffic."""

    word = "invoke a revision without traffic"

    @abstractmethod
    def invoke_revision(self, endpoint: str, revision: str, request: Request) -> Response:
        """As `Target.invoke`, to one revision, whether it has traffic or not.

        Raises:
            TargetUnavailable: It does not answer (yet): transient.
        """


class Watches(Capability):
    """It tells when something changes, so that nobody polls."""

    word = "watching"

    @abstractmethod
    def watch(self, endpoint: str, seconds: float) -> None:
        """Return when something of the endpoint may have changed, or when the seconds are over."""


class WeightedTraffic(Capability):
    """`Target.route` takes any shares, not only all to one."""

    word = "weighted traffic"


class Mirrors(Capability):
    """A copy of the requests can go to a revision whose answers nobody gets."""

    word = "mirroring"

    @abstractmethod
    def mirror(self, endpoint: str, mirrored: Mirrored | None, claim: Claim) -> None:
        """Copy that part of the requests to that revision and to no other; None ends it.

        `Target.observe` tells when it is so. It ends as well when the revision gets traffic or is retired. Copies carry
        no credentials, so an endpoint that asks for API keys has none.

        Raises:
            ClaimLost: Somebody else writes by now.
            Conflict: The revision was not staged, or has traffic; or this wish allows no copies.
        """


class Autoscales(Capability):
    """`DeploymentSpec.replicas` may be a range; the count is then the autoscaler's."""

    word = "autoscaling"


class ScalesToZero(Capability):
    """An idle endpoint may have no replica."""

    word = "scale to zero"


class KeepsSecrets(Capability):
    """Takes secret values into a store of its own; other targets take only references into a vault."""

    word = "secrets by value"

    @abstractmethod
    def holds_secret(self, endpoint: str, name: str, number: int, value: str) -> bool:
        """Whether the stored value of that number is this one, compared in constant time; False when none is stored."""

    def keys_differ(self, spec: DeploymentSpec, environ: Mapping[str, str]) -> bool:  # noqa: ARG002 - for those that do
        """Whether the stored API keys are others than those that ``auth.api_keys`` refers to; an unset one is kept.

        Raises:
            SpecError: A key is not usable, or is neither given nor stored.
        """
        return False

    @abstractmethod
    def keep_secrets(self, endpoint: str, values: Mapping[tuple[str, int], str], claim: Claim) -> None:
        """Store values by (name, number), before the revision that names these numbers is staged.

        ``release.fields["secrets"]`` maps name -> number.
        """


@dataclass(frozen=True)
class Check:
    """One thing that ``doctor`` looked at.

    Attributes:
        what: ``python 3.11``, ``permission to create services``.
        ok: True, False, or None for "could not be told".
        detail: What was found.
        hint: What to type when it is not well.
    """

    what: str
    ok: bool | None
    detail: str = ""
    hint: str | None = None


class Preflight(Capability):
    """It can tell whether everything that it needs is there."""

    word = "doctor"

    @abstractmethod
    def preflight(self) -> Iterable[Check]:
        """Look whether everything that the target needs is there; changes nothing."""


@dataclass(frozen=True)
class Orphan:
    """Something of ours that nothing refers to any more.

    Attributes:
        identity: Enough to remove exactly this thing, and nothing that took its place.
        what: For people: ``environment 0a1b2c3d (312 MB)``.
        size: Bytes, or None.
        since: When it was made or last used, by the target's clock.
        endpoint: Whose it was, when that is known.
    """

    identity: str
    what: str
    size: int | None = None
    since: float | None = None
    endpoint: str | None = None


class Orphans(Capability):
    """What nothing refers to any more can be found and removed."""

    word = "gc"

    @abstractmethod
    def orphans(self, *, older_than: float = 3600.0) -> Iterable[Orphan]:
        """What carries our marks and is not claimed, not referenced, and older (seconds, by the target's clock)."""

    @abstractmethod
    def remove_orphan(self, orphan: Orphan, *, older_than: float = 3600.0) -> bool:
        """Look again, remove it, and tell whether it was removed; False when it is referenced or gone by now."""


@dataclass(frozen=True)
class Figures:
    """How a revision answered the requests of one stretch of time, and what it uses now.

    Attributes:
        requests: How many it was sent that have ended by now.
        errors: Of these, those answered with 500 to 599 or not at all.
        latency: Seconds from request to whole answer: ``p50``, ``p95``, ``p99`` or ``mean``, as far as the source has
            them; nothing when there was no request.
        window: Seconds that were counted; fewer than asked for when the source does not look back so far.
        until: The end of these seconds, by the target's clock.
        resolution: Seconds of the finest step that the source counts in; 0 when it knows each request.
        delay: Seconds after which a request is counted for certain.
        memory: Bytes that all its replicas use together; None when the target does not tell.
        cpu: Cores that they use, the same way.
    """

    requests: int
    errors: int
    latency: Mapping[str, float] = field(default_factory=dict)
    window: float = 0.0
    until: float = 0.0
    resolution: float = 0.0
    delay: float = 0.0
    memory: int | None = None
    cpu: float | None = None

    @property
    def error_rate(self) -> float:
        """Errors among the requests, 0 to 1; 0 when there was none."""
        return self.errors / self.requests if self.requests else 0.0


class Measured(Capability):
    """It counts a revision's requests and errors, times its answers, and may tell what it uses."""

    word = "figures"

    @abstractmethod
    def measure(self, endpoint: str, revision: str, *, window: float) -> Figures | None:
        """Figures of the last ``window`` seconds; None when the revision does not run, or nothing is known of it.

        What it uses may take the target some seconds to tell, so that only this is to ask, and never `Target.observe`.
        """


class Renderable(Capability):
    """What it would send can be told as documents."""

    word = "render"

    @abstractmethod
    def render(self, spec: DeploymentSpec, release: Release) -> Sequence[Mapping[str, JSON]]:
        """What `Target.configure`, `Target.stage` and `Target.route` of all traffic would send, in that order.

        Equal arguments give equal documents. Nothing is changed, and nobody is asked but for what only the place gives,
        such as the address of something that is there. Of secrets there are references and numbers only, never values.
        """

    def unrendered(self, spec: DeploymentSpec, release: Release) -> Sequence[str]:  # noqa: ARG002 - of the contract
        """What the verbs would send beside that, and the documents do not hold: a sentence each, for people."""
        return ()


@dataclass(frozen=True)
class Adoption:
    """What can be told of something that runs there and carries no marks of ours.

    Attributes:
        identity: Enough to take over exactly this thing, and nothing that took its place.
        what: For people: ``container 3f2a1b0c9d8e (nginx)``.
        spec: Fields of a spec as it runs, nested as in a file, without ``name`` and ``target``; values that look secret
            are left out (`told_variables`).
        untold: Dotted field -> why it could not be told. What a person wishes there is taken for what runs; not so for
            ``secrets`` and ``auth``, since their values must be the target's.
        image: The image that it runs from, where it does, so that it can be gone back to.
    """

    identity: str
    what: str
    spec: Mapping[str, JSON]
    untold: Mapping[str, str] = field(default_factory=dict)
    image: ImageRef | None = None


class Adoptable(Capability):
    """It can tell what runs there and is not ours, and take it over while it runs."""

    word = "adoption"

    @abstractmethod
    def adoptable(self, endpoint: str) -> Adoption | None:
        """What of that name runs without marks; None when nothing does, or when deployer made it, whoever owns it."""

    @abstractmethod
    def adopt(self, record: Record, expected: str | None, identity: str | None) -> str:
        """Take an endpoint over, and return the Record's new version.

        Writes the Record as `Target.write_record` does, but over things that are not ours, and has them carry our marks
        from then on: of ``record.owner``, and as the revision that has the record's traffic. How it marks what cannot
        be labelled while it runs is its own affair; nothing is restarted for it. Whoever is killed between the two
        parts, or calls it twice, calls it again with the version that is stored then.

        Args:
            record: With the claim of who takes over. Its release of that revision describes what runs.
            expected: The stored version, None when there is no Record.
            identity: The `Adoption.identity` of what is taken over; None for an endpoint that another owner made, or
                that carries the marks of ours already.

        Raises:
            ClaimLost: Somebody else wrote meanwhile; nothing was changed.
            Conflict: Something else is there by now; nothing was changed.
        """
