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
    Autoscales,
    Capability,
    Check,
    Diagnoses,
    InvokesRevision,
    KeepsSecrets,
    LogLine,
    Logs,
    Mirrors,
    Orphan,
    Orphans,
    Preflight,
    ScalesToZero,
    Watches,
    WeightedTraffic,
)
from deployer.target.kind import EnvironmentSink, Site, TargetKind
from deployer.target.messages import Request, Response
from deployer.target.verbs import Target, ensure_held

__all__ = [
    "Autoscales",
    "Capability",
    "Check",
    "Diagnoses",
    "EnvironmentSink",
    "InvokesRevision",
    "KeepsSecrets",
    "LogLine",
    "Logs",
    "Mirrors",
    "Orphan",
    "Orphans",
    "Preflight",
    "Request",
    "Response",
    "ScalesToZero",
    "Site",
    "Target",
    "TargetKind",
    "Watches",
    "WeightedTraffic",
    "ensure_held",
]
