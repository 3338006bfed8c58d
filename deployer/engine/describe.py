"""An endpoint as it is shown: what runs, told together with what the Record knows. Pure."""

from __future__ import annotations

from deployer.endpoint import Endpoint, Observed, Phase, Record, Revision
from deployer.engine.holder import is_dead_here

__all__ = ["describe", "unattended"]


def describe(observed: Observed, target: str) -> Endpoint | None:
    """The endpoint with its revisions' models, and whether a roll-out is unattended; None when nothing is there."""
    endpoint, record = observed.endpoint, observed.record
    if endpoint is None and record is None:
        return None
    if endpoint is None:
        assert record is not None  # noqa: S101 - for the type checker: one of the two is there
        endpoint = Endpoint(name=record.endpoint, target=target, owner=record.owner, phase=Phase.PENDING)
    if record is None:
        return endpoint.model_copy(update={"target": target})
    revisions = tuple(_told(each, record) for each in endpoint.revisions)
    phase, detail = endpoint.phase, endpoint.detail
    if record.rollout is not None:
        phase, detail = _under_way(record, endpoint)
    since = endpoint.since or _released_at(record)
    return endpoint.model_copy(
        update={"target": target, "revisions": revisions, "phase": phase, "detail": detail, "since": since}
    )


def _told(revision: Revision, record: Record) -> Revision:
    release = record.releases.get(revision.id)
    if release is None:
        return revision
    return revision.model_copy(update={"digest": release.digest, "model": release.model.resolved})


def _released_at(record: Record) -> float | None:
    return record.history[0].at if record.history else record.created


def unattended(record: Record) -> bool:
    """Whether a roll-out is under way that nobody drives, though somebody should."""
    if record.rollout is None or record.rollout.detached:
        return False
    return record.claim is None or is_dead_here(record.claim.holder)


def _under_way(record: Record, endpoint: Endpoint) -> tuple[Phase, str]:
    rollout = record.rollout
    assert rollout is not None  # noqa: S101 - the caller looked
    what = f"{rollout.verb} to {rollout.revision}"
    if unattended(record):
        serving = Phase.DEGRADED if endpoint.traffic else Phase.FAILED
        return serving, f"unattended {what}: deployer wait {record.endpoint}, or deployer rollback {record.endpoint}"
    if rollout.detached:
        phase = endpoint.phase if endpoint.traffic else Phase.PENDING
        return phase, f"{what} is staged: deployer wait {record.endpoint} finishes it"
    if rollout.verb == "delete":
        return Phase.STOPPING, "is being deleted"
    who = record.claim.holder.by if record.claim else rollout.by
    return endpoint.phase if endpoint.traffic else Phase.STARTING, f"{what} under way by {who}"
