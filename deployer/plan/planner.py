"""The pure planner: a wish and what was observed, and out comes what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

from deployer.endpoint import Before, Endpoint, HistoryEntry, Observed, Phase, Record, Rollout, Traffic
from deployer.errors import Conflict, NotFound
from deployer.plan.changes import creation, differences
from deployer.plan.drift import drift
from deployer.plan.keeping import retirements
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

__all__ = ["Context", "plan_delete", "plan_release", "plan_resume", "refuse_foreign"]


@dataclass(frozen=True)
class Context:
    """What the planner must know beside the wish and the observation.

    Attributes:
        target: The target's name.
        owner: Our owner word.
        scopes: Scope of each of the target's ``config`` fields.
        interrupts: Endpoint-scope fields whose change stops the endpoint for a moment, by the target's own account.
        carried: Endpoint-scope fields that a revision's replicas carry, the same way.
        asks_last: Whether a spec's revision can be asked only once it has traffic.
        foretell: What a spec's new revision takes at the target, from what is there now; each as (one word, sentence).
        retry: Whether a rejected revision is tried again.
    """

    target: str
    owner: str = "default"
    scopes: Mapping[str, Scope] | None = None
    interrupts: frozenset[str] = frozenset()
    carried: frozenset[str] = frozenset()
    asks_last: Callable[[DeploymentSpec], bool] = lambda _spec: False
    foretell: Callable[[DeploymentSpec, Endpoint | None], Iterable[tuple[str, str]]] = lambda _spec, _endpoint: ()
    retry: bool = False


@dataclass(frozen=True)
class _Base:
    """What a change starts from, an interrupted roll-out taken into account.

    ``spec`` is None where there is no endpoint, and empty where its Record was lost; ``unsettled``: a roll-out stopped
    half-way, and its fields in place may not have been set yet; ``left``: it is to be gone back to as it holds;
    ``restages``: what serves carries fields that change in place.
    """

    spec: dict[str, JSON] | None
    traffic: Traffic
    undo: str | None = None
    continues: bool = False
    moved: bool = False
    unsettled: bool = False
    left: Rollout | None = None
    destroy: bool = False
    restages: bool = False

    @property
    def served(self) -> str | None:
        return self.traffic.served[0] if self.traffic else None

    @property
    def lost(self) -> bool:
        return self.spec == {}

    @property
    def undone(self) -> str | None:
        """What an `Undo` takes away whole; of a change in place the revision stays."""
        return self.undo if self.undo not in self.traffic.served else None


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
        raise _nothing_to_update(name, wish, observed, context)
    plan = Plan(
        verb=verb,
        endpoint=name,
        target=context.target,
        owner=context.owner,
        generation=observed.record.generation if observed.record else None,
        standing=observed.record.standing if observed.record else "",
        wish=wish,
        before=Before(spec=base.spec, traffic=base.traffic, rollout=base.left),
        continues=base.continues,
        moved=base.moved,
        warnings=() if wish.verifiable else (_UNVERIFIED,),
    )
    same = base.served == wish.release.revision
    rejected = observed.record.rejected(wish.release.revision) if observed.record else None
    if verb == "apply" and rejected and not (context.retry or base.continues or same):
        return _left_alone(plan, rejected)
    changes = tuple(_changes(base, wish, observed, context, same=same))
    carried = bool(_among(changes, context.carried)) or (base.unsettled and bool(context.carried))
    base = replace(base, restages=carried)
    last = context.asks_last(DeploymentSpec(**wish.spec))
    make = _same_revision if same else partial(_new_revision, asks_last=last)
    steps = (*_first(base), *make(base, wish, observed, changes))
    if verb == "create" and not base.continues and base.spec is not None:
        _refuse_other(name, () if base.lost else changes, same=same)
    if not steps and not changes:
        return plan.model_copy(update={"outlook": Outlook.UNCHANGED})
    return plan.model_copy(update={"changes": changes, "steps": steps})


_UNVERIFIED = "the model carries no example and no health.request is given: it will be loaded, unverified"


def _nothing_to_update(name: str, wish: Wish, observed: Observed, context: Context) -> NotFound:
    words = f"there is no endpoint {name} on {context.target}"
    if observed.record is not None and observed.record.rollout is not None:
        words += f"; a {observed.record.rollout.verb} of it was interrupted"
    return NotFound(words, hint=f"deployer create {name} --model {wish.spec['model']}")


def _left_alone(plan: Plan, rejected: HistoryEntry) -> Plan:
    warning = f"this revision was rejected before ({rejected.detail}); --retry tries it again"
    return plan.model_copy(
        update={"outlook": Outlook.REJECTED, "exit_code": rejected.exit_code, "warnings": (warning,)}
    )


def _first(base: _Base) -> Iterator[Step]:
    """What an earlier command left, and has to go before anything begins."""
    if base.destroy:
        yield Destroy()
    if base.undo:
        yield Undo(revision=base.undo)


def refuse_foreign(name: str, observed: Observed, owner: str, *, removing: bool = False) -> None:
    """Raise `Conflict` for what is not ours, or another owner's.

    Args:
        name: The endpoint.
        observed: What is there.
        owner: We.
        removing: Only what is ours is removed, so a Record of ours beside a foreign thing is no hindrance.
    """
    endpoint, record = observed.endpoint, observed.record
    if endpoint is not None and not endpoint.managed and not (removing and record is not None):
        raise Conflict(
            f"there is a {name} on {endpoint.target} that deployer did not make; it is left as it is",
            hint=f"deployer import {name} shows whether it can be taken over",
        )
    whose = record.owner if record else endpoint.owner if endpoint else None
    if whose is not None and whose != owner:
        raise Conflict(
            f"{name} belongs to the owner {whose!r}, and you are {owner!r}",
            hint=f"deployer status {name} --owner {whose}",
        )


def _refuse_other(name: str, changes: tuple[Change, ...], *, same: bool) -> None:
    different = [
        each.what
        for each in changes
        if each.sign is not Sign.NOTE and each.effect in (Effect.NEW_REVISION, Effect.IN_PLACE, Effect.DOWNTIME)
    ]
    if not same or different:
        raise Conflict(
            f"{name} is there already, and not as asked here"
            + (f" ({', '.join(dict.fromkeys(different))} differ)" if different else ""),
            hint=f"deployer update {name} ... changes it; deployer plan {name} ... --as update shows how",
        )


def _base(name: str, wish: Wish, observed: Observed) -> _Base:
    record, live = observed.record, observed.endpoint
    if observed.absent:
        return _Base(None, Traffic())
    rollout = record.rollout if record else None
    if (rollout and rollout.verb == "delete") or (live and live.phase is Phase.STOPPING):
        return _Base(None, Traffic(), destroy=True)
    if record is None and live is not None and not live.revisions:
        return _Base(None, Traffic())  # a first command that was ended before its Record was there, or a last one
    if record is None or (rollout is None and not record.spec):
        return _Base({}, live.traffic if live else Traffic())  # the Record was lost: what runs counts
    if rollout is None:
        return _Base(record.spec, record.traffic)
    same = rollout.revision == wish.release.revision and record.spec == wish.spec
    return _amid(name, record, rollout, same=same)


def _amid(name: str, record: Record, rollout: Rollout, *, same: bool) -> _Base:
    """In the midst of a roll-out: go on with it, take it back, or start from where it holds."""
    before, left = rollout.before, rollout.before.rollout
    if rollout.moved and (same or not record.traffic):  # without traffic: ``recreate`` stopped what served
        return _Base(before.spec, before.traffic, continues=same, moved=True, unsettled=True, left=left)
    if rollout.moved:
        left = rollout.model_copy(update={"before": before.model_copy(update={"rollout": None})})
        return _Base(record.spec, record.traffic, unsettled=True, left=left)
    if same:
        return _Base(before.spec, before.traffic, continues=True, unsettled=left is not None, left=left)
    if rollout.detached:
        raise Conflict(
            f"the {rollout.verb} of {name} to {rollout.revision} is under way, and nobody waits for it",
            hint=f"deployer wait {name}, or deployer rollback {name}",
        )
    return _Base(before.spec, before.traffic, undo=rollout.revision, unsettled=left is not None, left=left)


def _changes(base: _Base, wish: Wish, observed: Observed, context: Context, *, same: bool) -> Iterator[Change]:
    record = observed.record
    if base.spec is None:
        yield from creation(wish, observed.endpoint)
        yield from _foretold(wish, observed, context)
        return
    if base.lost:
        yield Change(sign=Sign.CHANGE, what="record", after="was lost, and is written anew", effect=Effect.REPAIR)
    else:
        before = record.releases.get(base.served or "") if record else None
        old_lock = record.locks.get(before.lock, "") if record and before else ""
        found = [*differences(base.spec, before, wish, old_lock, context.scopes or {})]
        yield from found
        if wish.other_keys and not any(each.what.startswith("auth.") for each in found):
            yield Change(sign=Sign.CHANGE, what="auth.api_keys", after="another value", effect=Effect.IN_PLACE)
        if base.traffic:
            yield from _interruptions(found, context.interrupts)
    if not same:
        yield _traffic_change(base, wish, asks_last=context.asks_last(DeploymentSpec(**wish.spec)))
        yield from _foretold(wish, observed, context)
        if base.traffic and _recreates(wish):
            yield Change(
                sign=Sign.CHANGE, what="downtime", effect=Effect.DOWNTIME,
                after="the old revision stops before the new one starts (rollout.strategy: recreate)",
            )  # fmt: skip
    elif moved := drift(wish, observed, base.spec, base.traffic, undone=base.undone):
        yield Change(sign=Sign.CHANGE, what="state", after=moved, effect=Effect.REPAIR)


def _interruptions(changes: Iterable[Change], interrupts: frozenset[str]) -> Iterator[Change]:
    """That the endpoint stops for a moment, when what holds its address is to be replaced."""
    telling = _among(changes, interrupts)
    if telling:
        yield Change(
            sign=Sign.CHANGE, what="downtime", effect=Effect.DOWNTIME,
            after=f"what holds its address is replaced ({', '.join(telling)}): a few seconds",
        )  # fmt: skip


def _among(changes: Iterable[Change], fields: frozenset[str]) -> list[str]:
    """What changes in place of these dotted fields, or below them."""
    named = [each.what for each in changes if each.effect is Effect.IN_PLACE]
    return [each for each in named if any(f"{each}.".startswith(f"{field}.") for field in fields)]


def _recreates(wish: Wish) -> bool:
    return DeploymentSpec(**wish.spec).rollout.strategy == "recreate"


def _foretold(wish: Wish, observed: Observed, context: Context) -> Iterator[Change]:
    for word, sentence in context.foretell(DeploymentSpec(**wish.spec), observed.endpoint):
        yield Change(sign=Sign.NOTE, what=word, after=sentence)


def _traffic_change(base: _Base, wish: Wish, *, asks_last: bool) -> Change:
    spec = DeploymentSpec(**wish.spec)
    count = f"{spec.health.consecutive} of {spec.health.consecutive}"
    healthy = f"and asked then for {count} healthy answers" if asks_last else f"after {count} healthy answers"
    stops = f"; {base.served} stops {'first' if _recreates(wish) else 'last'}" if base.served else ""
    return Change(
        sign=Sign.NOTE, what="traffic", before=", ".join(f"{r} {p} %" for r, p in base.traffic.items()) or None,
        after=f"{wish.release.revision} 100 %, {healthy}{stops}",
    )  # fmt: skip


def _same_revision(base: _Base, wish: Wish, observed: Observed, changes: tuple[Change, ...]) -> Iterator[Step]:
    """The endpoint stays on its revision: fields in place, the count, and repairs."""
    revision = wish.release.revision
    live, running = observed.endpoint, observed.revisions.get(revision)
    repair = any(change.effect is Effect.REPAIR for change in changes)
    fields = {change.what.split(".")[0] for change in changes if change.effect is Effect.IN_PLACE}
    if running is None:
        yield Deliver(revision=revision)
    if fields - {"replicas"} or repair or base.unsettled:
        yield Configure()
    if "replicas" in fields or repair or base.restages:
        yield Stage(revision=revision)
        yield Verify(revision=revision, answers=repair)
    wanted = Traffic.all_to(revision)
    if live is None or not live.traffic.same_as(wanted) or base.continues or base.moved:
        yield Route(traffic=wanted)
    yield from retirements(wish, observed, undone=base.undone)


def _new_revision(
    base: _Base, wish: Wish, observed: Observed, changes: tuple[Change, ...], *, asks_last: bool
) -> Iterator[Step]:
    """Start new, verify, move traffic, retire old; with ``recreate`` the old goes first."""
    revision, live = wish.release.revision, observed.endpoint
    yield Deliver(revision=revision)
    if base.spec is None:
        yield Configure()
    if base.traffic and _recreates(wish):
        if live is None or not live.traffic.share(revision):
            yield Route(traffic=Traffic())
        yield from (Retire(revision=old, keep=True) for old in base.traffic.served)
    yield Stage(revision=revision)
    if not asks_last:
        yield Verify(revision=revision)
    in_place = any(change.effect is Effect.IN_PLACE for change in changes)
    if base.spec is not None and (in_place or base.lost or base.unsettled):
        yield Configure()
    yield Route(traffic=Traffic.all_to(revision))
    if asks_last:
        yield Verify(revision=revision)
    yield from retirements(wish, observed, undone=base.undone)


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
        return plan_delete(observed, context, name=name).model_copy(update={"resumed": True})
    release = record.releases.get(record.rollout.revision)
    if release is None:
        raise NotFound(
            f"the record of {name} does not tell what {record.rollout.revision} is", hint=f"deployer rollback {name}"
        )
    wish = Wish(spec=record.spec, release=release, lock=record.locks.get(release.lock, ""))
    return plan_release(record.rollout.verb, wish, observed, context).model_copy(update={"resumed": True})


def plan_delete(observed: Observed, context: Context, *, name: str) -> Plan:
    """Remove everything of an endpoint, whatever state it is in.

    Raises:
        NotFound: There is nothing of that name.
        Conflict: It is not ours.
    """
    refuse_foreign(name, observed, context.owner, removing=True)
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
        generation=record.generation if record else None, standing=record.standing if record else "",
        before=Before(spec=record.spec if record else None, traffic=record.traffic if record else Traffic()),
        continues=bool(record and record.rollout and record.rollout.verb == "delete"),
        changes=tuple(changes), steps=(Destroy(),),
    )  # fmt: skip
