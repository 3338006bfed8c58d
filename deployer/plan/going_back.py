"""Plans that go back: to an earlier revision, or out of a roll-out that is under way. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from deployer.endpoint import Observed, Phase, Record, Result, Rollout
from deployer.errors import Conflict, NotFound
from deployer.plan.planner import Context, plan_release, refuse_foreign
from deployer.plan.values import Change, Destroy, Plan, Retire, Sign, Step, Undo, Wish
from deployer.spec import DeploymentSpec, Scope, scope_of
from deployer.value import JSON

__all__ = ["plan_rollback"]


def plan_rollback(observed: Observed, context: Context, *, name: str, to: str | None = None) -> Plan:
    """Back to a revision that was released before, exactly: the same lock, runtime, secrets and options.

    Without ``to``: an unattended roll-out goes back to what was served before it, an unattended rollback goes on, and
    with neither it is the last released one.

    Raises:
        NotFound: No such endpoint, or no revision to go back to.
        Conflict: It is not ours; it is being deleted.
    """
    record, live = observed.record, observed.endpoint
    refuse_foreign(name, observed, context.owner)
    if observed.absent:
        raise NotFound(f"there is no endpoint {name} on {context.target}", hint="deployer list")
    if record is None:
        raise NotFound(
            f"the record of {name} is lost, and with it what could be gone back to",
            hint="deployer apply -f FILE writes it anew",
        )
    rollout = record.rollout
    if (rollout is not None and rollout.verb == "delete") or (live is not None and live.phase is Phase.STOPPING):
        raise Conflict(f"{name} is being deleted, and cannot be gone back to", hint=f"deployer delete {name}")
    known = rollout is not None and rollout.revision in record.releases
    if rollout is not None and known and rollout.verb == "rollback" and to in (None, rollout.revision):
        return _gone_on_with(record, rollout, observed, context)
    if rollout is not None and to is None and not rollout.moved:
        return _plan_undo(record, rollout, observed, context)
    if rollout is not None and to is None and rollout.before.spec is None:
        raise NotFound(
            f"{name} has no earlier revision to go back to: its {rollout.verb} holds after traffic moved",
            hint=f"deployer wait {name} goes on, deployer delete {name} removes it",
        )
    revision = to or _previous(record, rollout)
    release = record.releases.get(revision or "")
    if revision is None or release is None:
        kept = [each for each in record.releases if each not in record.traffic.served]
        raise NotFound(
            f"{name} keeps no revision {revision}" if revision else f"{name} has no earlier revision to go back to",
            hint=f"kept are: {', '.join(sorted(kept))}" if kept else f"deployer history {name}",
        )
    if rollout is not None and rollout.moved and rollout.before.spec and to is None:
        spec = rollout.before.spec
    else:
        spec = _with_revision_fields(record.spec, release.spec, context.scopes or {})
    wish = Wish(spec=spec, release=release, lock=record.locks.get(release.lock, ""))
    return plan_release("rollback", wish, observed, context)


def _gone_on_with(record: Record, rollout: Rollout, observed: Observed, context: Context) -> Plan:
    """A rollback that was interrupted: the same command again goes on, and not forth again."""
    release = record.releases[rollout.revision]
    wish = Wish(spec=record.spec, release=release, lock=record.locks.get(release.lock, ""))
    return plan_release("rollback", wish, observed, context)


def _plan_undo(record: Record, rollout: Rollout, observed: Observed, context: Context) -> Plan:
    stays, left = rollout.before.traffic.served, rollout.before.rollout
    undone = Change(sign=Sign.REMOVE, what="revision", before=rollout.revision, note=f"of the {rollout.verb} under way")
    if rollout.revision in stays:
        undone = Change(sign=Sign.NOTE, what="change", before=f"the {rollout.verb} under way", after="is taken back")
    unproven = (each for each in record.releases if not record.released(each))
    needed = {*stays, rollout.revision, *(left.before.traffic.served if left else ())}
    others = sorted({*observed.revisions, *unproven} - needed)
    gone = (Retire(revision=each, keep=record.released(each)) for each in others)
    steps: tuple[Step, ...] = (*gone, Undo(revision=rollout.revision))
    if rollout.before.spec is None:
        steps = (Destroy(),)
    return Plan(
        verb="rollback", endpoint=record.endpoint, target=context.target, owner=context.owner,
        generation=record.generation, standing=record.standing, before=rollout.before, changes=(undone,), steps=steps,
    )  # fmt: skip


def _previous(record: Record, rollout: Rollout | None) -> str | None:
    if rollout is not None:
        return rollout.before.traffic.served[0] if rollout.before.traffic else None
    served = set(record.traffic.served)
    for entry in record.history:
        if entry.result is Result.RELEASED and entry.revision not in served and entry.revision in record.releases:
            return entry.revision
    return None


def _with_revision_fields(
    current: Mapping[str, JSON], old: Mapping[str, JSON], scopes: Mapping[str, Scope]
) -> dict[str, JSON]:
    """The current wish with the old one's fields of revision scope."""

    def of_revision(path: str) -> bool:
        name = path.split(".", 1)
        if name[0] == "config" and len(name) > 1:
            return scopes.get(name[1], Scope.REVISION) is Scope.REVISION
        return scope_of(DeploymentSpec, path) is Scope.REVISION

    def merged(now: Mapping[str, JSON], then: Mapping[str, JSON], prefix: str) -> dict[str, JSON]:
        result: dict[str, JSON] = {}
        for key in (*then, *(k for k in now if k not in then)):
            path, a, b = f"{prefix}{key}", now.get(key), then.get(key)
            group = prefix == "" and key in ("config", "requirements", "image", "network")
            if group:
                value: JSON = merged(a or {}, b or {}, f"{path}.")
            else:
                value = b if of_revision(path) else a
            if value is not None and value != {}:
                result[key] = value
        return result

    return merged(current, old, "")
