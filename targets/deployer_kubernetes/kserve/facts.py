"""What was found of InferenceServices, joined with what KServe made of them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from deployer_kubernetes.facts import ServerFact, told_of
from deployer_kubernetes.kserve.wish import AUTOSCALER, STOP
from deployer_kubernetes.marks import marks_of
from deployer_kubernetes.reading import moment

__all__ = ["InferenceFact", "inference_fact", "joined"]

UNANSWERED = 15.0
"""Seconds after which it is said that KServe's controller has not looked at an InferenceService."""
_STOPPED = f"somebody has stopped it, by the annotation {STOP}"
_FAILED = "PredictorReady"
_REASONS = ("ReconcileFailed", "InternalError")
_PASSING = re.compile(
    r"the object has been modified|already exists|connection refused|timed? ?out|deadline exceeded|EOF|"
    r"too many requests|being (?:terminated|deleted)|etcdserver|context canceled",
    re.IGNORECASE,
)
"""What KServe's controller tries again, and gets over."""


@dataclass(frozen=True)
class InferenceFact:
    """An InferenceService.

    Attributes:
        least: How many replicas it is to have at least.
        fixed: Whether that is their number, and no autoscaler's.
        seen: Whether KServe's controller has said anything of it.
        failure: Why that cannot make what it is to make; "" when it can.
        leaving: Whether it is on its way out.
    """

    name: str
    uid: str
    revision: str
    created: float
    least: int
    fixed: bool
    seen: bool = True
    failure: str = ""
    leaving: bool = False
    labels: Mapping[str, str] | None = None
    told: Mapping[str, str] | None = None


def inference_fact(thing: Mapping[str, Any], events: Iterable[Mapping[str, Any]] = ()) -> InferenceFact:
    """One of them.

    Args:
        thing: It.
        events: What was said of it, where its Deployment is not there: before 0.16 KServe noted a failure nowhere else.
    """
    meta, predictor, status = thing["metadata"], thing["spec"]["predictor"], thing.get("status") or {}
    marks = marks_of(thing)
    notes = meta.get("annotations") or {}
    return InferenceFact(
        name=meta["name"],
        uid=meta["uid"],
        revision=(marks.revision if marks else None) or "",
        created=moment(meta.get("creationTimestamp")) or 0.0,
        least=int(predictor.get("minReplicas") or 1),
        fixed=notes.get(AUTOSCALER) == "none",
        seen=bool(status.get("conditions")),
        failure=_STOPPED if notes.get(STOP) == "true" else _failure(status.get("conditions") or (), events),
        leaving=bool(meta.get("deletionTimestamp")),
        labels=meta.get("labels") or {},
        told=told_of(notes),
    )


def _failure(conditions: Sequence[Mapping[str, Any]], events: Iterable[Mapping[str, Any]]) -> str:
    told = [
        str(each.get("message") or "")
        for each in conditions
        if each.get("type") == _FAILED and each.get("status") == "False" and each.get("reason") in _REASONS
    ]
    told += [str(each.get("message") or "") for each in events if each.get("reason") in _REASONS]
    return next((each for each in told if each and not _PASSING.search(each)), "")


def joined(
    servers: Iterable[ServerFact], found: Iterable[InferenceFact], now: float | None = None
) -> tuple[ServerFact, ...]:
    """The Deployments with what is known of the InferenceServices that they were made for.

    One whose Deployment is not there yet is told as if it were, without pods; one on its way out takes that with it.

    Args:
        servers: The Deployments.
        found: The InferenceServices.
        now: The cluster's clock, where one of them has no Deployment.
    """
    known = {each.revision: each for each in found}
    made = [_joined(each, known.pop(each.revision, None)) for each in servers]
    return (*made, *(_to_be(each, now) for each in known.values()))


def _joined(server: ServerFact, found: InferenceFact | None) -> ServerFact:
    if found is None:
        return server
    # KServe hands annotations on together with all the rest, so that equal ones tell that it has acted.
    acted = server.acted and server.told.get("shape") == (found.told or {}).get("shape")
    short = server.wanted < found.least or (found.fixed and server.wanted != found.least)
    return replace(
        server,
        wanted=found.least if short else server.wanted,
        acted=acted and not short,
        leaving=server.leaving or found.leaving,
        failure=server.failure or found.failure,
        made_by=found.name,
        unmade=bool(found.failure) and not server.failure,
    )


def _to_be(found: InferenceFact, now: float | None) -> ServerFact:
    unseen = not found.seen and not found.failure and now is not None and now - found.created >= UNANSWERED
    return ServerFact(
        name=found.name,
        uid=found.uid,
        revision=found.revision,
        created=found.created,
        wanted=found.least,
        acted=False,
        failure=found.failure,
        leaving=found.leaving,
        labels=found.labels or {},
        told=found.told or {},
        made_by=found.name,
        unmade=bool(found.failure),
        unseen=unseen,
    )
