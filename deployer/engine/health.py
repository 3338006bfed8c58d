"""Health policies: small composable callables, each a pure function of what was seen and when.

``ready() & consecutive(3) & soak(60)`` is a policy: it passes when all three do, fails when one does.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from deployer.endpoint import Code, Diagnosis, Phase, Revision

__all__ = [
    "Answer",
    "Failed",
    "Passed",
    "Policy",
    "Seen",
    "Verdict",
    "Waiting",
    "consecutive",
    "ready",
    "soak",
    "undiagnosed",
]


@dataclass(frozen=True)
class Answer:
    """One answer of the new revision to the question it is verified with.

    Attributes:
        good: Whether it was the right revision's, and the packaged model's own.
        detail: What was wrong, for people.
        diagnosis: When the answer alone condemns the revision, and asking again is of no use.
    """

    good: bool
    detail: str = ""
    diagnosis: Diagnosis | None = None


@dataclass(frozen=True)
class Seen:
    """What a policy decides on.

    Attributes:
        now: Seconds, monotonic.
        revision: As last observed; None when it is not there.
        diagnosis: Why it is not well, when the target can tell.
        answers: The oldest first.
        good_since: When the present row of good states began, monotonic; None while it is not good.
    """

    now: float
    revision: Revision | None
    diagnosis: Diagnosis | None = None
    answers: tuple[Answer, ...] = ()
    good_since: float | None = None


@dataclass(frozen=True)
class Passed:
    """Healthy, by this policy."""


@dataclass(frozen=True)
class Waiting:
    """Not yet; for what."""

    reason: str


@dataclass(frozen=True)
class Failed:
    """Never; why."""

    diagnosis: Diagnosis


Verdict = Passed | Waiting | Failed


class Policy(ABC):
    """A pure function of `Seen`."""

    @abstractmethod
    def __call__(self, seen: Seen) -> Verdict:
        """Decide."""

    def __and__(self, other: Policy) -> Policy:
        return _Both(self, other)


@dataclass(frozen=True)
class _Both(Policy):
    left: Policy
    right: Policy

    def __call__(self, seen: Seen) -> Verdict:
        left = self.left(seen)
        if isinstance(left, Failed):
            return left
        right = self.right(seen)
        if isinstance(right, Failed) or isinstance(left, Passed):
            return right
        return left


def undiagnosed(revision: Revision) -> Diagnosis:
    """Of a failed revision, when the target cannot tell more than that."""
    return Diagnosis(code=Code.UNKNOWN, summary=revision.detail or f"{revision.id} failed, and did not say why")


@dataclass(frozen=True)
class ready(Policy):  # noqa: N801 - reads as a word in a policy
    """All replicas that were asked for could take a request; a failed revision fails at once."""

    def __call__(self, seen: Seen) -> Verdict:
        revision = seen.revision
        if revision is None:
            return Waiting("for the target to start it")
        if revision.phase is Phase.FAILED:
            return Failed(seen.diagnosis or undiagnosed(revision))
        if revision.wanted and revision.ready >= revision.wanted and revision.settled:
            return Passed()
        return Waiting(revision.detail or f"{revision.ready} of {revision.wanted} replicas are ready")


@dataclass(frozen=True)
class consecutive(Policy):  # noqa: N801
    """The last ``count`` answers in a row were good."""

    count: int

    def __call__(self, seen: Seen) -> Verdict:
        if seen.answers and seen.answers[-1].diagnosis is not None:
            return Failed(seen.answers[-1].diagnosis)
        good = 0
        for answer in reversed(seen.answers):
            if not answer.good:
                break
            good += 1
        if good >= self.count:
            return Passed()
        last = seen.answers[-1].detail if seen.answers and not seen.answers[-1].good else ""
        return Waiting(last or f"{good} of {self.count} good answers in a row")


@dataclass(frozen=True)
class soak(Policy):  # noqa: N801
    """It has stayed good for so many seconds."""

    seconds: float

    def __call__(self, seen: Seen) -> Verdict:
        if self.seconds <= 0:
            return Passed()
        held = seen.now - seen.good_since if seen.good_since is not None else 0.0
        if seen.good_since is not None and held >= self.seconds:
            return Passed()
        return Waiting(f"healthy for {held:.0f} s of {self.seconds:.0f} s")
