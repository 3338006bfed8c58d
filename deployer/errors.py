"""One tree of errors, each with the exit code that the command line ends with.

::

    DeployerError
    ├── SpecError              2   the wish, an option or an argument is not usable
    ├── NotFound               3   no such endpoint, revision, model, file or target
    ├── Conflict               4   exists, is not ours, or somebody else is changing it
    │   └── ClaimLost          4   another writer took the claim over while we worked
    ├── BuildError             5   the environment or image cannot be made
    ├── DeploymentFailed       6   not healthy; carries the Diagnosis; what served before still serves
    │   └── RestoreFailed     11   not healthy, and what served before may be impaired
    ├── TargetUnavailable      7   network, credentials or permission; transient or not
    ├── PredictionError        8   the endpoint answered a request with an error
    ├── GateRejected           9   a gate refused the release
    ├── PlanHasChanges        10   only ``plan --exit-code``
    └── InProgress            12   more steps are due, and nobody is waiting

0 is success, 1 is a bug of ours, 130 an interrupt (`Interrupted`). No exception of an SDK leaves a target: each is
mapped to one of these.

Every error says what happened, where, and what to type next: ``message`` is the first, ``where`` the second and
``hint`` the third, kept apart so that each renderer lays them out in its own way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from deployer.endpoint import Diagnosis

__all__ = [
    "BuildError",
    "ClaimLost",
    "Conflict",
    "DeployerError",
    "DeploymentFailed",
    "GateRejected",
    "InProgress",
    "Interrupted",
    "NotFound",
    "PlanHasChanges",
    "PredictionError",
    "RestoreFailed",
    "SpecError",
    "TargetUnavailable",
    "most_severe",
]


class DeployerError(Exception):
    """What every error of ours is.

    Args:
        message: What happened, lower case, without a full stop at the end.
        where: A file with its line, a field, a URI or a resource, when there is one.
        hint: What to do or type next.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message


class SpecError(DeployerError):
    """The wish is not usable: a field, an option, an argument, or a model that is not one."""

    exit_code = 2


class NotFound(DeployerError):
    """What was named is not there."""

    exit_code = 3


class Conflict(DeployerError):
    """It exists already, is not ours, or somebody else is changing it."""

    exit_code = 4


class ClaimLost(Conflict):
    """The Record's claim or generation moved on while we worked: another writer has it, and we change nothing."""


class BuildError(DeployerError):
    """The environment or the image cannot be made."""

    exit_code = 5


class DeploymentFailed(DeployerError):
    """The release is not healthy. What the endpoint served before, it serves still.

    Args:
        message: What happened.
        diagnosis: Why, with its evidence.
        how: How it fell over, when it did: ``worker 1 exited 1 after 1.8 s``.
        where: The file, field or resource.
        hint: What to type next.
    """

    exit_code = 6

    def __init__(
        self,
        message: str,
        *,
        diagnosis: Diagnosis | None = None,
        how: str = "",
        where: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, where=where, hint=hint)
        self.diagnosis = diagnosis
        self.how = how


class RestoreFailed(DeploymentFailed):
    """The release failed, and so did the way back: traffic may be impaired."""

    exit_code = 11


class TargetUnavailable(DeployerError):
    """The target cannot be reached or does not let us in.

    Args:
        message: What happened.
        transient: Whether the same request may succeed when it is sent again; the engine retries only these.
        where: The address or resource.
        hint: What to type next.
    """

    exit_code = 7

    def __init__(
        self, message: str, *, transient: bool = False, where: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, where=where, hint=hint)
        self.transient = transient


class PredictionError(DeployerError):
    """The endpoint answered a request with an error.

    Args:
        message: What the endpoint said.
        status: Its HTTP status, when it gave one.
        where: The endpoint, with the row or chunk when known.
        hint: What to type next.
    """

    exit_code = 8

    def __init__(
        self, message: str, *, status: int | None = None, where: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, where=where, hint=hint)
        self.status = status


class GateRejected(DeployerError):
    """A gate refused the release."""

    exit_code = 9


class PlanHasChanges(DeployerError):
    """There is something to do; raised only for ``plan --exit-code``."""

    exit_code = 10


class InProgress(DeployerError):
    """More steps are due, and nobody is waiting for them."""

    exit_code = 12


class Interrupted(KeyboardInterrupt):
    """Ctrl-C or SIGTERM while an endpoint was being changed; exit code 130.

    Args:
        message: What was taken back, or what holds.
        hint: How to go on, or back.
    """

    exit_code: ClassVar[int] = 130

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


_SEVERITY = (1, 2, 11, 6, 4, 5, 9, 8, 3, 7, 12, 10, 0)
"""Exit codes, the most severe first, as one command over many endpoints reports them."""


def most_severe(codes: list[int]) -> int:
    """The one exit code that stands for many endpoints' codes; 0 for none."""
    return min(codes, key=_SEVERITY.index, default=0)
