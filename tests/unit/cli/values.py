"""Hand-made values to render."""

from __future__ import annotations

from typing import Any

from deployer.endpoint import (
    Before,
    Code,
    Diagnosis,
    Endpoint,
    HistoryEntry,
    ModelRef,
    Observed,
    Phase,
    Record,
    Release,
    Result,
    Revision,
    Traffic,
)
from deployer.plan import Change, Deliver, Effect, Plan, Retire, Route, Sign, Stage, Verify, Wish

NOW = 1_700_000_000.0
OLD, NEW = "r7c1e09a", "re02b774"


def release(revision: str, model: str = "models:/iris/3") -> Release:
    ref = ModelRef(uri=model, resolved=model, digest="0" * 64, summary="sklearn, python 3.11, 5 requirements")
    return Release(revision=revision, digest=revision[1:] * 9, model=ref, lock="l", runtime="t")


def update_plan(**changes: Any) -> Plan:
    """Scene 2 of the experience."""
    made = Plan(
        verb="update",
        endpoint="iris",
        target="local",
        owner="default",
        generation=3,
        wish=Wish(spec={"name": "iris", "model": "models:/iris@x"}, release=release(NEW, "models:/iris/4"), lock=""),
        before=Before(spec={"name": "iris", "model": "models:/iris/3"}, traffic=Traffic.all_to(OLD)),
        changes=(
            Change(sign=Sign.CHANGE, what="model", before="models:/iris/3", after="models:/iris/4 (challenger)",
                   note="12 of 17 files differ, 48 KB"),
            Change(sign=Sign.CHANGE, what="requirements", after="scikit-learn 1.8.0 -> 1.9.1"),
            Change(sign=Sign.CHANGE, what="replicas", before="2", after="3", effect=Effect.IN_PLACE),
            Change(sign=Sign.NOTE, what="traffic", before=f"{OLD} 100 %",
                   after=f"{NEW} 100 %, after 3 of 3 healthy answers; {OLD} stops last"),
        ),
        steps=(Deliver(revision=NEW), Stage(revision=NEW), Verify(revision=NEW), Route(traffic=Traffic.all_to(NEW)),
               Retire(revision=OLD, keep=True)),
    )  # fmt: skip
    return made.model_copy(update=changes)


def create_plan() -> Plan:
    """Scene 1 of the experience."""
    return Plan(
        verb="create",
        endpoint="iris",
        target="local",
        owner="default",
        wish=Wish(spec={"name": "iris", "model": "m"}, release=release(OLD), lock=""),
        changes=(
            Change(sign=Sign.ADD, what="endpoint", after="iris", note="http://127.0.0.1:8321"),
            Change(sign=Sign.ADD, what="revision", after=OLD, note="sklearn, python 3.11, 5 requirements"),
            Change(sign=Sign.ADD, what="traffic", after=f"100 % -> {OLD}"),
        ),
        steps=(Deliver(revision=OLD), Stage(revision=OLD), Verify(revision=OLD), Route(traffic=Traffic.all_to(OLD))),
    )


def endpoint(**changes: Any) -> Endpoint:
    made = Endpoint(
        name="iris",
        target="local",
        owner="default",
        phase=Phase.HEALTHY,
        url="http://127.0.0.1:8321",
        since=NOW - 240,
        revisions=(Revision(id=NEW, phase=Phase.HEALTHY, wanted=2, ready=2, since=NOW - 240, model="models:/iris/4"),),
        traffic=Traffic.all_to(NEW),
    )
    return made.model_copy(update=changes)


def entry(revision: str, model: str, at: float, by: str, *, result: Result, detail: str = "") -> HistoryEntry:
    return HistoryEntry(revision=revision, model=model, at=at, by=by, verb="update", result=result, detail=detail)


def history() -> tuple[HistoryEntry, ...]:
    well, ill = "answers its own example (3 of 3)", "MISSING_DEPENDENCY: no category_encoders"
    return (
        entry("rb81f3d0", "models:/iris/5", NOW - 60, "you", result=Result.REJECTED, detail=ill),
        entry(NEW, "models:/iris/4", NOW - 600, "ci@release", result=Result.RELEASED, detail=well),
        entry(OLD, "models:/iris/3", NOW - 259200, "you", result=Result.RELEASED, detail=well),
        entry("r0a6e833", "models:/iris/2", NOW - 359200, "you", result=Result.RELEASED),
    )


def record(**changes: Any) -> Record:
    made = Record(
        endpoint="iris",
        owner="default",
        generation=3,
        created=NOW - 999999,
        spec={"name": "iris", "model": "models:/iris/4"},
        traffic=Traffic.all_to(NEW),
        releases={NEW: release(NEW, "models:/iris/4"), OLD: release(OLD)},
        history=history(),
    )
    return made.model_copy(update=changes)


def observed(**changes: Any) -> Observed:
    return Observed(endpoint=endpoint(), record=record(**changes), version="7")


def diagnosis(**changes: Any) -> Diagnosis:
    made = Diagnosis(
        code=Code.MISSING_DEPENDENCY,
        summary="rb81f3d0 exited 1 after 1.8 s",
        subject="category_encoders",
        evidence=("ModuleNotFoundError: No module named 'category_encoders'", "  at code/features.py:7"),
    )
    return made.model_copy(update=changes)
