"""Executes a plan. The whole release reads top-down: begin, do each step, and on failure take everything back."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from deployer.endpoint import Before, HistoryEntry, Observed, Record, Result, Rollout
from deployer.engine.claiming import busy, take
from deployer.engine.clock import Clock, SystemClock
from deployer.engine.describe import describe
from deployer.engine.events import Listener, Planned
from deployer.engine.holder import this_process
from deployer.engine.observing import observe
from deployer.engine.outcome import Ending, Outcome
from deployer.engine.patience import patiently
from deployer.engine.restoring import give_up, interrupted
from deployer.engine.steps import Run, Telling, perform
from deployer.errors import ClaimLost, Conflict, DeployerError, DeploymentFailed, GateRejected, InProgress
from deployer.plan import Destroy, Outlook, Plan, Route, Step, Verify, plan_delete, plan_release
from deployer.plan.planner import Context, kept_revisions
from deployer.target import Target, TargetKind

__all__ = ["Conditions", "execute"]

_ENDINGS = {
    "create": Ending.CREATED,
    "rollback": Ending.ROLLED_BACK,
    "delete": Ending.DELETED,
}


@dataclass(frozen=True)
class Conditions:
    """Under which a plan is executed; see `Deployer.execute`."""

    by: str
    clock: Clock = field(default_factory=SystemClock)
    listener: Listener | None = None
    wait: bool = True
    once: bool = False
    timeout: float | None = None
    wait_lock: float | None = None
    context: Context | None = None
    environ: dict[str, str] = field(default_factory=lambda: dict(os.environ))


def execute(plan: Plan, target: Target, kind: TargetKind, conditions: Conditions) -> Outcome:
    """Do what the plan says; see `Deployer.execute` for the errors."""
    clock = conditions.clock
    began = clock.monotonic()
    telling = Telling(plan.endpoint, plan.target, clock, conditions.listener)
    if plan.outlook is Outlook.REJECTED:
        telling.tell(Planned, plan=plan)
        raise _refused(plan)
    if plan.outlook is Outlook.UNCHANGED:
        telling.tell(Planned, plan=plan)
        endpoint = describe(observe(target, plan.endpoint, clock), plan.target)
        return Outcome(ending=Ending.UNCHANGED, endpoint=endpoint, plan=plan, seconds=clock.monotonic() - began)
    if len(plan.steps) > 1 and isinstance(plan.steps[0], Destroy):
        plan = _after_removal(plan, target, kind, conditions)
    observed = _unlocked(plan, target, conditions)
    if _moved_on(plan, observed) and conditions.wait_lock and conditions.context:
        plan = _planned_anew(plan, observed, conditions.context)
        if plan.outlook is not Outlook.CHANGES:
            return execute(plan, target, kind, conditions)
    if _moved_on(plan, observed):
        raise Conflict(
            f"{plan.endpoint} was changed since this plan was made; nothing was done", hint="make the plan again"
        )
    telling.tell(Planned, plan=plan)
    hold = take(
        target, clock, observed, _begun(plan, observed, conditions), holder=this_process(conditions.by), verb=plan.verb
    )
    run = Run(plan=plan, target=target, kind=kind, hold=hold, conditions=conditions, telling=telling)
    ending = _carry_out(run)
    endpoint = None
    if ending is not Ending.DELETED:
        endpoint = describe(observe(target, plan.endpoint, clock), plan.target)
    return Outcome(ending=ending, endpoint=endpoint, plan=plan, seconds=clock.monotonic() - began)


def _after_removal(plan: Plan, target: Target, kind: TargetKind, conditions: Conditions) -> Plan:
    """Finish a half-done deletion first; what remains of the plan begins from nothing."""
    removal = plan.model_copy(update={"verb": "delete", "wish": None, "steps": plan.steps[:1]})
    execute(removal, target, kind, conditions)
    return plan.model_copy(update={"steps": plan.steps[1:], "generation": None, "before": Before(spec=None)})


def _carry_out(run: Run) -> Ending:
    """Each step in turn. What goes wrong before the end is taken back, and then raised."""
    try:
        for step in run.plan.steps:
            if _is_left_to_others(run, step):
                run.hold.give_back(rollout=_rollout(run.hold.record).model_copy(update={"detached": True}))
                return Ending.PENDING
            if not perform(run, step):
                run.hold.give_back(rollout=_rollout(run.hold.record).model_copy(update={"detached": True}))
                raise InProgress(
                    f"{run.plan.endpoint} is not healthy yet, and nobody waits for it",
                    hint=f"deployer wait {run.plan.endpoint}, or the same command again",
                )
        return _finished(run)
    except (ClaimLost, InProgress):
        raise
    except KeyboardInterrupt as error:
        raise interrupted(run) from error
    except DeployerError as error:
        raise give_up(run, error) from error
    except Exception as error:
        give_up(run, DeployerError(f"a fault of deployer's own: {type(error).__name__}: {error}"))
        raise


def _is_left_to_others(run: Run, step: Step) -> bool:
    """With ``--no-wait`` everything from the first waiting step on is somebody else's."""
    if run.conditions.wait or run.conditions.once or isinstance(step, Destroy):
        return False
    return isinstance(step, Verify | Route)


def _finished(run: Run) -> Ending:
    """The Record says what is served now, and who did it."""
    plan, hold = run.plan, run.hold
    if run.destroyed:
        return Ending.DELETED
    if plan.wish is None:  # an undo and nothing more: the step itself wrote the Record
        hold.give_back()
        return _ENDINGS.get(plan.verb, Ending.UPDATED)
    wish, record = plan.wish, hold.record
    kept = {wish.release.revision, *kept_revisions(record, wish)}
    releases = {name: release for name, release in record.releases.items() if name in kept}
    locks = {release.lock: record.locks[release.lock] for release in releases.values() if release.lock in record.locks}
    entry = HistoryEntry(
        revision=wish.release.revision,
        model=wish.release.model.resolved,
        at=run.conditions.clock.now(),
        by=run.conditions.by,
        verb=plan.verb,
        result=Result.RELEASED if run.moved else Result.CHANGED,
        detail=run.detail,
    )
    entry_needed = run.moved or any(change.effect.value != "recorded only" for change in plan.changes)
    told = record.with_history(entry) if entry_needed else record
    hold.give_back(rollout=None, releases=releases, locks=locks, history=told.history)
    return _ENDINGS.get(plan.verb, Ending.UPDATED) if plan.before.spec is not None else Ending.CREATED


def _rollout(record: Record) -> Rollout:
    if record.rollout is None:
        raise ClaimLost(f"the roll-out of {record.endpoint} is over")
    return record.rollout


def _begun(plan: Plan, observed: Observed, conditions: Conditions) -> Record:
    """The Record as it stands when the change begins: the new wish, and what to go back to."""
    stored, wish = observed.record, plan.wish
    now = conditions.clock.now()
    record = stored or Record(
        endpoint=plan.endpoint,
        owner=plan.owner,
        generation=0,
        created=now,
        spec=wish.spec if wish else {},
        traffic=plan.before.traffic,
    )
    revision = wish.release.revision if wish else (plan.before.traffic.served or ("",))[0]
    rollout = Rollout(
        verb=plan.verb if wish or plan.verb == "delete" else "undo",
        revision=revision, by=conditions.by, started=now, before=plan.before, moved=plan.moved,
    )  # fmt: skip
    if wish is None:
        if plan.verb != "delete" and record.rollout is not None:
            rollout = record.rollout
        return record.model_copy(update={"rollout": rollout})
    releases = {**record.releases, wish.release.revision: wish.release}
    locks = {**record.locks, wish.release.lock: wish.lock} if wish.lock else record.locks
    return record.model_copy(update={"rollout": rollout, "spec": wish.spec, "releases": releases, "locks": locks})


def _moved_on(plan: Plan, observed: Observed) -> bool:
    return plan.generation != (observed.record.generation if observed.record else None)


def _unlocked(plan: Plan, target: Target, conditions: Conditions) -> Observed:
    """The endpoint as it is, when nobody is changing it any more, or when the patience is over."""
    clock = conditions.clock
    deadline = clock.monotonic() + (conditions.wait_lock or 0.0)
    while True:
        observed = observe(target, plan.endpoint, clock)
        held = busy(observed.record, patiently(clock, target.now))
        if held is None or clock.monotonic() >= deadline:
            return observed
        clock.sleep(min(1.0, target.poll))


def _planned_anew(plan: Plan, observed: Observed, context: Context) -> Plan:
    if plan.wish is None:
        return plan_delete(observed, context, name=plan.endpoint)
    return plan_release(plan.verb, plan.wish, observed, context)


def _refused(plan: Plan) -> DeployerError:
    reason = plan.warnings[0] if plan.warnings else "this revision was rejected before"
    kind = GateRejected if plan.exit_code == GateRejected.exit_code else DeploymentFailed
    return kind(f"{plan.endpoint} is left as it is: {reason}", hint=f"deployer history {plan.endpoint}")
