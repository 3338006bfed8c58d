"""The Record as it stands when a change has ended well: what is served now, who did it, and what is kept."""

from __future__ import annotations

from collections.abc import Iterator

from deployer.endpoint import HistoryEntry, Result
from deployer.engine.outcome import Ending
from deployer.engine.run import Run
from deployer.plan import Effect, Plan, Retire

__all__ = ["ending_of", "finished"]


def ending_of(plan: Plan) -> Ending:
    """What an executed plan led to."""
    if plan.verb == "rollback":
        return Ending.ROLLED_BACK
    return Ending.CREATED if plan.before.spec is None else Ending.UPDATED


def finished(run: Run) -> None:
    """Write it, and give the claim back."""
    plan, hold, record = run.plan, run.hold, run.hold.record
    if plan.wish is None:  # an undo and nothing more: the step itself wrote the Record
        hold.give_back()
        return
    forgotten = {step.revision for step in plan.steps if isinstance(step, Retire) and not step.keep}
    releases = {name: release for name, release in record.releases.items() if name not in forgotten}
    used = {release.lock for release in releases.values()}
    told = record.model_copy(update={"releases": releases})
    if run.moved or any(change.effect is not Effect.RECORD for change in plan.changes):
        for left in _left_behind(run):
            told = told.with_history(left)
        told = told.with_history(_entry(run))
    hold.give_back(
        rollout=None,
        releases=releases,
        locks={digest: text for digest, text in record.locks.items() if digest in used},
        history=told.history,
    )


def _entry(run: Run) -> HistoryEntry:
    release = run.wish.release
    released = run.moved or run.plan.before.spec == {}  # of a lost Record the history begins anew
    return HistoryEntry(
        revision=release.revision,
        model=release.model.resolved,
        at=run.clock.now(),
        by=run.conditions.by,
        verb=run.plan.verb,
        result=Result.RELEASED if released else Result.CHANGED,
        detail=run.detail if run.moved else _in_place(run.plan),
    )


def _left_behind(run: Run) -> Iterator[HistoryEntry]:
    """Roll-outs that held after their first move of traffic, and whose place this one took."""
    plan, record = run.plan, run.hold.record
    interrupted = run.interrupted if run.interrupted and run.interrupted.moved and not plan.continues else None
    left = {each.revision: each for each in (plan.before.rollout, interrupted) if each}
    for revision, rollout in left.items():
        if revision == run.wish.release.revision or record.released(revision):
            continue
        release = record.releases.get(revision)
        yield HistoryEntry(
            revision=revision,
            model=release.model.resolved if release else "",
            at=run.clock.now(),
            by=rollout.by,
            verb=rollout.verb,
            result=Result.UNDONE,
            detail=f"was not finished; {plan.verb} by {run.conditions.by} took its place",
        )


def _in_place(plan: Plan) -> str:
    """``replicas 2 -> 3, labels.team risk -> fraud``."""
    told = []
    for change in plan.changes:
        if change.effect is Effect.IN_PLACE:
            told.append(f"{change.what} {change.before} -> {change.after}")
        elif change.effect is Effect.REPAIR:
            told.append(f"repaired: {change.after}" if change.what == "state" else f"{change.what} {change.after}")
    return ", ".join(told)
