"""The way back: a failed or interrupted change leaves the endpoint serving what it served before."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from deployer.endpoint import Diagnosis, HistoryEntry, Record, Result, Traffic
from deployer.engine.steps import Run, destroy, move_traffic, stage_as_before, take_back, was_released
from deployer.engine.verifying import Verification, health_policy, verify
from deployer.errors import (
    ClaimLost,
    DeployerError,
    DeploymentFailed,
    Interrupted,
    RestoreFailed,
    TargetUnavailable,
)
from deployer.spec import DeploymentSpec

__all__ = ["give_up", "interrupted"]


def give_up(run: Run, error: DeployerError) -> DeployerError:
    """Take back what the run did, and return the error to raise.

    A run whose traffic already moved to a healthy revision, and that failed only at stopping the old one, stays:
    the same command finishes it.
    """
    if run.destroyed or run.plan.verb == "delete":
        return error
    if _is_released(run):
        run.hold.give_back()
        return error
    try:
        _restore(run, _entry(run, error))
    except ClaimLost as lost:
        return lost
    except TargetUnavailable as unavailable:
        if _impaired(run):
            return _not_restored(run, error, unavailable)
        unavailable.hint = f"the same command goes on when the target is back; deployer status {run.plan.endpoint}"
        return error if isinstance(error, DeploymentFailed) else unavailable
    except DeployerError as failure:
        return _not_restored(run, error, failure)
    return error


def interrupted(run: Run) -> Interrupted:
    """Before the first move of traffic everything is taken back; after it, it holds and is said to be unattended."""
    name, verb = run.plan.endpoint, run.plan.verb
    if verb == "delete":
        return Interrupted(f"the deletion of {name} is not finished", hint=f"deployer delete {name} goes on with it")
    rollout = run.hold.record.rollout
    if rollout is not None and rollout.moved:
        _quietly(run.hold.give_back)
        return Interrupted(
            f"{name} holds where it is: {run.hold.record.traffic}. Nobody is watching it now",
            hint=f"deployer wait {name} goes on, deployer rollback {name} goes back",
        )
    entry = HistoryEntry(
        revision=_revision(run),
        model=_model(run),
        at=run.clock.now(),
        by=run.conditions.by,
        verb=verb,
        result=Result.UNDONE,
        detail="interrupted before traffic moved",
        exit_code=130,
    )
    try:
        _restore(run, entry)
    except (DeployerError, KeyboardInterrupt):
        return Interrupted(
            f"{name}: the {verb} was interrupted, and so was taking it back",
            hint=f"deployer wait {name} goes on, deployer rollback {name} goes back",
        )
    if run.plan.before.spec is None:
        return Interrupted(f"interrupted: nothing of {name} is left", hint="the same command starts again")
    return Interrupted(
        f"interrupted: {name} serves what it served before ({run.plan.before.traffic})",
        hint="the same command starts again",
    )


def _is_released(run: Run) -> bool:
    """Whether the new revision was verified and has all traffic: then only the tidying up is left."""
    rollout = run.hold.record.rollout
    if rollout is None or not rollout.moved or not run.detail:
        return False
    try:
        endpoint = run.patiently(lambda: run.target.observe(run.plan.endpoint))
    except DeployerError:
        return False
    return endpoint is not None and endpoint.traffic.same_as(run.hold.record.traffic) and bool(endpoint.traffic)


def _restore(run: Run, entry: HistoryEntry) -> None:
    plan = run.plan
    if plan.before.spec is None:
        destroy(run)
        run.destroyed = True
        return
    revision = _revision(run)
    rollout = run.hold.record.rollout
    if rollout is not None and rollout.moved and plan.before.traffic:
        _back_to(run, plan.before.traffic, DeploymentSpec(**plan.before.spec))
    if revision and (revision in run.staged or not plan.before.traffic.share(revision)):
        take_back(run, revision, plan.before.traffic, plan.before.spec)
    record = run.hold.record
    told = record.with_history(entry)
    run.hold.give_back(
        rollout=None,
        spec=plan.before.spec,
        traffic=plan.before.traffic,
        releases=_without(record, revision, plan.before.traffic),
        locks=_locks(record, revision, plan.before.traffic),
        history=told.history,
    )


def _back_to(run: Run, traffic: Traffic, spec: DeploymentSpec) -> None:
    """The old revision is started again if it had to stop, verified, and given its traffic back."""
    for served in traffic.served:
        release = run.hold.record.releases.get(served)
        if release is None:
            continue
        run.patiently(partial(stage_as_before, run, spec, release))
        what = Verification(
            endpoint=run.plan.endpoint, revision=served, policy=health_policy(spec, answers=False), request=None,
            timeout=spec.health.timeout, answers=False,
        )  # fmt: skip
        verify(what, run.target, run.clock, run.hold, lambda words: run.telling.progress("undo", words))
    move_traffic(run, traffic)


def _without(record: Record, revision: str, traffic: Traffic) -> dict[str, object]:
    keep = was_released(record.history, revision) or bool(traffic.share(revision))
    return {name: release for name, release in record.releases.items() if keep or name != revision}


def _locks(record: Record, revision: str, traffic: Traffic) -> dict[str, str]:
    used = {release.lock for release in _without(record, revision, traffic).values()}  # type: ignore[attr-defined]
    return {digest: text for digest, text in record.locks.items() if digest in used}


def _entry(run: Run, error: DeployerError) -> HistoryEntry:
    diagnosis: Diagnosis | None = error.diagnosis if isinstance(error, DeploymentFailed) else None
    rejected = diagnosis is not None and diagnosis.is_verdict
    return HistoryEntry(
        revision=_revision(run),
        model=_model(run),
        at=run.clock.now(),
        by=run.conditions.by,
        verb=run.plan.verb,
        result=Result.REJECTED if rejected else Result.FAILED,
        detail=f"{diagnosis.code}: {diagnosis.summary}" if diagnosis else error.message,
        diagnosis=diagnosis,
        exit_code=error.exit_code,
    )


def _revision(run: Run) -> str:
    return run.plan.wish.release.revision if run.plan.wish else ""


def _model(run: Run) -> str:
    return run.plan.wish.release.model.resolved if run.plan.wish else ""


def _impaired(run: Run) -> bool:
    rollout = run.hold.record.rollout
    return rollout is not None and rollout.moved


def _not_restored(run: Run, error: DeployerError, failure: DeployerError) -> RestoreFailed:
    name = run.plan.endpoint
    return RestoreFailed(
        f"{error.message}; and the way back failed: {failure.message}",
        diagnosis=error.diagnosis if isinstance(error, DeploymentFailed) else None,
        hint=f"deployer status {name} shows what serves; deployer rollback {name} tries again",
    )


def _quietly(call: Callable[[], object]) -> None:
    try:
        call()
    except (DeployerError, KeyboardInterrupt):
        return
