"""The JSON shapes of the command line: times in ISO 8601, sizes in bytes, durations in seconds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from deployer.cli.render.words import iso
from deployer.endpoint import Diagnosis, Endpoint, HistoryEntry, Observed, Record, Revision
from deployer.engine.events import Event, Planned
from deployer.engine.outcome import Outcome
from deployer.plan import Plan
from deployer.target import Figures
from deployer.value import JSON

__all__ = [
    "ending_event",
    "endpoint_document",
    "event_document",
    "failure_event",
    "history_document",
    "outcome_document",
    "plan_document",
    "status_document",
]


def endpoint_document(endpoint: Endpoint) -> dict[str, JSON]:
    """An endpoint as it is, its revisions in it."""
    serving = endpoint.revision
    return {
        "name": endpoint.name,
        "target": endpoint.target,
        "managed": endpoint.managed,
        "owner": endpoint.owner,
        "phase": endpoint.phase.value,
        "detail": endpoint.detail,
        "url": endpoint.url,
        "since": iso(endpoint.since),
        "revision": serving.id if serving else None,
        "model": serving.model if serving else None,
        "replicas": {"ready": serving.ready, "wanted": serving.wanted} if serving else None,
        "traffic": dict(endpoint.traffic.items()),
        "revisions": [_revision(each) for each in endpoint.revisions],
        "settings": endpoint.settings,
    }


def _revision(revision: Revision) -> dict[str, JSON]:
    return {**revision.model_dump(mode="json"), "since": iso(revision.since)}


def history_document(history: Iterable[HistoryEntry]) -> list[JSON]:
    """The newest first."""
    return [{**each.model_dump(mode="json"), "at": iso(each.at)} for each in history]


def status_document(
    endpoint: Endpoint, observed: Observed, diagnoses: Mapping[str, Diagnosis], curl: str | None,
    figures: Mapping[str, Figures] | None = None,
) -> dict[str, JSON]:  # fmt: skip
    """An endpoint with who made it so, why it is not well, and how it is called."""
    record = observed.record
    return {
        **endpoint_document(endpoint),
        "diagnoses": {name: each.model_dump(mode="json") for name, each in diagnoses.items()},
        "figures": {name: _figures(each) for name, each in (figures or {}).items()},
        "rollout": _rollout(record),
        "spec": record.spec if record else None,
        "kept": sorted(set(record.releases) - {r.id for r in endpoint.revisions}) if record else [],
        "history": history_document(record.history) if record else [],
        "curl": curl,
    }


def _figures(figures: Figures) -> JSON:
    return {**asdict(figures), "until": iso(figures.until), "error_rate": figures.error_rate}


def _rollout(record: Record | None) -> JSON:
    if record is None or record.rollout is None:
        return None
    rollout = record.rollout
    return {
        "verb": rollout.verb,
        "revision": rollout.revision,
        "by": rollout.by,
        "started": iso(rollout.started),
        "moved": rollout.moved,
        "detached": rollout.detached,
    }


def plan_document(plan: Plan) -> dict[str, JSON]:
    """A plan whole, as ``apply --plan`` reads it back."""
    return plan.model_dump(mode="json")


def _told(plan: Plan) -> dict[str, JSON]:
    """What of a plan a person would read; the lock and the files' digests left out."""
    return {
        "verb": plan.verb,
        "outlook": plan.outlook.value,
        "revision": plan.wish.release.revision if plan.wish else None,
        "model": plan.wish.release.model.resolved if plan.wish else None,
        "changes": [each.model_dump(mode="json") for each in plan.changes],
        "steps": [each.model_dump(mode="json") for each in plan.steps],
        "warnings": list(plan.warnings),
    }


def outcome_document(outcome: Outcome) -> dict[str, JSON]:
    """``{"endpoint": {...}, "ending": "created", "changed": true, "seconds": 16.8, "plan": {...}}``."""
    return {
        "endpoint": endpoint_document(outcome.endpoint) if outcome.endpoint else None,
        "name": outcome.plan.endpoint,
        "target": outcome.plan.target,
        "ending": outcome.ending.value,
        "changed": outcome.ending.value != "unchanged",
        "seconds": round(outcome.seconds, 3),
        "plan": _told(outcome.plan),
    }


_MOMENTS = ("at", "since")


def event_document(event: Event) -> dict[str, Any]:
    """One line of ``--events jsonl``."""
    if isinstance(event, Planned):
        head = {"event": event.event, "at": iso(event.at), "endpoint": event.endpoint, "target": event.target}
        return {**head, **_told(event.plan)}
    dumped = event.model_dump(mode="json", exclude_none=True)
    if "seconds" in dumped:
        dumped["seconds"] = round(dumped["seconds"], 3)
    for moment in _MOMENTS:
        if isinstance(dumped.get(moment), int | float):
            dumped[moment] = iso(dumped[moment])
    return {"event": dumped.pop("event"), **dumped}


def ending_event(outcome: Outcome, at: float) -> dict[str, Any]:
    """The last line of ``--events jsonl`` when all went well; the plan stands in the first."""
    document = outcome_document(outcome)
    return {
        "event": "ended",
        "at": iso(at),
        "endpoint": document["name"],
        "target": document["target"],
        "exit_code": 0,
        **{key: document[key] for key in ("ending", "changed", "seconds")},
        "now": document["endpoint"],
    }


def failure_event(error: Mapping[str, Any], document: Mapping[str, Any], at: float) -> dict[str, Any]:
    """The last line of ``--events jsonl`` when something went wrong.

    Args:
        error: `error_document`.
        document: ``name``, ``target`` and ``endpoint``, as far as they are known.
        at: Seconds since the epoch.
    """
    return {
        "event": "failed",
        "at": iso(at),
        "endpoint": document.get("name"),
        "target": document.get("target"),
        "exit_code": error["code"],
        "error": dict(error),
        "now": document.get("endpoint"),
    }
