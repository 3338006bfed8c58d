"""The Record as it stands when a change begins: the new wish, and what to go back to. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from deployer.endpoint import Observed, Record, Release, Rollout
from deployer.plan import Plan

__all__ = ["begun"]


def begun(plan: Plan, observed: Observed, *, by: str, now: float) -> Record:
    """The Record to write first; its claim and generation come with `claimed`.

    Args:
        plan: What begins.
        observed: What is there.
        by: Who begins it.
        now: Seconds since the epoch.
    """
    wish = plan.wish
    record = observed.record or Record(
        endpoint=plan.endpoint,
        owner=plan.owner,
        generation=0,
        created=now,
        spec=wish.spec if wish else {},
        traffic=plan.before.traffic,
    )
    rollout = _rollout(plan, record.rollout, by=by, now=now)
    if wish is None:
        return record.model_copy(update={"rollout": rollout})
    return record.model_copy(
        update={
            "rollout": rollout,
            "spec": wish.spec,
            "releases": {**record.releases, wish.release.revision: _with_image(wish.release, record)},
            "locks": {**record.locks, wish.release.lock: wish.lock} if wish.lock else record.locks,
            "numbers": _highest(record.numbers, wish.release),
        }
    )


def _with_image(release: Release, record: Record) -> Release:
    """The release; its image, when it was delivered before and the plan does not know."""
    before = record.releases.get(release.revision)
    if release.image is not None or before is None:
        return release
    return release.model_copy(update={"image": before.image})


def _rollout(plan: Plan, left: Rollout | None, *, by: str, now: float) -> Rollout:
    if plan.wish is None and plan.verb != "delete" and left is not None:
        return left  # it is taken back
    revision = plan.wish.release.revision if plan.wish else (plan.before.traffic.served or ("",))[0]
    goes_on = left is not None and plan.continues and left.detached
    return Rollout(
        verb=plan.verb if plan.wish or plan.verb == "delete" else "undo",
        revision=revision,
        by=by,
        started=left.started if left and goes_on else now,
        before=plan.before,
        moved=plan.moved,
        detached=goes_on,
        healthy_since=left.healthy_since if left and goes_on else None,
    )


def _highest(numbers: Mapping[str, int], release: Release) -> dict[str, int]:
    given: Mapping[str, int] = release.fields.get("secrets") or {}
    return {name: max(numbers.get(name, 0), given.get(name, 0)) for name in (*numbers, *given)}
