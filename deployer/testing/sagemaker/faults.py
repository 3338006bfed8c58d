"""What goes wrong on purpose: queued by a test, taken by the next call that it fits.

| what a client should find out | how it is brought about |
|---|---|
| PROBE_TIMEOUT, MODEL_LOAD | an image or a model that does so; or ``outcome: Failed``, ``reason: ping``, ``start`` |
| IMAGE_ARCHITECTURE | a real push of such an image |
| IMAGE_MANIFEST | a real push of an index; or ``error: ValidationException`` at CreateModel with AWS's text |
| IMAGE_PULL | ``outcome: Failed``, ``reason: images`` |
| QUOTA | ``PUT /_double/quotas`` |
| CAPACITY | ``outcome: Failed`` or ``RolledBack``, ``reason: capacity`` |
| PERMISSION | ``PUT /_double/policy``; or ``error: AccessDeniedException`` |
| CREDENTIALS | ``error: ExpiredTokenException`` or ``UnrecognizedClientException`` |
| SILENT_ROLLBACK | ``outcome: RolledBack``; ``Reverted`` for a success that does not last |
| throttling | ``error: ThrottlingException``, ``times: N`` |
| eventual consistency | ``unseen: seconds`` at a creation |
| an answer that lies for a while | ``stale: seconds`` at a Describe operation |
| a lost answer | ``lost: true`` |
| somebody deletes it under us | ``vanish: endpoint`` at any call; or ``POST /_double/vanish`` |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

__all__ = ["REASONS", "Fault"]

REASONS: Mapping[str, str] = {
    # Recorded: see `deployer.testing.sagemaker.behaviours` for where.
    "ping": (
        "The primary container for production variant {variant} did not pass the ping health check. "
        "Please check CloudWatch logs for this endpoint."
    ),
    "start": (
        "CannotStartContainerError. Please ensure the model container for variant {variant} starts correctly when "
        "invoked with 'docker run <image> serve'"
    ),
    "images": (
        "Please make sure all images included in the model for the production variant {variant} exist, and that the "
        "execution role used to create the model has permissions to access them."
    ),
    "model-data": (
        'Failed to download model data for container "container_1" from URL: "{url}". Please ensure that there is an '
        "object located at the URL and that the role passed to CreateModel has permissions to download the object."
    ),
    # Guessed: their wording is told in many places, in none with a source.
    "capacity": (
        "Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error. "
        "Please retry using a different ML instance type or after some time."
    ),
    "service": "Request to service failed. If failure persists after retry, contact customer support.",
    "alarm": "One or more configured CloudWatch alarms are in ALARM state: {alarms}.",
    "timeout": "The deployment did not finish within MaximumExecutionTimeoutInSeconds ({seconds} s).",
}
"""FailureReason by a short name; a fault's ``reason`` is one of these names, or a text of its own."""

_OUTCOMES = ("InService", "Failed", "RolledBack", "UpdateRollbackFailed", "Reverted")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        operation: Of any service, ``CreateEndpoint``.
        service: botocore's name of it; empty fits every service.
        name: Of the resource (endpoint, configuration, model, bucket, repository); empty fits every one.
        skip: How many calls that it fits go right before.
        times: How many it then spoils.
        delay: Seconds that the call (of a deployment: the deployment) takes longer.
        error: The code that it is answered with, ``ThrottlingException``, instead of being done.
        message: With ``error``; ``null`` sends none.
        status: The HTTP status, with ``error``.
        done: With ``error``: it is done all the same, and only the answer is an error.
        lost: It is done, and the connection is closed without an answer.
        outcome: How the deployment ends that the call began: InService, Failed, RolledBack, UpdateRollbackFailed,
            or Reverted: InService, and after ``delay`` seconds back to the configuration before.
        reason: Its FailureReason, a name of `REASONS` or a text.
        unseen: Seconds for which other calls do not see what the call created.
        stale: Seconds for which the operation answers what it would have answered when the fault was set: an answer
            that lies for a while. For ``Describe...`` alone.
        vanish: ``endpoint``, ``endpoint-config`` or ``model``: that resource (``name``) is gone, as if somebody had
            deleted it, right before the call.
    """

    operation: str
    service: str = ""
    name: str = ""
    skip: int = 0
    times: int = 1
    delay: float = 0.0
    error: str = ""
    message: str | None = "Rate exceeded"
    status: int = 400
    done: bool = False
    lost: bool = False
    outcome: str = ""
    reason: str = ""
    unseen: float = 0.0
    stale: float = 0.0
    vanish: str = ""

    def __post_init__(self) -> None:
        if self.outcome and self.outcome not in _OUTCOMES:
            raise ValueError(f"no outcome: {self.outcome}; there are {', '.join(_OUTCOMES)}")
        if self.vanish and self.vanish not in ("endpoint", "endpoint-config", "model"):
            raise ValueError(f"nothing that can vanish: {self.vanish}; there are endpoint, endpoint-config, model")
        if self.stale and not self.operation.startswith("Describe"):
            raise ValueError("only the answer of a Describe operation can be stale")

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

    def fits(self, service: str, operation: str, name: str) -> bool:
        """Whether it is meant for such a call."""
        return self.operation == operation and self.service in ("", service) and self.name in ("", name)
