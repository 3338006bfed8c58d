"""The contract of a target: eight small verbs, the conditional Record, and capabilities that it has or not.

Every verb is short and idempotent and returns once the request is accepted; waiting is the engine's. A mutating verb is
handed the claim, re-reads the Record and its marks, binds itself to identities (uid, container id, pid and start time,
ARN), and raises `ClaimLost` without changing anything when the Record's generation or claim is no longer the claim's
(`ensure_held`). It never touches a resource that does not carry our marks of that endpoint.

Every exception of an SDK or of the system is mapped to `deployer.errors`; the engine sends again only what failed with
`TargetUnavailable(transient=True)`.

`deployer.testing.conformance` is this contract as tests: a target is done when it passes them.
"""

from __future__ import annotations

from deployer.target.capabilities import (
    Adoptable,
    Adoption,
    Autoscales,
    Capability,
    Check,
    Diagnoses,
    Figures,
    InvokesRevision,
    KeepsSecrets,
    LogLine,
    Logs,
    Measured,
    Mirrors,
    Orphan,
    Orphans,
    Preflight,
    Renderable,
    ScalesToZero,
    Watches,
    WeightedTraffic,
)
from deployer.target.images import (
    Credentials,
    Engine,
    HeldImage,
    ImageSink,
    RegistryPlace,
    WeightStore,
    weights_reference,
)
from deployer.target.kind import EnvironmentSink, Pace, Site, TargetKind
from deployer.target.messages import Request, Response
from deployer.target.models import FoundModel, ModelFile, ModelFiles, ModelSource
from deployer.target.telling import holds_secret, told_variables
from deployer.target.verbs import Target, ensure_held

__all__ = [
    "Adoptable",
    "Adoption",
    "Autoscales",
    "Capability",
    "Check",
    "Credentials",
    "Diagnoses",
    "Engine",
    "EnvironmentSink",
    "Figures",
    "FoundModel",
    "HeldImage",
    "ImageSink",
    "InvokesRevision",
    "KeepsSecrets",
    "LogLine",
    "Logs",
    "Measured",
    "Mirrors",
    "ModelFile",
    "ModelFiles",
    "ModelSource",
    "Orphan",
    "Orphans",
    "Pace",
    "Preflight",
    "RegistryPlace",
    "Renderable",
    "Request",
    "Response",
    "ScalesToZero",
    "Site",
    "Target",
    "TargetKind",
    "Watches",
    "WeightStore",
    "WeightedTraffic",
    "ensure_held",
    "holds_secret",
    "told_variables",
    "weights_reference",
]
