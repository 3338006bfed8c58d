"""Whether a plan still holds when its execution begins, and what becomes of it when somebody else was waited for."""

from __future__ import annotations

from collections.abc import Mapping

from deployer.endpoint import Observed, Record
from deployer.engine.wishing import Wishing, wish_for
from deployer.errors import Conflict
from deployer.plan import Context, Outlook, Plan, plan_delete, plan_release, plan_resume, plan_rollback
from deployer.plan.values import Wish
from deployer.spec import DeploymentSpec
from deployer.value import JSON

__all__ = ["has_moved_on", "planned_anew", "refuse_outdated"]


def has_moved_on(plan: Plan, observed: Observed) -> bool:
    """Whether somebody has changed the endpoint since the plan was made."""
    record = observed.record
    return (plan.generation, plan.standing) != ((record.generation, record.standing) if record else (None, ""))


def refuse_outdated(plan: Plan, observed: Observed) -> None:
    """Raise `Conflict` for a plan that was made on another state of the endpoint."""
    if has_moved_on(plan, observed):
        raise Conflict(
            f"{plan.endpoint} was changed since this plan was made; nothing was done", hint="make the plan again"
        )


def planned_anew(plan: Plan, observed: Observed, context: Context, wishing: Wishing) -> Plan:
    """The same wish after what somebody else did meanwhile; of an ``update`` only what it changes is wished again.

    Raises:
        Conflict: It was about a roll-out that is over.
    """
    name, wish = plan.endpoint, plan.wish
    if plan.verb == "delete":
        return plan_delete(observed, context, name=name)
    if plan.resumed:
        resumed = plan_resume(observed, context, name=name)
        return resumed or plan.model_copy(update={"outlook": Outlook.UNCHANGED, "steps": (), "changes": ()})
    if wish is None:
        refuse_outdated(plan, observed)
        return plan
    if plan.verb == "rollback":
        return plan_rollback(observed, context, name=name, to=wish.release.revision)
    spec = DeploymentSpec(**_wished(plan, wish, observed.record))
    return plan_release(plan.verb, wish_for(spec, observed, wishing), observed, context)


def _wished(plan: Plan, wish: Wish, record: Record | None) -> dict[str, JSON]:
    if plan.verb != "update" or record is None or not plan.before.spec:
        return wish.spec
    rollout = record.rollout
    current = rollout.before.spec if rollout and not rollout.moved and rollout.before.spec else record.spec
    return _laid_over(current, plan.before.spec, wish.spec)


def _laid_over(current: Mapping[str, JSON], before: Mapping[str, JSON], after: Mapping[str, JSON]) -> dict[str, JSON]:
    """What was changed from ``before`` to ``after``, in ``current``."""
    result = dict(current)
    for key in {*before, *after}:
        old, new, now = before.get(key), after.get(key), current.get(key)
        if old == new:
            continue
        if isinstance(old, Mapping) and isinstance(new, Mapping) and isinstance(now, Mapping):
            result[key] = _laid_over(now, old, new)
        elif new is None:
            result.pop(key, None)
        else:
            result[key] = new
    return result
