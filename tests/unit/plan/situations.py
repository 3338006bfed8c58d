"""Wishes and observations, made by hand, and a simple world on which a plan's steps are done."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from deployer.endpoint import (
    Before,
    Endpoint,
    HistoryEntry,
    ModelRef,
    Observed,
    Phase,
    Record,
    Release,
    Result,
    Revision,
    Rollout,
    Traffic,
)
from deployer.plan import Configure, Context, Deliver, Destroy, Plan, Retire, Route, Stage, Undo, Verify, Wish

CONTEXT = Context(target="local")


def release(number: int, *, lock: str = "numpy==2.0\n", **fields: Any) -> Release:
    """Revision ``rNNNNNNN`` of model ``models:/iris/N``."""
    digest = f"{number}" * 64
    model = ModelRef(uri=f"models:/iris/{number}", resolved=f"models:/iris/{number}", digest=digest, summary="sklearn")
    return Release(
        revision=f"r{number}{number}{number}{number}{number}{number}{number}", digest=digest, model=model, lock=lock,
        runtime="t" * 64, fields=fields, spec=spec(number),
    )  # fmt: skip


def spec(number: int, **fields: Any) -> dict[str, Any]:
    return {"name": "iris", "model": f"models:/iris/{number}", "target": "local", **fields}


def wish(number: int, *, lock: str = "numpy==2.0\n", **fields: Any) -> Wish:
    return Wish(spec=spec(number, **fields), release=release(number, lock=lock), lock=lock)


def name(number: int) -> str:
    return release(number).revision


def released(number: int, at: float = 1.0, result: Result = Result.RELEASED, **fields: Any) -> HistoryEntry:
    return HistoryEntry(
        revision=name(number), model=f"models:/iris/{number}", at=at, by="ada", verb="update", result=result, **fields
    )


def record(number: int, *kept: int, history: tuple[HistoryEntry, ...] | None = None, **fields: Any) -> Record:
    """Of an endpoint that serves ``number`` and keeps the others; the newest first in the history."""
    numbers = (number, *kept)
    told = history if history is not None else tuple(released(each, 10.0 - i) for i, each in enumerate(numbers))
    made: dict[str, Any] = {
        "endpoint": "iris", "owner": "default", "generation": 3, "created": 1.0, "spec": spec(number),
        "traffic": Traffic.all_to(name(number)), "releases": {name(each): release(each) for each in numbers},
        "locks": {"numpy==2.0\n": "numpy==2.0\n"}, "history": told,
    }  # fmt: skip
    return Record(**{**made, **fields})


def runs(number: int, **fields: Any) -> Revision:
    made: dict[str, Any] = {"id": name(number), "phase": Phase.HEALTHY, "wanted": 1, "ready": 1}
    return Revision(**{**made, **fields})


def live(number: int | None, *others: int, **fields: Any) -> Endpoint:
    """Traffic to ``number``; the others run beside it."""
    numbers = [each for each in (number, *others) if each is not None]
    made: dict[str, Any] = {
        "name": "iris", "target": "local", "owner": "default", "phase": Phase.HEALTHY if number else Phase.PENDING,
        "url": "http://127.0.0.1:8321", "revisions": tuple(runs(each) for each in numbers),
        "traffic": Traffic.all_to(name(number)) if number else Traffic(),
    }  # fmt: skip
    return Endpoint(**{**made, **fields})


def observed(there: Record | None, endpoint: Endpoint | None) -> Observed:
    return Observed(endpoint=endpoint, record=there, version="7" if there else None)


def serving(number: int, *kept: int, **fields: Any) -> Observed:
    """A healthy endpoint."""
    return observed(record(number, *kept, **fields), live(number))


def amid(number: int, before: int | None, *, verb: str = "update", moved: bool = False, detached: bool = False,
         shown: bool = True, **spec_fields: Any) -> Observed:  # fmt: skip
    """An interrupted roll-out to ``number`` from ``before``.

    Args:
        number: The new one.
        before: The old one; None for a create.
        verb: What was interrupted.
        moved: Whether traffic had begun to move.
        detached: Whether that was meant.
        shown: Whether the move is seen at the target.
        spec_fields: Of the new wish.
    """
    old = Before(spec=None)
    if before is not None:
        old = Before(spec=spec(before), traffic=Traffic.all_to(name(before)))
    way = Rollout(verb=verb, revision=name(number), by="eve", started=5.0, before=old, moved=moved, detached=detached)
    numbers = [each for each in (number, before) if each is not None]
    there = record(
        number, spec=spec(number, **spec_fields), rollout=way,
        traffic=Traffic.all_to(name(number)) if moved else old.traffic,
        releases={name(each): release(each) for each in numbers},
        history=(released(before),) if before is not None else (),
    )  # fmt: skip
    served = number if moved and shown else before
    return observed(there, live(served, *(each for each in numbers if each != served)))


@dataclass(frozen=True)
class World:
    """What a plan's steps work on: the revisions that run, traffic, and artifacts."""

    running: frozenset[str] = frozenset()
    traffic: tuple[tuple[str, int], ...] = ()
    artifacts: frozenset[str] = frozenset()
    verified: frozenset[str] = frozenset()
    trail: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def of(cls, seen: Observed) -> World:
        kept = frozenset(seen.record.releases if seen.record else ())
        running = frozenset(seen.revisions)
        traffic = tuple(seen.endpoint.traffic.items()) if seen.endpoint else ()
        return cls(running=running, traffic=traffic, artifacts=kept | running)

    @property
    def served(self) -> frozenset[str]:
        return frozenset(revision for revision, _ in self.traffic)

    def after(self, plan: Plan) -> World:
        """The steps in turn; refuses what a target refuses."""
        world = self
        for step in plan.steps:
            world = replace(world._one(step, plan), trail=(*world.trail, step.step))
        return world

    def _one(self, step: Any, plan: Plan) -> World:
        if isinstance(step, Deliver | Configure):
            made = {step.revision} if isinstance(step, Deliver) else set()
            return replace(self, artifacts=self.artifacts | made)
        if isinstance(step, Stage):
            assert step.revision in self.artifacts, "staged without its artifacts"
            return replace(self, running=self.running | {step.revision})
        if isinstance(step, Verify):
            assert step.revision in self.running, "verified, and does not run"
            return replace(self, verified=self.verified | {step.revision})
        if isinstance(step, Route):
            assert {r for r, _ in step.traffic.items()} <= self.running, "traffic to what does not run"
            return replace(self, traffic=tuple(step.traffic.items()))
        if isinstance(step, Retire):
            assert step.revision not in self.served, f"{step.revision} is retired while it serves"
            gone = self.artifacts if step.keep else self.artifacts - {step.revision}
            return replace(self, running=self.running - {step.revision}, artifacts=gone)
        if isinstance(step, Undo):
            if plan.before.traffic.share(step.revision):
                return self
            assert step.revision not in self.served, "undone while it serves"
            return replace(self, running=self.running - {step.revision}, artifacts=self.artifacts - {step.revision})
        assert isinstance(step, Destroy)
        return World()


def steps_of(plan: Plan) -> str:
    """``deliver 2, stage 2, verify 2, route 2, retire 1 keep``, revisions by their number."""
    words = []
    for step in plan.steps:
        revision = getattr(step, "revision", None)
        text = step.step if revision is None else f"{step.step} {revision[1]}"
        if isinstance(step, Route):
            text += f" {step.traffic.served[0][1]}" if step.traffic else " nothing"
        if isinstance(step, Retire):
            text += " keep" if step.keep else " forget"
        words.append(text)
    return ", ".join(words)


def reaches(plan: Plan, seen: Observed) -> None:
    """The wish, never taking away what serves but where that is wished."""
    world = World.of(seen).after(plan)
    assert plan.wish is not None
    revision = plan.wish.release.revision
    assert dict(world.traffic) == {revision: 100}
    assert world.running == {revision}
    if world.served != World.of(seen).served:
        assert revision in world.verified
    if not plan.downtime and World.of(seen).served and "destroy" not in world.trail:
        assert all(step.traffic for step in plan.steps if isinstance(step, Route))
