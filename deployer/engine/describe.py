"""An endpoint as it is shown: what runs, told together with what the Record knows. Pure."""

from __future__ import annotations

from collections.abc import Callable

from deployer.endpoint import Endpoint, Observed, Phase, Record, Revision, Rollout
from deployer.engine.claiming import busy

__all__ = ["describe"]


def describe(observed: Observed, target: str, now: Callable[[], float] | None = None) -> Endpoint | None:
    """The endpoint with its revisions' models, and whether a roll-out is unattended; None when nothing is there.

    Args:
        observed: What is there.
        target: The target's name.
        now: The target's clock, asked only when a claim may have expired.
    """
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
        driven = _driven(record, now)
        phase, detail = _under_way(record, record.rollout, endpoint, driven=driven)
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


def _driven(record: Record, now: Callable[[], float] | None) -> bool:
    """Whether somebody works on the roll-out."""
    return busy(record, now or (lambda: 0.0)) is not None


def _under_way(record: Record, rollout: Rollout, endpoint: Endpoint, *, driven: bool) -> tuple[Phase, str]:
    name, what = record.endpoint, f"{rollout.verb} to {rollout.revision}"
    if rollout.verb == "delete":
        left = "" if driven else f", and nobody goes on with it: deployer delete {name}"
        return Phase.STOPPING, f"is being deleted{left}"
    if driven:
        who = record.claim.holder.by if record.claim else rollout.by
        return endpoint.phase if endpoint.traffic else Phase.STARTING, f"{what} under way by {who}"
    if rollout.detached:
        phase = endpoint.phase if endpoint.traffic else Phase.PENDING
        return phase, f"{what} is staged: deployer wait {name} finishes it"
    serving = Phase.DEGRADED if endpoint.traffic else Phase.FAILED
    back = {"rollback": "", "create": f", or deployer delete {name}"}.get(
        rollout.verb, f", or deployer rollback {name}"
    )
    return serving, f"unattended {what}: deployer wait {name}{back}"
