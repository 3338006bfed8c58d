"""Takes back what an unfinished roll-out left, before traffic moved to it."""

from __future__ import annotations

from functools import partial
from typing import Any

from deployer.endpoint import HistoryEntry, Record, Release, Result, Traffic
from deployer.engine.run import Run
from deployer.engine.settling import retire
from deployer.plan import Retire, Undo
from deployer.spec import DeploymentSpec
from deployer.value import JSON

__all__ = ["stage_as_before", "take_back", "undo", "without"]


def take_back(run: Run, revision: str, traffic: Traffic, spec: dict[str, JSON] | None) -> None:
    """A revision that never got traffic goes, and the endpoint's own fields become what they were.

    Args:
        run: The run.
        revision: The one that goes; empty for none.
        traffic: What is served, and stays.
        spec: The wish before; None or empty when it is not known.
    """
    if spec:
        before = DeploymentSpec(**spec)
        run.patiently(lambda: run.target.configure(before, run.hold.claim))
        for served in traffic.served:
            release: Release | None = run.hold.record.releases.get(served)
            if release is not None and (served == revision or spec != run.hold.record.spec):
                run.patiently(partial(stage_as_before, run, before, release))
    if revision and not traffic.share(revision):
        retire(run, revision, keep=run.hold.record.released(revision))


def stage_as_before(run: Run, spec: DeploymentSpec, release: Release) -> None:
    """A revision that served before, with the count that it had."""
    run.target.stage(spec, release, run.hold.claim)


def undo(run: Run, step: Undo) -> None:
    """The step that takes back an earlier command's roll-out; without a wish of its own it ends the roll-out, too."""
    before = run.plan.before
    stays = bool(before.traffic.share(step.revision))
    with run.telling.step("undo", step.revision) as detail:
        take_back(run, step.revision, before.traffic, before.spec)
        detail.append("everything is as before" if stays else f"{step.revision} is gone")
    record = run.hold.record
    told = record.with_history(_taken_back(run, step)).history
    if run.plan.wish is not None:
        gone = {step.revision} - {run.plan.wish.release.revision}
        run.hold.write(history=told, releases=without(record, gone, before.traffic))
        return
    gone = {step.revision, *(each.revision for each in run.plan.steps if isinstance(each, Retire) and not each.keep)}
    releases = without(record, gone, before.traffic)
    run.hold.write(
        history=told, releases=releases, locks=_locks(record, releases), rollout=before.rollout,
        spec=before.spec or record.spec, traffic=before.traffic,
    )  # fmt: skip


def _taken_back(run: Run, step: Undo) -> HistoryEntry:
    undone, rollout = run.hold.record.releases.get(step.revision), run.interrupted
    return HistoryEntry(
        revision=step.revision,
        model=undone.model.resolved if undone else "",
        at=run.clock.now(),
        by=rollout.by if rollout else run.conditions.by,
        verb=rollout.verb if rollout else run.plan.verb,
        result=Result.UNDONE,
        detail=f"interrupted; taken back by {run.conditions.by}",
    )


def without(record: Record, gone: set[str], traffic: Traffic) -> dict[str, Release]:
    """The releases but those that went and were never released."""
    return {
        name: release
        for name, release in record.releases.items()
        if name not in gone or record.released(name) or traffic.share(name)
    }


def _locks(record: Record, releases: dict[str, Any]) -> dict[str, str]:
    used = {release.lock for release in releases.values()}
    return {digest: text for digest, text in record.locks.items() if digest in used}
