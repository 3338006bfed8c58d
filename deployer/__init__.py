"""A packaged MLflow model becomes a healthy endpoint, and stays one.

    from deployer import Deployer, DeploymentSpec

    fraud = Deployer().create(DeploymentSpec(name="fraud", model="models:/fraud@champion", target="prod"))
    fraud.predict(frame)

Names are imported when they are first used, so that ``import deployer`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deployer.client import Deployer, Listing, Status
    from deployer.endpoint import Code, Diagnosis, Endpoint, HistoryEntry, Phase, Record, Revision, Traffic
    from deployer.errors import (
        BuildError,
        ClaimLost,
        Conflict,
        DeployerError,
        DeploymentFailed,
        GateRejected,
        InProgress,
        Interrupted,
        NotFound,
        PlanHasChanges,
        PredictionError,
        RestoreFailed,
        SpecError,
        TargetUnavailable,
    )
    from deployer.plan import Plan
    from deployer.spec import DeploymentSpec

__version__ = "0.1.0"

_HOMES = {
    "deployer.client": ("Deployer", "Listing", "Status"),
    "deployer.endpoint": (
        "Code", "Diagnosis", "Endpoint", "HistoryEntry", "Phase", "Record", "Revision", "Traffic",
    ),
    "deployer.errors": (
        "BuildError", "ClaimLost", "Conflict", "DeployerError", "DeploymentFailed", "GateRejected", "InProgress",
        "Interrupted", "NotFound", "PlanHasChanges", "PredictionError", "RestoreFailed", "SpecError",
        "TargetUnavailable",
    ),
    "deployer.plan": ("Plan",),
    "deployer.spec": ("DeploymentSpec",),
}  # fmt: skip
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "BuildError",
    "ClaimLost",
    "Code",
    "Conflict",
    "Deployer",
    "DeployerError",
    "DeploymentFailed",
    "DeploymentSpec",
    "Diagnosis",
    "Endpoint",
    "GateRejected",
    "HistoryEntry",
    "InProgress",
    "Interrupted",
    "Listing",
    "NotFound",
    "Phase",
    "Plan",
    "PlanHasChanges",
    "PredictionError",
    "Record",
    "RestoreFailed",
    "Revision",
    "SpecError",
    "Status",
    "TargetUnavailable",
    "Traffic",
    "__version__",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'deployer' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
