"""The way back: a failed or interrupted change leaves the endpoint serving what it served before."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from deployer.endpoint import Diagnosis, HistoryEntry, Result, Traffic
from deployer.engine.run import Run
from deployer.engine.settling import destroy, move_traffic, retire
from deployer.engine.taking_back import stage_as_before, take_back, without
from deployer.engine.verifying import Verification, health_policy, verify
from deployer.errors import (
    ClaimLost,
    DeployerError,
    DeploymentFailed,
    Interrupted,
    RestoreFailed,
    TargetUnavailable,
)
from deployer.plan import Undo
from deployer.spec import DeploymentSpec
from deployer.value import JSON

__all__ = ["give_up", "interrupted", "left_to_others", "ways_on"]


def left_to_others(run: Run) -> None:
    """Nobody waits for what is under way, and that is meant."""
    rollout = run.hold.record.rollout
    if rollout is None:
        raise ClaimLost(f"the roll-out of {run.plan.endpoint} is over")
    run.hold.give_back(rollout=rollout.model_copy(update={"detached": True}))


def give_up(run: Run, error: DeployerError) -> DeployerError:
    """Take back what the run did, and return the error to raise.

    A run whose traffic already moved to a healthy revision, and that failed only at stopping the old one, stays:
    the same command finishes it. So does one that only took something away, and one that is detached while the target
    cannot be reached.
    """
    if run.destroyed or _only_removes(run) or _is_released(run) or _may_hold(run, error):
        _quietly(run.hold.give_back)
        return error
    if run.conditions.keep_failed and _is_staged_only(run):
        return _kept(run, error)
    try:
        _restore(run, _entry(run, error))
    except ClaimLost as lost:
        return lost
    except DeployerError as failure:
        if _impaired(run):
            return _not_restored(run, error, failure)
        run.telling.note(
            f"the {run.plan.verb} of {run.plan.endpoint} could not be taken back ({failure.message}); "
            "the same command goes on with it, and deployer status shows what is there"
        )
        if error.hint is None:
            error.hint = f"the same command goes on when the target is back; deployer status {run.plan.endpoint}"
    return error


def _is_staged_only(run: Run) -> bool:
    """Whether there is a new revision that failed before it got traffic, and nothing else has changed for clients."""
    rollout, revision = run.hold.record.rollout, run.wish.release.revision
    return rollout is not None and not rollout.moved and revision in run.staged


def _kept(run: Run, error: DeployerError) -> DeployerError:
    """It stays for whoever looks at it, as a roll-out that nobody works on; what serves, serves on."""
    _quietly(lambda: run.hold.give_back(history=run.hold.record.with_history(_entry(run, error)).history))
    return error


def interrupted(run: Run) -> Interrupted:
    """Before the first move of traffic everything is taken back; after it, it holds and is said to be unattended."""
    name, verb = run.plan.endpoint, run.plan.verb
    if _only_removes(run):
        _quietly(run.hold.give_back)
        again = f"deployer {verb} {name}"
        what = f"the deletion of {name}" if verb == "delete" else f"the {verb} of {name}"
        return Interrupted(f"{what} is not finished", hint=f"{again} goes on with it")
    rollout = run.hold.record.rollout
    if rollout is not None and (rollout.moved or rollout.detached):
        _quietly(run.hold.give_back)
        where = f"where it is: {run.hold.record.traffic}" if rollout.moved else f"with {rollout.revision} staged"
        return Interrupted(f"{name} holds {where}. Nobody is watching it now", hint=ways_on(name, verb))
    try:
        _restore(run, _interruption(run))
    except (DeployerError, KeyboardInterrupt):
        return Interrupted(f"{name}: the {verb} was interrupted, and so was taking it back", hint=ways_on(name, verb))
    if run.plan.before.spec is None:
        return Interrupted(f"interrupted: nothing of {name} is left", hint="the same command starts again")
    return Interrupted(
        f"interrupted: {name} serves what it served before ({run.plan.before.traffic})",
        hint="the same command starts again",
    )


def ways_on(name: str, verb: str) -> str:
    """What to type after an interruption: a rollback that is called once more goes on, a create leaves nothing."""
    on = f"deployer wait {name} goes on"
    back = {"rollback": " with it", "create": f", deployer delete {name} removes it"}
    return on + back.get(verb, f", deployer rollback {name} goes back")


def _only_removes(run: Run) -> bool:
    """Whether there is nothing to take back: what it was about to do is done by the same command later."""
    return run.plan.wish is None


def _may_hold(run: Run, error: DeployerError) -> bool:
    rollout = run.hold.record.rollout
    detached = rollout is not None and rollout.detached and not rollout.moved
    return detached and isinstance(error, TargetUnavailable)


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
    before, hold, revision = run.plan.before, run.hold, run.wish.release.revision
    rollout = hold.record.rollout
    if before.spec is None:
        if rollout is not None:  # killed from here on, its removal is what is gone on with
            hold.write(rollout=rollout.model_copy(update={"verb": "delete"}))
        destroy(run)
        run.destroyed = True
        return
    if rollout is not None and rollout.moved:
        if not hold.record.traffic.share(revision) and not before.traffic.share(revision):
            retire(run, revision, keep=hold.record.released(revision))  # it makes room for the old one
        _back_to(run, before.traffic, before.spec)
    undone = {each.revision for each in run.plan.steps if isinstance(each, Undo)}
    for each in (*sorted(undone - {revision}), revision):
        take_back(run, each, before.traffic, before.spec)
    record = hold.record
    releases = without(record, {revision, *undone}, before.traffic)
    used = {release.lock for release in releases.values()}
    hold.give_back(
        rollout=before.rollout,
        spec=before.spec,
        traffic=before.traffic,
        releases=releases,
        locks={digest: text for digest, text in record.locks.items() if digest in used},
        history=record.with_history(entry).history,
    )


def _back_to(run: Run, traffic: Traffic, before: dict[str, JSON]) -> None:
    """The old revision is started again if it had to stop, verified, and given its traffic back."""
    for served in traffic.served:
        release = run.hold.record.releases.get(served)
        if release is None or not before:
            continue
        spec = DeploymentSpec(**before)
        run.patiently(partial(stage_as_before, run, spec, release))
        what = Verification(
            endpoint=run.plan.endpoint, revision=served, policy=health_policy(spec, answers=False), request=None,
            timeout=spec.health.timeout, answers=False,
        )  # fmt: skip
        verify(what, run.target, run.clock, run.hold, lambda words: run.telling.progress("undo", words))
    move_traffic(run, traffic)


def _entry(run: Run, error: DeployerError) -> HistoryEntry:
    diagnosis: Diagnosis | None = error.diagnosis if isinstance(error, DeploymentFailed) else None
    release, served = run.wish.release, run.plan.before.traffic.share(run.wish.release.revision)
    rejected = diagnosis is not None and diagnosis.is_verdict and not served  # what serves was released already
    return HistoryEntry(
        revision=release.revision,
        model=release.model.resolved,
        at=run.clock.now(),
        by=run.conditions.by,
        verb=run.plan.verb,
        result=Result.REJECTED if rejected else Result.FAILED,
        detail=f"{diagnosis.code}: {diagnosis.summary}" if diagnosis else error.message,
        diagnosis=diagnosis,
        exit_code=error.exit_code,
    )


def _interruption(run: Run) -> HistoryEntry:
    release = run.wish.release
    return HistoryEntry(
        revision=release.revision,
        model=release.model.resolved,
        at=run.clock.now(),
        by=run.conditions.by,
        verb=run.plan.verb,
        result=Result.UNDONE,
        detail="interrupted before traffic moved",
        exit_code=130,
    )


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
