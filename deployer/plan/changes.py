"""What differs between two wishes, in words that a person reads. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from deployer.endpoint import Endpoint, Release, Traffic
from deployer.plan.values import Change, Effect, Sign, Wish
from deployer.spec import DeploymentSpec, Scope, changed_fields, scope_of
from deployer.value import JSON

__all__ = ["creation", "differences", "files_note", "locked_versions", "requirements_changes"]


def creation(wish: Wish, endpoint: Endpoint | None) -> Iterator[Change]:
    """Of an endpoint that is not there yet."""
    spec, release = wish.spec, wish.release
    url = endpoint.url if endpoint and endpoint.url else None
    yield Change(sign=Sign.ADD, what="endpoint", after=str(spec["name"]), note=url or "")
    yield Change(sign=Sign.ADD, what="revision", after=release.revision, note=release.model.summary)
    yield Change(sign=Sign.ADD, what="traffic", after=str(Traffic.all_to(release.revision)))


def differences(
    before_spec: Mapping[str, JSON], before: Release | None, wish: Wish, old_lock: str, scopes: Mapping[str, Scope]
) -> Iterator[Change]:
    """Between the recorded wish and the new one, the model and its requirements first.

    Args:
        before_spec: The recorded spec.
        before: The release that is served, None when none is.
        wish: The new wish.
        old_lock: The lock's text of ``before``.
        scopes: The scope of each ``config`` field, by its name.
    """
    same = before is not None and before.revision == wish.release.revision
    if before is not None:
        yield from _model_change(before_spec, before, wish)
        yield from requirements_changes(old_lock, wish.lock)
    for path, old, new in changed_fields(before_spec, wish.spec):
        if path in ("model", "name", "target"):
            continue
        effect = _effect(path, scopes)
        if same and effect is Effect.NEW_REVISION:  # said in other words, or of no consequence here
            effect = Effect.RECORD
        yield Change(sign=Sign.CHANGE, what=path, before=_words(path, old), after=_words(path, new), effect=effect)
    if before is not None and before.runtime and before.runtime != wish.release.runtime:  # none: it was adopted
        yield Change(sign=Sign.CHANGE, what="runtime", before=before.runtime[:12], after=wish.release.runtime[:12])
    if before is not None:
        yield from _secret_changes(before, wish.release)


def _model_change(before_spec: Mapping[str, JSON], before: Release, wish: Wish) -> Iterator[Change]:
    old, new = before.model, wish.release.model
    if old.digest == new.digest:
        was, now = (
            (old.resolved, _named(wish)) if old.resolved != new.resolved else (_uri(before_spec), _uri(wish.spec))
        )
        if was != now:
            yield Change(
                sign=Sign.CHANGE, what="model", before=was, after=now, note="the same files", effect=Effect.RECORD
            )
        return
    yield Change(
        sign=Sign.CHANGE, what="model", before=old.resolved, after=_named(wish), note=files_note(old.files, new.files)
    )


def _uri(spec: Mapping[str, JSON]) -> str:
    return str(spec.get("model", ""))


def _named(wish: Wish) -> str:
    resolved = wish.release.model.resolved
    return f"{resolved} ({wish.alias})" if wish.alias else resolved


def files_note(old: Mapping[str, str] | None, new: Mapping[str, str] | None) -> str:
    """``12 of 17 files differ, 48 KB``, or nothing when the files were too many to keep."""
    if old is None or new is None:
        return ""
    names = {*old, *new}
    differing = [name for name in names if old.get(name) != new.get(name)]
    size = sum(int((new.get(name) or "0:").split(":")[0]) for name in differing)
    return f"{len(differing)} of {len(names)} files differ, {_size(size)}"


def _size(size: int) -> str:
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("KB", 10**3)):
        if size >= factor:
            return f"{size / factor:.0f} {unit}" if size >= 10 * factor else f"{size / factor:.1f} {unit}"
    return f"{size} bytes"


def locked_versions(lock: str) -> dict[str, str]:
    """Name -> version of a lock's text (``name==version --hash=...`` lines)."""
    lines = (line.split(" ", 1)[0] for line in lock.splitlines() if "==" in line and not line.startswith("#"))
    return dict(line.split("==", 1) for line in lines)


_SHOWN = 4


def requirements_changes(old_lock: str, new_lock: str) -> Iterator[Change]:
    """One line for all packages that differ; the first few are named."""
    old, new = locked_versions(old_lock), locked_versions(new_lock)
    if not old or old == new:
        return
    moved = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
    told = [
        f"{name} {old[name]} -> {new[name]}" if name in old and name in new else f"{'+' if name in new else '-'} {name}"
        for name in moved
    ]
    more = f" and {len(told) - _SHOWN} more" if len(told) > _SHOWN else ""
    yield Change(sign=Sign.CHANGE, what="requirements", after=", ".join(told[:_SHOWN]) + more)


def _secret_changes(before: Release, after: Release) -> Iterator[Change]:
    old, new = before.fields.get("secrets") or {}, after.fields.get("secrets") or {}
    for name in sorted({*old, *new}):
        if name in old and name in new and old[name] != new[name]:
            yield Change(sign=Sign.CHANGE, what=f"secrets.{name}", after="another value")


def _effect(path: str, scopes: Mapping[str, Scope]) -> Effect:
    name = path.split(".", 1)
    scope = scopes.get(name[1].split(".")[0]) if name[0] == "config" and len(name) > 1 else None
    scope = scope or scope_of(DeploymentSpec, path) or Scope.REVISION
    return {Scope.REVISION: Effect.NEW_REVISION, Scope.ENDPOINT: Effect.IN_PLACE, Scope.CLIENT: Effect.RECORD}[scope]


def _words(path: str, value: JSON) -> str | None:
    if value is None:
        return _default(path)
    if isinstance(value, dict) and set(value) >= {"min", "max"}:
        return f"{value['min']} to {value['max']}"
    if isinstance(value, list):
        return ", ".join(map(_word, value)) or "none"
    return _word(value)


def _word(value: JSON) -> str:
    """One value as it is said: a reference to a secret by its name alone."""
    if isinstance(value, dict) and len(value) == 1 and set(value) <= {"env", "ref"}:
        return str(next(iter(value.values())))
    return str(value)


def _default(path: str) -> str | None:
    current: object = DeploymentSpec.model_construct(name="", model="")
    for name in path.split("."):
        current = getattr(current, name, None)
    return str(current) if isinstance(current, str | int | float) else None
