"""The groups of a spec's ``config`` on the Azure ML target, each as Azure takes it."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from deployer.quantity import Bytes, Cores, Seconds
from deployer.value import Value

__all__ = ["Capture", "Identity", "InstanceType", "Limits", "WholeSeconds", "iso"]

_IDENTITY = re.compile(
    r"/subscriptions/[0-9a-fA-F-]{36}/resource[gG]roups/[^/]+/providers/Microsoft\.ManagedIdentity"
    r"/userAssignedIdentities/[A-Za-z0-9_-]{3,128}"
)


def _an_identity(value: str) -> str:
    if not _IDENTITY.fullmatch(value):
        raise ValueError(
            f"{value!r} is no user-assigned identity: az identity show --name ... --resource-group ... --query id"
        )
    return value


def _whole(value: float) -> float:
    if value % 1:
        raise ValueError("whole seconds, as Azure counts them")
    return value


def iso(seconds: float) -> str:
    """A duration as Azure takes and tells it: ``PT1M5S``, ``PT0.5S``."""
    if seconds <= 0:
        return "PT0S"
    whole, rest = divmod(round(seconds * 1000), 1000)
    hours, minutes, left = whole // 3600, whole % 3600 // 60, whole % 60
    tail = f"{left + rest / 1000:.3f}".rstrip("0").rstrip(".") if rest else str(left)
    parts = (f"{hours}H" if hours else "", f"{minutes}M" if minutes else "", f"{tail}S" if left or rest else "")
    return f"PT{''.join(parts)}"


Identity = Annotated[str, AfterValidator(_an_identity)]
InstanceType = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{1,63}$")]
WholeSeconds = Annotated[Seconds, AfterValidator(_whole)]


class Capture(Value):
    """Requests and answers kept as blobs in the workspace's store (data collection)."""

    what: Literal["request", "response", "both"] = Field(default="both", description="Of each of them.")
    percent: float = Field(default=100.0, gt=0, le=100, description="Of the requests.")
    roll: Literal["minute", "hour", "day", "month", "year"] = Field(
        default="hour", description="A new blob begins so often."
    )

    @property
    def collections(self) -> tuple[str, ...]:
        """The two names that Azure fills by itself."""
        return ("request", "response") if self.what == "both" else (self.what,)


class Limits(Value):
    """What a replica on a Kubernetes compute may take at most; by default what ``resources`` say."""

    cpu: Cores | None = Field(default=None, gt=0, description="Cores.")
    memory: Bytes | None = Field(default=None, description="Such as 4Gi.")
