"""What is there: endpoints, revisions, traffic, and the Record that the target keeps of them. Frozen values, no I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import Any, Literal

from pydantic import ConfigDict, Field, PrivateAttr, RootModel, model_validator

from deployer.notebook import table
from deployer.release import BaseRef, ImageRef, ModelRef, Release, revision_id
from deployer.value import JSON, Value

__all__ = [
    "HISTORY_ENTRIES",
    "BaseRef",
    "Before",
    "Claim",
    "Code",
    "Diagnosis",
    "Endpoint",
    "HistoryEntry",
    "Holder",
    "ImageRef",
    "Mirrored",
    "ModelRef",
    "Observed",
    "Phase",
    "Record",
    "Release",
    "Result",
    "Revision",
    "Rollout",
    "Traffic",
    "revision_id",
]

HISTORY_ENTRIES = 20
"""How many entries of history a Record keeps, rejected releases included."""


class Phase(StrEnum):
    """The state of an endpoint or of a revision."""

    PENDING = "pending"
    STARTING = "starting"
    HEALTHY = "healthy"
    DEGRADED = "degraded"
    """Serves, but not as wished; an unattended roll-out too."""
    FAILED = "failed"
    STOPPING = "stopping"


class Code(StrEnum):
    """Why something is not well: one vocabulary for all targets."""

    IMAGE_PULL = "IMAGE_PULL"
    IMAGE_ARCHITECTURE = "IMAGE_ARCHITECTURE"
    IMAGE_MANIFEST = "IMAGE_MANIFEST"
    CRASH_LOOP = "CRASH_LOOP"
    OUT_OF_MEMORY = "OUT_OF_MEMORY"
    MISSING_DEPENDENCY = "MISSING_DEPENDENCY"
    MODEL_LOAD = "MODEL_LOAD"
    SIGNATURE_MISMATCH = "SIGNATURE_MISMATCH"
    PARITY = "PARITY"
    PROBE_TIMEOUT = "PROBE_TIMEOUT"
    UNSCHEDULABLE = "UNSCHEDULABLE"
    QUOTA = "QUOTA"
    CAPACITY = "CAPACITY"
    PERMISSION = "PERMISSION"
    CREDENTIALS = "CREDENTIALS"
    NOT_REACHABLE = "NOT_REACHABLE"
    SILENT_ROLLBACK = "SILENT_ROLLBACK"
    CONFLICT = "CONFLICT"
    UNKNOWN = "UNKNOWN"


_CIRCUMSTANCES = ("CAPACITY", "QUOTA", "PERMISSION", "CREDENTIALS", "NOT_REACHABLE", "UNSCHEDULABLE", "CONFLICT")


class Diagnosis(Value):
    """Why something failed, in one sentence, with the telling lines.

    Evidence is untrusted text, kept as it came but for its length; renderers escape it.
    """

    code: Code
    summary: str
    subject: str = ""
    """The one thing it is about, when there is one: the missing module, the denied action, the taken port."""
    evidence: tuple[str, ...] = ()
    hint: str | None = None

    @property
    def is_verdict(self) -> bool:
        """Whether it judges the revision itself, and not the circumstances: only then is the revision rejected."""
        return self.code not in _CIRCUMSTANCES


class Traffic(RootModel[dict[str, int]]):
    """Revision -> percent, integers that sum to 100; empty when nothing is served."""

    model_config = ConfigDict(frozen=True)
    root: dict[str, int] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _sums(self) -> Traffic:
        if self.root and (sum(self.root.values()) != 100 or min(self.root.values()) < 0):
            raise ValueError("traffic is integer percent that sums to 100")
        return self

    @classmethod
    def all_to(cls, revision: str) -> Traffic:
        """All of it to one revision."""
        return cls({revision: 100})

    def share(self, revision: str) -> int:
        """Percent of one revision, 0 when it has none."""
        return self.root.get(revision, 0)

    @property
    def served(self) -> tuple[str, ...]:
        """The revisions that get some, the largest share first."""
        return tuple(sorted((r for r, p in self.root.items() if p), key=lambda r: (-self.root[r], r)))

    def items(self) -> Iterator[tuple[str, int]]:
        """Each revision that gets some, with its percent."""
        return ((revision, self.root[revision]) for revision in self.served)

    def __bool__(self) -> bool:
        return bool(self.served)

    def __str__(self) -> str:
        return ", ".join(f"{percent} % -> {revision}" for revision, percent in self.items()) or "none"

    def same_as(self, other: Traffic) -> bool:
        """Whether both send the same shares, entries of 0 left out."""
        return dict(self.items()) == dict(other.items())


class Mirrored(Value):
    """A revision that gets copies of a part of the requests, and whose answers nobody gets."""

    revision: str
    percent: int = Field(ge=1, le=100)

    def __str__(self) -> str:
        return f"copies of {self.percent} % -> {self.revision}"


class Holder(Value):
    """Who is writing: enough to tell on the same host whether that process still lives."""

    by: str
    """The person or CI actor, ``ada@laptop`` or ``ci@release``."""
    host: str
    """Boot identity of the host, not its name."""
    pid: int
    started: str
    """The process's start time, in the host's own form; with the pid it names one process."""


class Claim(Value):
    """The Record's entry of who is writing, handed to every mutating verb."""

    token: str
    generation: int
    holder: Holder
    verb: str
    since: float
    expires: float
    """By the target's clock, seconds since the epoch; renewed at each step."""


class Before(Value):
    """What an endpoint was before a roll-out began, to go back to."""

    spec: dict[str, JSON] | None
    """None when there was no endpoint; empty when its Record was lost."""
    traffic: Traffic = Traffic()
    rollout: Rollout | None = None
    """One that held, unattended, after its first move of traffic, and does so again when this is gone back to."""


class Rollout(Value):
    """A change that is under way, or was when its holder went."""

    verb: str
    revision: str
    by: str
    started: float
    before: Before
    moved: bool = False
    """Set before the first move of traffic: from then on an interrupted roll-out holds instead of being undone."""
    detached: bool = False
    """``--no-wait``: nobody waits, and that is meant; never undone for it."""
    healthy_since: float | None = None
    """Since when the new revision was found healthy at each look, by the target's clock; for ``--once`` with a soak."""


class Result(StrEnum):
    """How a release ended."""

    RELEASED = "released"
    CHANGED = "changed"
    """In place, the same revision."""
    REJECTED = "rejected"
    FAILED = "failed"
    """Not the revision's own fault."""
    UNDONE = "undone"
    """Interrupted before traffic moved."""


class HistoryEntry(Value):
    """One release, ended."""

    revision: str
    model: str
    """The resolved URI."""
    at: float
    by: str
    verb: str
    result: Result
    detail: str = ""
    diagnosis: Diagnosis | None = None
    exit_code: int = 0


class Record(Value):
    """What the target remembers of one endpoint; written conditionally, never otherwise."""

    format: Literal[1] = 1
    endpoint: str
    owner: str
    generation: int
    """Raised by each change that begins, so that a plan made before it is refused."""
    created: float
    spec: dict[str, JSON]
    """The effective wish: secret references only."""
    traffic: Traffic = Traffic()
    """The wished one."""
    releases: dict[str, Release] = Field(default_factory=dict)
    """The revisions that are served, staged, or kept for rollback."""
    locks: dict[str, str] = Field(default_factory=dict)
    """Text of each lock that these releases name, by digest."""
    rollout: Rollout | None = None
    claim: Claim | None = None
    numbers: dict[str, int] = Field(default_factory=dict)
    """The highest number that each secret's value ever had, so that no number ever stands for two values."""
    history: tuple[HistoryEntry, ...] = ()
    """The newest first, at most HISTORY_ENTRIES."""

    def with_history(self, entry: HistoryEntry) -> Record:
        """One more entry; the oldest goes for it, but not the last word that a kept revision was released."""
        entries = [entry, *self.history]
        while len(entries) > HISTORY_ENTRIES:
            newest = {e.revision: i for i, e in reversed([*enumerate(entries)]) if e.result is Result.RELEASED}
            needed = {index for revision, index in newest.items() if revision in self.releases}
            del entries[next((i for i in range(len(entries) - 1, 0, -1) if i not in needed), -1)]
        return self.model_copy(update={"history": tuple(entries)})

    @property
    def standing(self) -> str:
        """Beside the generation, what a plan is made on: which endpoint of that name it is, and what is under way."""
        way = self.rollout
        amid = f" {way.verb} {way.revision} {way.started} {way.moved:d}{way.detached:d}" if way else ""
        return f"{self.created}{amid}"

    def released(self, revision: str) -> bool:
        """Whether a revision has ever been released, so that it may be kept for a rollback."""
        return any(each.revision == revision and each.result is Result.RELEASED for each in self.history)

    def rejected(self, revision: str) -> HistoryEntry | None:
        """The newest verdict against a revision, unless it was released after that."""
        for entry in self.history:
            if entry.revision == revision and entry.result in (Result.REJECTED, Result.RELEASED):
                return entry if entry.result is Result.REJECTED else None
        return None


class Revision(Value):
    """One immutable version of an endpoint, as it runs."""

    id: str
    phase: Phase
    wanted: int = 0
    """Replicas asked of the target."""
    ready: int = 0
    """Replicas that could take a request now."""
    restarts: int = 0
    since: float | None = None
    """When it began, seconds since the epoch."""
    settled: bool = True
    """Whether the target has acted on the last thing it was asked (count, traffic), as far as it can tell."""
    detail: str = ""
    """What it waits for or why it is not well, for people."""
    digest: str | None = None
    model: str | None = None
    facts: dict[str, JSON] = Field(default_factory=dict)
    """What the target tells beyond that. Known keys, summed over replicas: ``cpu`` (cores used), ``memory`` (bytes);
    ``image`` (a digest, or ``reference@digest``), ``pids`` (a list). Others are the target's own."""


class Endpoint(Value):
    """A name with a stable address, and what runs behind it."""

    name: str
    target: str
    """The target's name, a back end or a named one."""
    managed: bool = True
    """Whether it carries our marks; what does not is never changed or deleted."""
    owner: str | None = None
    phase: Phase
    url: str | None = None
    since: float | None = None
    revisions: tuple[Revision, ...] = ()
    traffic: Traffic = Traffic()
    """The live one."""
    mirror: Mirrored | None = None
    """Who gets copies of it."""
    detail: str = ""
    settings: dict[str, JSON] = Field(default_factory=dict)
    """Endpoint-scope fields as they are on the target, by the spec's dotted names; what is not told is left out."""

    _predict: Callable[..., Any] | None = PrivateAttr(default=None)

    def find(self, revision: str) -> Revision | None:
        """One of its revisions, or None."""
        return next((each for each in self.revisions if each.id == revision), None)

    @property
    def revision(self) -> Revision | None:
        """The revision with the largest share of traffic, or None."""
        return self.find(self.traffic.served[0]) if self.traffic else None

    def _repr_html_(self) -> str:
        """In a notebook."""
        serving = self.revision
        rows = [
            ("state", f"{self.phase}{f': {self.detail}' if self.detail else ''}"),
            ("address", self.url or ""),
            ("model", (serving.model or "") if serving else ""),
            ("traffic", str(self.traffic)),
            ("replicas", f"{serving.ready} of {serving.wanted}" if serving else ""),
        ]
        return table(f"{self.name} on {self.target}", rows)

    def predict(self, data: Any, **options: Any) -> Any:
        """Send data and return the predictions; a DataFrame gives a DataFrame (see ``Deployer.predict``)."""
        if self._predict is None:
            raise TypeError("this Endpoint is a plain value; use Deployer().predict(name, data)")
        return self._predict(data, **options)


class Observed(Value):
    """All that a target knows of one endpoint at one moment; the planner's second argument."""

    endpoint: Endpoint | None = None
    record: Record | None = None
    version: str | None = None
    """The Record's version, for the next conditional write; None when there is no Record."""

    @property
    def absent(self) -> bool:
        """Whether nothing is there, neither resource nor Record."""
        return self.endpoint is None and self.record is None

    @property
    def revisions(self) -> Mapping[str, Revision]:
        """The live revisions by id."""
        return {each.id: each for each in self.endpoint.revisions} if self.endpoint else {}
