"""What goes wrong on purpose: queued by a test, taken by the next call that it fits.

| what a client should find out | how it is brought about |
|---|---|
| PROBE_TIMEOUT, CRASH_LOOP | an image that does so; or ``outcome: Failed``, ``reason: liveness``, ``crash`` |
| IMAGE_PULL | an image that is not there; or ``outcome: Failed``, ``reason: image`` |
| QUOTA | ``PUT /_double/quotas`` |
| CAPACITY | ``outcome: Failed``, ``reason: capacity`` |
| PERMISSION | ``PUT /_double/rights``; or ``error: AuthorizationFailed``, ``status: 403`` |
| CREDENTIALS | ``error: ExpiredAuthenticationToken``, ``status: 401``; ``POST /_double/clock``; a wrong secret |
| CONFLICT | a change while another one goes on; or ``error: Conflict``, ``status: 409`` |
| a deployment that never ends | ``outcome: Stuck`` |
| throttling | ``error: TooManyRequests``, ``status: 429``, ``retry: seconds`` |
| a service that fails | ``error: InternalServerError``, ``status: 500``, ``times: N`` |
| eventual consistency | ``unseen: seconds`` at a PUT, ``stale: seconds`` at a GET |
| a lost answer | ``lost: true`` |
| a delete that lingers | ``linger: seconds`` at DeleteEndpoint |
| no operation to ask | ``headerless: true``: only provisioningState tells |
| somebody deletes it under us | ``vanish: endpoint`` or ``deployment`` at any call |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from deployer.testing.azureml.reasons import REASONS, Broken, Reason

__all__ = ["Fault"]

_OUTCOMES = ("Failed", "Stuck")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        operation: A name of `deployer.testing.azureml.routes`: ``PutDeployment``, ``Score``, ``PutBlob``, ``Token``.
        name: Of the resource: endpoint, deployment (``ENDPOINT/DEPLOYMENT``), blob; empty fits every one.
        skip: How many calls that it fits go right before.
        times: How many it then spoils.
        delay: Seconds that the call (of a change: its operation) takes longer.
        error: The code that it is answered with, instead of being done.
        message: With ``error``.
        status: The HTTP status, with ``error``.
        retry: With ``error``: what Retry-After says, seconds.
        done: With ``error``: it is done all the same, and only the answer is an error.
        lost: It is done, and the connection is closed without an answer.
        outcome: How the operation ends that the call began: ``Failed`` or ``Stuck``, which is never.
        reason: Why, a name of `deployer.testing.azureml.reasons.REASONS` or a text.
        unseen: Seconds for which GET and the lists do not see what the PUT created.
        stale: Seconds for which a GET answers what it answered first.
        linger: Seconds for which a deleted endpoint's name cannot be used again, though its operation has succeeded.
        headerless: The answer of a change has no Azure-AsyncOperation and no Location.
        vanish: ``endpoint`` or ``deployment``: that resource (``name``) is gone, right before the call.
    """

    operation: str
    name: str = ""
    skip: int = 0
    times: int = 1
    delay: float = 0.0
    error: str = ""
    message: str = "The request was refused, as was asked."
    status: int = 500
    retry: int = 0
    done: bool = False
    lost: bool = False
    outcome: str = ""
    reason: str = ""
    unseen: float = 0.0
    stale: float = 0.0
    linger: float = 0.0
    headerless: bool = False
    vanish: str = ""

    def __post_init__(self) -> None:
        if self.outcome and self.outcome not in _OUTCOMES:
            raise ValueError(f"no outcome: {self.outcome}; there are {', '.join(_OUTCOMES)}")
        if self.vanish and self.vanish not in ("endpoint", "deployment"):
            raise ValueError(f"nothing that can vanish: {self.vanish}; there are endpoint, deployment")
        if self.stale and not self.operation.startswith("Get"):
            raise ValueError("only the answer of a Get operation can be stale")

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Fault:
        """The fault that a JSON object says.

        Raises:
            ValueError: It has a member that a fault has not, or lacks the operation.
        """
        known = [each.name for each in fields(cls)]
        if unknown := sorted(set(value) - set(known)):
            raise ValueError(f"a fault has no {', '.join(unknown)}; it has {', '.join(known)}")
        if "operation" not in value:
            raise ValueError("a fault needs an operation")
        return cls(**value)

    def fits(self, operation: str, name: str) -> bool:
        """Whether it is meant for such a call."""
        return self.operation == operation and self.name.lower() in ("", name.lower())

    def failure(self) -> dict[str, Any] | None:
        """The error that an operation is to end with; None where it ends well."""
        if self.outcome != "Failed":
            return None
        if self.reason and self.reason not in REASONS:
            return Reason("InternalServerError", self.reason).error()
        about = {"liveness": "HTTP probe failed with statuscode: 502", "crash": "exit code 1"}
        reason = self.reason or "service"
        return Broken(reason, about.get(reason, "as was asked")).error
