"""Taking over what somebody else made: it becomes the revision that it is, and from there it is brought to the wish.

Pure. The plan is made on the endpoint as it will be once it carries our marks; nothing of it is restarted for that.
"""

from __future__ import annotations

from collections.abc import Mapping

from deployer.endpoint import (
    Endpoint,
    HistoryEntry,
    ImageRef,
    ModelRef,
    Observed,
    Phase,
    Record,
    Release,
    Result,
    Revision,
    Traffic,
    revision_id,
)
from deployer.errors import Conflict
from deployer.plan.planner import Context, plan_release
from deployer.plan.values import Adopts, Change, Destroy, Effect, Outlook, Plan, Sign, Wish
from deployer.spec import DeploymentSpec, Scope, scope_of
from deployer.target import Adoption
from deployer.value import JSON, digest

__all__ = ["ADOPT", "adopted_record", "plan_adoption", "remainder"]

ADOPT = "adopt"
"""The verb of the claim and of the history's entry."""

Fields = dict[str, JSON]


def plan_adoption(wish: Wish, observed: Observed, found: Adoption | None, context: Context) -> Plan:
    """What ``apply --adopt`` of a wish does; of an endpoint of ours, or of none, just what ``apply`` does.

    Args:
        wish: The wish.
        observed: What is there.
        found: What the target tells of it, when it carries no marks.
        context: As `plan_release`.

    Raises:
        Conflict: It is not ours, and cannot be told, so it cannot be taken over.
    """
    name, endpoint, record = str(wish.spec["name"]), observed.endpoint, observed.record
    unmarked = endpoint is not None and not endpoint.managed
    whose = record.owner if record else endpoint.owner if endpoint else None
    if not unmarked and whose in (None, context.owner):
        return plan_release("apply", wish, observed, context)
    if unmarked and found is None:
        raise Conflict(
            f"{name} on {context.target} was not made by deployer, and what it is cannot be told; it is left as it is",
            hint="deployer list --all",
        )
    before = whose if whose != context.owner else None
    adopts = _as_it_runs(found, wish, context, before) if unmarked and found else Adopts(whose=before)
    later = plan_release("apply", wish, _as_adopted(name, adopts, observed, context.owner), context)
    standing = {"generation": record.generation if record else None, "standing": record.standing if record else ""}
    if later.outlook is Outlook.REJECTED:
        return later.model_copy(update=standing)
    if later.steps and isinstance(later.steps[0], Destroy):
        raise Conflict(f"{name} is being deleted by its owner {whose!r}", hint=f"deployer status {name}")
    told = Change(
        sign=Sign.CHANGE, what="owner", before=before or "somebody else", after=context.owner, effect=Effect.IN_PLACE,
        note=f"{found.what} is taken over as it runs" if unmarked and found else "",
    )  # fmt: skip
    changed = {"adopts": adopts, "outlook": Outlook.CHANGES, "changes": (told, *later.changes)}
    return later.model_copy(update={**standing, **changed})


def remainder(plan: Plan, record: Record) -> Plan:
    """What is left of a plan when the endpoint is taken over.

    Args:
        plan: Of `plan_adoption`.
        record: As it was written last.
    """
    changes = plan.changes[1:]
    outlook = Outlook.CHANGES if changes or plan.steps else Outlook.UNCHANGED
    bound = {"generation": record.generation, "standing": record.standing}
    return plan.model_copy(update={**bound, "adopts": None, "changes": changes, "outlook": outlook})


def adopted_record(name: str, adopts: Adopts, observed: Observed, owner: str, entry: tuple[str, float]) -> Record:
    """The Record of an endpoint that is taken over; generation and claim are still those of before.

    Args:
        name: Of the endpoint.
        adopts: What is taken over.
        observed: What is there.
        owner: We.
        entry: By whom, and when, seconds since the epoch, for the history.
    """
    by, at = entry
    old, release = observed.record, adopts.release
    noted = HistoryEntry(revision="", model="", at=at, by=by, verb=ADOPT, result=Result.CHANGED)
    if release is None:
        live = observed.endpoint.traffic if observed.endpoint else Traffic()
        made = old or Record(endpoint=name, owner=owner, generation=0, created=at, spec={}, traffic=live)
        serving = made.traffic.served[0] if made.traffic else ""
        known = made.releases.get(serving)
        told: dict[str, JSON] = {
            "revision": serving,
            "model": known.model.resolved if known else "",
            "detail": f"taken over from the owner {adopts.whose}",
        }
        return _with(made.model_copy(update={"owner": owner}), noted.model_copy(update=told))
    made = Record(
        endpoint=name, owner=owner, generation=old.generation if old else 0, created=at, spec=adopts.spec,
        traffic=Traffic.all_to(release.revision), releases={release.revision: release},
        locks={release.lock: adopts.lock} if adopts.lock else {}, numbers=old.numbers if old else {},
        history=old.history if old else (),
    )  # fmt: skip
    told = {
        "revision": release.revision,
        "model": release.model.resolved,
        "result": Result.RELEASED,
        "detail": "adopted as it ran, made by somebody else",
    }
    return _with(made, noted.model_copy(update=told))


def _with(record: Record, entry: HistoryEntry) -> Record:
    """One more entry, unless whoever began this was killed half-way and has written it."""
    newest = record.history[0] if record.history else None
    if newest and (newest.verb, newest.revision, newest.detail) == (entry.verb, entry.revision, entry.detail):
        return record
    return record.with_history(entry)


def _as_adopted(name: str, adopts: Adopts, observed: Observed, owner: str) -> Observed:
    """What will be seen when it carries our marks."""
    record = adopted_record(name, adopts, observed, owner, ("", 0.0)).model_copy(update={"claim": None})
    endpoint, release = observed.endpoint, adopts.release
    if endpoint is not None and release is not None:
        endpoint = _marked(endpoint, release, adopts.spec, owner)
    elif endpoint is not None:
        endpoint = endpoint.model_copy(update={"owner": owner})
    return Observed(endpoint=endpoint, record=record, version=observed.version)


def _marked(endpoint: Endpoint, release: Release, spec: Mapping[str, JSON], owner: str) -> Endpoint:
    phase = endpoint.phase if endpoint.phase in (Phase.FAILED, Phase.DEGRADED) else Phase.HEALTHY
    replicas = spec.get("replicas", 1)
    count = replicas if isinstance(replicas, int) else int(replicas["min"])
    ready = count if phase is Phase.HEALTHY else 0
    runs = Revision(id=release.revision, phase=phase, wanted=count, ready=ready, detail=endpoint.detail)
    marks = {"managed": True, "owner": owner, "phase": phase, "detail": ""}
    return endpoint.model_copy(
        update={**marks, "revisions": (runs,), "traffic": Traffic.all_to(release.revision), "settings": {}}
    )


def _as_it_runs(found: Adoption, wish: Wish, context: Context, whose: str | None) -> Adopts:
    """What runs as a wish and a release: the wished one, if it differs in nothing that makes a revision."""
    runs, wished = _by_scope(_filled(found, wish), context), _by_scope(wish.spec, context)
    same = runs[Scope.REVISION] == wished[Scope.REVISION]
    spec = _joined(runs[Scope.REVISION], runs[Scope.ENDPOINT], wished[Scope.CLIENT])
    if same:
        release = wish.release.model_copy(update={"spec": spec, "image": found.image or wish.release.image})
        return Adopts(identity=found.identity, whose=whose, release=release, spec=spec, lock=wish.lock)
    full = digest({"adopted": found.identity, "runs": runs[Scope.REVISION]})
    elsewhere = ("model", "requirements", "secrets")
    release = Release(
        revision=revision_id(full), digest=full, model=_model_of(spec, found.image), lock="", runtime="",
        fields={k: v for k, v in runs[Scope.REVISION].items() if k not in elsewhere}, spec=spec, image=found.image,
    )  # fmt: skip
    return Adopts(identity=found.identity, whose=whose, release=release, spec=spec)


def _model_of(spec: Fields, image: ImageRef | None) -> ModelRef:
    """What runs; of a ready image that is the image."""
    if image is not None and "model" not in spec:
        use, digest = str(spec["image"]["use"]), image.id.removeprefix("sha256:")
        exact = use if "@" in use else f"{use.removeprefix('docker-daemon:')}@{image.reference}"
        return ModelRef(uri=use, resolved=exact, digest=digest, summary="a ready image")
    return ModelRef(uri=str(spec["model"]), resolved=str(spec["model"]), digest="")


_THE_TARGET_S = ("secrets", "auth")
"""Fields whose values must be the target's: what a person wishes there is new to what runs."""


def _filled(found: Adoption, wish: Wish) -> Fields:
    """What runs, with the person's word for what could not be told."""
    told: Fields = _joined(found.spec)
    model = wish.release.model
    if "model" in wish.spec and told.get("model") in (None, model.uri, model.resolved):
        told["model"] = wish.spec["model"]
    for path in found.untold:
        group, *rest = path.split(".")
        if group not in _THE_TARGET_S:
            _take(told, wish.spec, (group, *rest))
    return told


def _take(into: Fields, source: Mapping[str, JSON], path: tuple[str, ...]) -> None:
    name, *rest = path
    value = source.get(name)
    if value is None:
        return
    if not rest:
        into[name] = value
    elif isinstance(value, Mapping):
        inner = dict(into.get(name) or {})
        _take(inner, value, tuple(rest))
        if inner:
            into[name] = inner


def _by_scope(spec: Mapping[str, JSON], context: Context) -> dict[Scope, Fields]:
    """A wish in three parts."""
    parts: dict[Scope, Fields] = {each: {} for each in Scope}
    for name, value in spec.items():
        scope = scope_of(DeploymentSpec, name)
        if scope is not None or not isinstance(value, Mapping):
            parts[scope or Scope.REVISION][name] = value
            continue
        for key, inner in value.items():
            own = (context.scopes or {}).get(key) if name == "config" else scope_of(DeploymentSpec, f"{name}.{key}")
            parts[own or Scope.REVISION].setdefault(name, {})[key] = inner
    return parts


def _joined(*parts: Mapping[str, JSON]) -> Fields:
    """One wish of several parts, none of which has the other's fields."""
    result: Fields = {}
    for part in parts:
        for name, value in part.items():
            here = result.get(name)
            nested = isinstance(value, Mapping) and isinstance(here, Mapping | None) and name != "replicas"
            result[name] = {**(here or {}), **value} if nested else value
    return result
