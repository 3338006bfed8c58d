"""The pure planner: a wish and what was observed, and out comes what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from deployer.endpoint import Before, Observed, Phase, Record, Result, Traffic
from deployer.errors import Conflict, NotFound
from deployer.plan.changes import creation, differences
from deployer.plan.values import (
    Change,
    Configure,
    Deliver,
    Destroy,
    Effect,
    Outlook,
    Plan,
    Retire,
    Route,
    Sign,
    Stage,
    Step,
    Undo,
    Verify,
    Wish,
)
from deployer.spec import DeploymentSpec, Scope
from deployer.value import JSON

__all__ = ["Context", "kept_revisions", "plan_delete", "plan_release", "plan_resume", "refuse_foreign"]

HISTORY_LIMIT = 5


@dataclass(frozen=True)
class Context:
    """What the planner must know beside the wish and the observation.

    Attributes:
        target: The target's name.
        owner: Our owner word.
        scopes: Scope of each of the target's ``config`` fields.
        retry: Whether a rejected revision is tried again.
    """

    target: str
    owner: str = "default"
    scopes: Mapping[str, Scope] | None = None
    retry: bool = False


@dataclass(frozen=True)
class _Base:
    """What a change starts from, an interrupted roll-out taken into account."""

    spec: dict[str, JSON] | None
    traffic: Traffic
    undo: str | None = None
    continues: bool = False
    moved: bool = False
    destroy: bool = False

    @property
    def served(self) -> str | None:
        return self.traffic.served[0] if self.traffic else None


def plan_release(verb: str, wish: Wish, observed: Observed, context: Context) -> Plan:
    """What ``create``, ``update``, ``apply`` or ``rollback`` of a wish does.

    Raises:
        NotFound: ``update`` of what is not there.
        Conflict: ``create`` of what is there and is something else; it is not ours; a detached roll-out is under way.
    """
    name = str(wish.spec["name"])
    refuse_foreign(name, observed, context.owner)
    base = _base(name, wish, observed)
    if verb == "update" and base.spec is None and not base.continues:
        raise NotFound(
            f"there is no endpoint {name} on {context.target}",
            hint=f"deployer create {name} --model {wish.spec['model']}",
        )
    plan = Plan(
        verb=verb,
        endpoint=name,
        target=context.target,
        owner=context.owner,
        generation=observed.record.generation if observed.record else None,
        wish=wish,
        before=Before(spec=base.spec, traffic=base.traffic),
        continues=base.continues,
        moved=base.moved,
        warnings=() if wish.verifiable else (_UNVERIFIED,),
    )
    rejected = observed.record.rejected(wish.release.revision) if observed.record else None
    if verb == "apply" and rejected and not context.retry and base.served != wish.release.revision:
        return plan.model_copy(
            update={
                "outlook": Outlook.REJECTED,
                "exit_code": rejected.exit_code,
                "warnings": (_rejection(rejected.detail),),
            }
        )
    same = base.served == wish.release.revision
    changes = tuple(_changes(base, wish, observed, context, same=same))
    steps = tuple(
        _same_revision(base, wish, observed, changes) if same else _new_revision(base, wish, observed, changes)
    )
    if base.undo:
        steps = (Undo(revision=base.undo), *steps)
    if base.destroy:
        steps = (Destroy(), *steps)
    if verb == "create" and not base.continues and base.spec is not None:
        _refuse_other(name, changes, same=same)
    if not steps and not changes:
        return plan.model_copy(update={"outlook": Outlook.UNCHANGED})
    return plan.model_copy(update={"changes": changes, "steps": steps})


_UNVERIFIED = "the model carries no example and no health.request is given: it will be loaded, unverified"


def _rejection(detail: str) -> str:
    return f"this revision was rejected before ({detail}); --retry tries it again"


def refuse_foreign(name: str, observed: Observed, owner: str) -> None:
    """Raise `Conflict` for what is not ours, or another owner's."""
    endpoint, record = observed.endpoint, observed.record
    if endpoint is not None and not endpoint.managed and record is None:
        raise Conflict(
            f"there is a {name} on {endpoint.target} that deployer did not make; it is left as it is",
            hint="deployer list --all",
        )
    whose = record.owner if record else endpoint.owner if endpoint else None
    if whose is not None and whose != owner:
        raise Conflict(
            f"{name} belongs to the owner {whose!r}, and you are {owner!r}",
            hint=f"deployer status {name} --owner {whose}",
        )


def _refuse_other(name: str, changes: tuple[Change, ...], *, same: bool) -> None:
    different = [c.what for c in changes if c.effect in (Effect.NEW_REVISION, Effect.IN_PLACE, Effect.DOWNTIME)]
    if not same or different:
        raise Conflict(
            f"{name} is there already, and not as asked here"
            + (f" ({', '.join(dict.fromkeys(different))} differ)" if different else ""),
            hint=f"deployer update {name} ... changes it; deployer plan {name} ... --as update shows how",
        )


def _base(name: str, wish: Wish, observed: Observed) -> _Base:
    record, live = observed.record, observed.endpoint
    if record is None:
        if live is None:
            return _Base(None, Traffic())
        return _Base({}, live.traffic)  # the Record was lost: what runs counts
    rollout = record.rollout
    if rollout is None:
        if live is not None and live.phase is Phase.STOPPING:
            return _Base(None, Traffic(), destroy=True)
        return _Base(record.spec, record.traffic)
    if rollout.verb == "delete":
        return _Base(None, Traffic(), destroy=True)
    same = rollout.revision == wish.release.revision and record.spec == wish.spec
    if rollout.moved:
        before = rollout.before if same else Before(spec=record.spec, traffic=record.traffic)
        return _Base(before.spec, before.traffic, continues=same, moved=same)
    if same:
        return _Base(rollout.before.spec, rollout.before.traffic, continues=True)
    if rollout.detached:
        raise Conflict(
            f"the {rollout.verb} of {name} to {rollout.revision} is under way, and nobody waits for it",
            hint=f"deployer wait {name}, or deployer rollback {name}",
        )
    return _Base(rollout.before.spec, rollout.before.traffic, undo=rollout.revision)


def _changes(base: _Base, wish: Wish, observed: Observed, context: Context, *, same: bool) -> Iterator[Change]:
    record = observed.record
    if base.spec is None:
        yield from creation(wish, observed.endpoint)
        return
    before = record.releases.get(base.served or "") if record else None
    old_lock = record.locks.get(before.lock, "") if record and before else ""
    yield from differences(base.spec, before, wish, old_lock, context.scopes or {})
    if not same:
        yield _traffic_change(base, wish)
        if DeploymentSpec(**wish.spec).rollout.strategy == "recreate" and base.traffic:
            yield Change(
                sign=Sign.CHANGE, what="downtime", effect=Effect.DOWNTIME,
                after="the old revision stops before the new one starts (rollout.strategy: recreate)",
            )  # fmt: skip
    elif drift := _drift(wish, observed, base):
        yield Change(sign=Sign.CHANGE, what="state", after=drift, effect=Effect.REPAIR)


def _traffic_change(base: _Base, wish: Wish) -> Change:
    spec = DeploymentSpec(**wish.spec)
    healthy = f"after {spec.health.consecutive} of {spec.health.consecutive} healthy answers"
    stops = f"; {base.served} stops last" if base.served else ""
    return Change(
        sign=Sign.NOTE, what="traffic", before=", ".join(f"{r} {p} %" for r, p in base.traffic.items()) or None,
        after=f"{wish.release.revision} 100 %, {healthy}{stops}",
    )  # fmt: skip


def _drift(wish: Wish, observed: Observed, base: _Base) -> str:
    """Why what is there is not what was wished, or nothing."""
    live = observed.endpoint
    if live is None:
        return "nothing of it runs"
    revision = live.find(wish.release.revision)
    if revision is None:
        return f"{wish.release.revision} does not run"
    if not live.traffic.same_as(base.traffic):
        return f"traffic is {live.traffic}"
    if live.phase is not Phase.HEALTHY:
        return live.detail or revision.detail or f"is {live.phase}"
    others = [each.id for each in live.revisions if each.id != revision.id and each.phase is not Phase.STOPPING]
    if others:
        return f"{', '.join(others)} should not run"
    return next(_moved_settings(wish.spec, base.spec or {}, live.settings), "")


def _moved_settings(
    wish: Mapping[str, JSON], recorded: Mapping[str, JSON], settings: Mapping[str, JSON]
) -> Iterator[str]:
    """Endpoint-scope fields that were wished and recorded, and are something else on the target."""
    for path, found in settings.items():
        value, before = _at(wish, path), _at(recorded, path)
        if value is not None and value == before and value != found:
            yield f"{path} is {found}"


def _at(wish: Mapping[str, JSON], path: str) -> JSON:
    found: JSON = wish
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _same_revision(base: _Base, wish: Wish, observed: Observed, changes: tuple[Change, ...]) -> Iterator[Step]:
    """The endpoint stays on its revision: fields in place, the count, and repairs."""
    revision = wish.release.revision
    live, running = observed.endpoint, observed.revisions.get(revision)
    repair = any(change.effect is Effect.REPAIR for change in changes)
    fields = {change.what.split(".")[0] for change in changes if change.effect is Effect.IN_PLACE}
    if running is None:
        yield Deliver(revision=revision)
    if fields - {"replicas"} or repair:
        yield Configure()
    if "replicas" in fields or repair:
        yield Stage(revision=revision)
        yield Verify(revision=revision, answers=repair)
    wanted = Traffic.all_to(revision)
    if live is None or not live.traffic.same_as(wanted) or base.continues:
        yield Route(traffic=wanted)
    yield from _retirements(wish, observed)


def _new_revision(base: _Base, wish: Wish, observed: Observed, changes: tuple[Change, ...]) -> Iterator[Step]:
    """Start new, verify, move traffic, retire old; with ``recreate`` the old goes first."""
    revision = wish.release.revision
    yield Deliver(revision=revision)
    if base.spec is None:
        yield Configure()
    recreate = base.traffic and DeploymentSpec(**wish.spec).rollout.strategy == "recreate"
    if recreate:
        yield Route(traffic=Traffic())
        yield from (Retire(revision=old, keep=True) for old in base.traffic.served)
    yield Stage(revision=revision)
    yield Verify(revision=revision)
    if base.spec is not None and (any(c.effect is Effect.IN_PLACE for c in changes) or base.spec == {}):
        yield Configure()
    yield Route(traffic=Traffic.all_to(revision))
    yield from _retirements(wish, observed)


def _retirements(wish: Wish, observed: Observed) -> Iterator[Step]:
    """Every revision of ours that is not wished, nor kept for rollback."""
    revision, record = wish.release.revision, observed.record
    kept = kept_revisions(record, wish) if record else set(observed.revisions)
    undone = record.rollout.revision if record and record.rollout and not record.rollout.moved else None
    running = [each for each in observed.revisions if each not in (revision, undone)]
    stored = [each for each in (record.releases if record else ()) if each not in (revision, undone, *running)]
    yield from (Retire(revision=each, keep=each in kept) for each in sorted(running))
    yield from (Retire(revision=each, keep=False) for each in sorted(stored) if each not in kept)


def kept_revisions(record: Record, wish: Wish) -> set[str]:
    """The last released revisions, as many as ``history_limit`` says, beside the wished one."""
    limit = int(wish.spec.get("history_limit", HISTORY_LIMIT))
    released = [e.revision for e in record.history if e.result is Result.RELEASED and e.revision in record.releases]
    served = [each for each in record.traffic.served if each in record.releases]
    others = [each for each in dict.fromkeys([*served, *released]) if each != wish.release.revision]
    return set(others[:limit])


def plan_resume(observed: Observed, context: Context, *, name: str) -> Plan | None:
    """What ``wait`` goes on with: the roll-out that is under way, or None when there is none.

    Raises:
        NotFound: There is no such endpoint.
    """
    record = observed.record
    refuse_foreign(name, observed, context.owner)
    if observed.absent:
        raise NotFound(f"there is no endpoint {name} on {context.target}", hint="deployer list")
    if record is None or record.rollout is None:
        return None
    if record.rollout.verb == "delete":
        return plan_delete(observed, context, name=name)
    release = record.releases[record.rollout.revision]
    wish = Wish(spec=record.spec, release=release, lock=record.locks.get(release.lock, ""))
    return plan_release(record.rollout.verb, wish, observed, context)


def plan_delete(observed: Observed, context: Context, *, name: str) -> Plan:
    """Remove everything of an endpoint, whatever state it is in.

    Raises:
        NotFound: There is nothing of that name.
        Conflict: It is not ours.
    """
    refuse_foreign(name, observed, context.owner)
    if observed.absent:
        raise NotFound(f"there is no endpoint {name} on {context.target}", hint="deployer list")
    record, live = observed.record, observed.endpoint
    changes = [
        Change(
            sign=Sign.REMOVE,
            what="endpoint",
            before=name,
            effect=Effect.DOWNTIME,
            note=(live.url if live and live.url else ""),
        )
    ]
    for each in {**observed.revisions, **(record.releases if record else {})}:
        model = record.releases[each].model.resolved if record and each in record.releases else ""
        changes.append(Change(sign=Sign.REMOVE, what="revision", before=each, note=model))
    return Plan(
        verb="delete", endpoint=name, target=context.target, owner=context.owner,
        generation=record.generation if record else None,
        before=Before(spec=record.spec if record else None, traffic=record.traffic if record else Traffic()),
        continues=bool(record and record.rollout and record.rollout.verb == "delete"),
        changes=tuple(changes), steps=(Destroy(),),
    )  # fmt: skip
