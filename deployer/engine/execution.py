"""Executes a plan. The whole release reads top-down: begin, do each step, and on failure take everything back."""

from __future__ import annotations

from deployer.endpoint import Before, Observed
from deployer.engine.adopting import taken_over
from deployer.engine.beginning import begun
from deployer.engine.claiming import Hold, busy, claimed, refuse_busy
from deployer.engine.clock import Clock
from deployer.engine.conditions import Conditions
from deployer.engine.describe import describe
from deployer.engine.events import Planned
from deployer.engine.finishing import ending_of, finished
from deployer.engine.holder import this_process
from deployer.engine.observing import observe
from deployer.engine.outcome import Ending, Outcome
from deployer.engine.patience import patiently
from deployer.engine.replanning import has_moved_on, planned_anew, refuse_outdated
from deployer.engine.restoring import give_up, interrupted, left_to_others, ways_on
from deployer.engine.run import Run, Telling
from deployer.engine.secrets import hiding, refuse_unset
from deployer.engine.steps import perform
from deployer.engine.wishing import Wishing
from deployer.errors import (
    ClaimLost,
    Conflict,
    DeployerError,
    DeploymentFailed,
    GateRejected,
    InProgress,
    Interrupted,
    TargetUnavailable,
)
from deployer.plan import Destroy, Outlook, Plan, Route, Step, Verify
from deployer.target import Target, TargetKind

__all__ = ["execute"]


def execute(plan: Plan, target: Target, kind: TargetKind, conditions: Conditions) -> Outcome:
    """Do what the plan says; see `Deployer.execute` for the errors."""
    began = conditions.clock.monotonic()
    try:
        plan, observed = _held_against(plan, target, kind, conditions)
        telling = Telling(
            plan.endpoint, plan.target, conditions.clock, conditions.listener, hiding(plan, conditions.environ)
        )
        telling.tell(Planned, plan=plan)
        if plan.outlook is Outlook.REJECTED:
            raise _refused(plan)
        ending, asked = Ending.UNCHANGED, plan
        if plan.adopts is not None:
            patience = kind.pace(None).adopt
            plan, observed = taken_over(
                plan, plan.adopts, observed, target, patience=patience, conditions=conditions, telling=telling
            )
            ending = Ending.ADOPTED
        if plan.outlook is Outlook.CHANGES:
            gone = plan.wish is None and not plan.steps
            run = None if gone else _run(plan, observed, target, kind, conditions, telling=telling)
            ending = _carry_out(run) if run else Ending.DELETED
    except Interrupted:
        raise
    except KeyboardInterrupt as error:
        raise Interrupted("interrupted: nothing was changed", hint="the same command starts again") from error
    if plan.outlook is Outlook.CHANGES:
        observed = _afterwards(plan, ending, target, conditions.clock)
    seconds = conditions.clock.monotonic() - began
    return Outcome(ending=ending, endpoint=describe(observed, plan.target), plan=asked, seconds=seconds)


def _held_against(plan: Plan, target: Target, kind: TargetKind, conditions: Conditions) -> tuple[Plan, Observed]:
    """The plan that holds now, with what is there; what stands in its way is waited for, or an error."""
    observed, waited = _unlocked(plan, target, conditions)
    if waited and has_moved_on(plan, observed) and conditions.context and plan.adopts is None:
        wishing = Wishing(target=target, kind=kind, environ=conditions.environ)
        plan = planned_anew(plan, observed, conditions.context, wishing)
    if observed.absent and plan.steps and isinstance(plan.steps[0], Destroy):
        return _without_removal(plan), observed  # what was being removed is gone by itself
    refuse_outdated(plan, observed)
    if plan.outlook is Outlook.CHANGES:
        refuse_unset(plan, observed, target, conditions.environ)
        if len(plan.steps) > 1 and isinstance(plan.steps[0], Destroy):
            return _after_removal(plan, target, kind, conditions)
    return plan, observed


def _afterwards(plan: Plan, ending: Ending, target: Target, clock: Clock) -> Observed:
    try:
        return Observed() if ending is Ending.DELETED else observe(target, plan.endpoint, clock)
    except KeyboardInterrupt as error:
        raise Interrupted(
            f"interrupted after the {plan.verb} of {plan.endpoint} was done", hint=f"deployer status {plan.endpoint}"
        ) from error


def _unlocked(plan: Plan, target: Target, conditions: Conditions) -> tuple[Observed, bool]:
    """The endpoint as it is, when nobody is changing it any more; and whether somebody was.

    Raises:
        Conflict: Somebody is, and the patience is over.
    """
    clock = conditions.clock
    deadline = clock.monotonic() + (conditions.wait_lock or 0.0)
    waited = False
    while True:
        observed = observe(target, plan.endpoint, clock)
        held = busy(observed.record, lambda: patiently(clock, target.now))
        if held is None:
            return observed, waited
        if clock.monotonic() >= deadline:
            refuse_busy(plan.endpoint, held)
        waited = True
        clock.sleep(min(1.0, target.poll))


def _after_removal(plan: Plan, target: Target, kind: TargetKind, conditions: Conditions) -> tuple[Plan, Observed]:
    """Finish a half-done deletion first; what remains of the plan begins from nothing."""
    removal = plan.model_copy(update={"verb": "delete", "wish": None, "steps": plan.steps[:1], "changes": ()})
    execute(removal, target, kind, conditions)
    return _without_removal(plan), observe(target, plan.endpoint, conditions.clock)


def _without_removal(plan: Plan) -> Plan:
    rest = {"steps": plan.steps[1:], "generation": None, "standing": "", "before": Before(spec=None)}
    return plan.model_copy(update=rest)


def _run(
    plan: Plan, observed: Observed, target: Target, kind: TargetKind, conditions: Conditions, *, telling: Telling
) -> Run:
    """Everything is ready; nothing is written yet."""
    refuse_outdated(plan, observed)
    clock = conditions.clock
    record = begun(plan, observed, by=conditions.by, now=clock.now())
    hold = claimed(target, clock, observed, record, holder=this_process(conditions.by), verb=plan.verb)
    return Run(
        plan=plan, target=target, kind=kind, hold=hold, conditions=conditions, telling=telling, began=clock.monotonic(),
        interrupted=observed.record.rollout if observed.record else None,
    )  # fmt: skip


def _carry_out(run: Run) -> Ending:
    """Take the claim, do the steps, and never leave thinking that we still work on it."""
    try:
        _take(run)
        return _steps(run)
    except Conflict:
        if _is_gone(run):
            return Ending.DELETED
        raise
    finally:
        run.hold.end()


def _is_gone(run: Run) -> bool:
    """Whether what was to be removed went by itself, just when we began."""
    if not run.plan.steps or not isinstance(run.plan.steps[0], Destroy):
        return False
    return observe(run.target, run.plan.endpoint, run.clock).absent


def _take(run: Run) -> None:
    try:
        run.hold.take()
    except KeyboardInterrupt as error:
        if not _arrived(run.hold):
            raise Interrupted("interrupted: nothing was changed", hint="the same command starts again") from error
        raise interrupted(run) from error


def _arrived(hold: Hold) -> bool:
    try:
        return hold.arrived()
    except TargetUnavailable:
        return False


def _steps(run: Run) -> Ending:
    """Each step in turn. What goes wrong before the end is taken back, and then raised."""
    try:
        for step in run.plan.steps:
            if _is_left_to_others(run, step):
                left_to_others(run)
                return Ending.PENDING
            if not perform(run, step):
                left_to_others(run)
                raise InProgress(
                    f"{run.plan.endpoint} is not healthy yet, and nobody waits for it",
                    hint=f"deployer wait {run.plan.endpoint}, or the same command again",
                )
        return _ended(run)
    except (ClaimLost, InProgress):
        raise
    except KeyboardInterrupt as error:
        raise interrupted(run) from error
    except DeployerError as error:
        raise _given_up(run, error) from error
    except Exception as error:
        _given_up(run, DeployerError(f"a fault of deployer's own: {type(error).__name__}: {error}"))
        raise


def _given_up(run: Run, error: DeployerError) -> DeployerError:
    try:
        return give_up(run, error)
    except KeyboardInterrupt:
        run.telling.note(f"{run.plan.endpoint}: taking the {run.plan.verb} back was interrupted")
        name = run.plan.endpoint
        raise Interrupted(
            f"{name}: the {run.plan.verb} failed ({error.message}), and taking it back was interrupted",
            hint=ways_on(name, run.plan.verb),
        ) from error


def _is_left_to_others(run: Run, step: Step) -> bool:
    """With ``--no-wait`` everything from the first waiting step on is somebody else's."""
    if run.conditions.wait or run.conditions.once or isinstance(step, Destroy):
        return False
    return isinstance(step, Verify | Route)


def _ended(run: Run) -> Ending:
    if run.destroyed:
        return Ending.DELETED
    finished(run)
    return ending_of(run.plan)


def _refused(plan: Plan) -> DeployerError:
    reason = plan.warnings[0] if plan.warnings else "this revision was rejected before"
    kind = GateRejected if plan.exit_code == GateRejected.exit_code else DeploymentFailed
    return kind(f"{plan.endpoint} is left as it is: {reason}", hint=f"deployer history {plan.endpoint}")
