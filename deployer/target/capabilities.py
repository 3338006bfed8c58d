"""What a target can do beyond the verbs: one type for each, asked with ``isinstance``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from deployer.endpoint import Claim, Diagnosis
from deployer.target.messages import Request, Response

__all__ = [
    "Autoscales",
    "Capability",
    "Check",
    "Diagnoses",
    "InvokesRevision",
    "KeepsSecrets",
    "LogLine",
    "Logs",
    "Mirrors",
    "Orphan",
    "Orphans",
    "Preflight",
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
