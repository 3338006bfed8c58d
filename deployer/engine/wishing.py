"""From a spec to a wish: every alias, path and requirement resolved once, to versions and digests.

What the Record knows already is not found out again: a registry version's digest, the lock while the requirements are
the same, the runtime while nothing else of the revision changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deployer.endpoint import ModelRef, Observed, Release, revision_id
from deployer.engine.fetching import fetched, model_digest
from deployer.engine.question import ensure_readable
from deployer.engine.runtime import RUNTIME_NEEDS, runtime_version
from deployer.engine.secrets import secret_numbers
from deployer.engine.sources import cache_folder, package_sources
from deployer.plan.changes import locked_versions
from deployer.plan.values import Wish
from deployer.spec import DeploymentSpec, Scope, validated
from deployer.spec.fields import scope_of
from deployer.target import Target, TargetKind
from deployer.value import JSON, digest

if TYPE_CHECKING:
    from deployer.model import PackagedModel, ResolvedModel

__all__ = ["Wishing", "laid_over", "wish_for"]

_FILES_KEPT = 200
"""Of a model with more files the Record keeps no listing."""


@dataclass(frozen=True)
class Wishing:
    """How a wish is made.

    Attributes:
        target: Asked whether secrets are the stored ones.
        kind: Its kind.
        environ: The client's environment.
        upgrade: Resolve the environment anew.
        verify: Hash the model's files although its version is the recorded one.
    """

    target: Target
    kind: TargetKind
    environ: Mapping[str, str]
    upgrade: bool = False
    verify: bool = False


def wish_for(spec: DeploymentSpec, observed: Observed, wishing: Wishing) -> Wish:
    """The wish that a spec means now.

    Raises:
        SpecError: The model is not one; a requirement is not usable; a secret is not set.
        NotFound: There is no such model.
        BuildError: No environment fits its requirements.
        TargetUnavailable: The model's server or the package index cannot be reached.
    """
    from deployer.model import read_metadata, resolve

    resolved = resolve(spec.model)
    if resolved.folder is not None:
        spec = spec.model_copy(update={"model": resolved.resolved})
    spec = _plainly(spec, wishing.kind)
    ensure_readable(spec)
    described = read_metadata(resolved)
    asked = _asked(spec, described)
    fields = _fields(spec, wishing.kind)
    secrets = secret_numbers(spec, observed, wishing.target, wishing.environ)
    if secrets:
        fields["secrets"] = secrets
    known = None if wishing.verify else _known(resolved, observed)
    cache = cache_folder(wishing.target.sink(spec.name), wishing.environ)
    model = _model(spec, resolved, described, asked, known=known, cache=cache)
    kept = None if wishing.upgrade else _kept_lock(observed, model, fields)
    if wishing.kind.delivers == "nothing":
        kept = ("", "")
    lock_digest, lock = kept or _new_lock(spec, resolved, described, wishing)
    runtime = _runtime(observed, model.digest, lock_digest, fields) or runtime_version()
    release = _release(model, lock_digest, runtime, fields, spec)
    verifiable = spec.health.request is not None or described.example_path is not None
    return Wish(spec=spec.wish(), release=release, lock=lock, alias=resolved.alias, verifiable=verifiable)


def laid_over(recorded: Mapping[str, JSON], changes: Mapping[str, JSON]) -> dict[str, JSON]:
    """The recorded wish with nested changes merged into it."""
    result = dict(recorded)
    for key, value in changes.items():
        old = result.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            result[key] = laid_over(old, value)
        else:
            result[key] = value
    return result


def _release(model: ModelRef, lock: str, runtime: str, fields: dict[str, JSON], spec: DeploymentSpec) -> Release:
    made_of = {"model": model.digest, "lock": lock, "base": None, "runtime": runtime, "fields": fields}
    full = digest(made_of)
    return Release(
        revision=revision_id(full),
        digest=full,
        model=model,
        lock=lock,
        runtime=runtime,
        fields=fields,
        spec=spec.wish(),
    )


def _plainly(spec: DeploymentSpec, kind: TargetKind) -> DeploymentSpec:
    """The spec with ``config`` in its one form: ``5s``, ``"5"`` and 5 are the same, and defaults are left out.

    Raises:
        SpecError: The target has no such option, or cannot take that value.
    """
    config = validated(kind.config, spec.config, lambda path: ".".join(map(str, path)), prefix=("config",))
    return spec.model_copy(update={"config": config.model_dump(mode="json", exclude_defaults=True)})


def _fields(spec: DeploymentSpec, kind: TargetKind) -> dict[str, JSON]:
    """The spec's fields of revision scope, those that digests and numbers stand for left out."""
    stands_elsewhere = {"model", "requirements", "secrets", "name", "target"}
    wish = {key: value for key, value in spec.wish().items() if key not in stands_elsewhere}
    fields: dict[str, JSON] = {}
    for key, value in wish.items():
        if isinstance(value, dict) and key in ("image", "network", "config"):
            kept = {k: v for k, v in value.items() if _of_revision(kind, key, k)}
            if kept:
                fields[key] = kept
        elif scope_of(DeploymentSpec, key) is Scope.REVISION:
            fields[key] = value
    return fields


def _of_revision(kind: TargetKind, group: str, name: str) -> bool:
    if group == "config":
        return scope_of(kind.config, name) in (Scope.REVISION, None)
    return scope_of(DeploymentSpec, f"{group}.{name}") is Scope.REVISION


def _asked(spec: DeploymentSpec, described: PackagedModel) -> str:
    """Digest of what is asked of the resolver; the serving runtime's own needs are left out on purpose."""
    wanted = spec.requirements
    return digest(
        {
            "model": described.requirements_digest,
            "extra": list(wanted.extra),
            "trust": list(wanted.trust),
            "build": list(wanted.build),
        }
    )


def _releases(observed: Observed) -> tuple[Release, ...]:
    """The recorded ones, the served first."""
    record = observed.record
    if record is None:
        return ()
    served = [each for each in record.traffic.served if each in record.releases]
    return tuple(record.releases[each] for each in dict.fromkeys([*served, *record.releases]))


def _known(resolved: ResolvedModel, observed: Observed) -> ModelRef | None:
    """What the Record says of the same immutable version; a folder is none."""
    if resolved.folder is not None:
        return None
    return next((r.model for r in _releases(observed) if r.model.resolved == resolved.resolved), None)


def _model(
    spec: DeploymentSpec,
    resolved: ResolvedModel,
    described: PackagedModel,
    asked: str,
    *,
    known: ModelRef | None,
    cache: Path,
) -> ModelRef:
    if known is not None:
        return known.model_copy(update={"uri": spec.model, "requirements": asked})
    found = model_digest(resolved, cache)
    files = {name: f"{file.size}:{file.sha256[:32]}" for name, file in found.files.items()}
    return ModelRef(
        uri=spec.model,
        resolved=resolved.resolved,
        digest=found.sha256,
        size=found.bytes,
        summary=described.summary,
        python=described.python,
        requirements=asked,
        files=files if len(files) <= _FILES_KEPT else None,
    )


def _kept_lock(observed: Observed, model: ModelRef, fields: Mapping[str, JSON]) -> tuple[str, str] | None:
    """Digest and text of the recorded lock while the same is asked, and today's runtime can live in it.

    A revision that does not change at all keeps its recorded runtime, too, which lives in its lock already.
    """
    record = observed.record
    for release in _releases(observed):
        text = record.locks.get(release.lock) if record else None
        same = release.model.requirements == model.requirements and release.model.python == model.python
        if text and same:
            unchanged = release.model.digest == model.digest and release.fields == fields
            if unchanged or _satisfies_runtime(text):
                return release.lock, text
    return None


def _new_lock(
    spec: DeploymentSpec, resolved: ResolvedModel, described: PackagedModel, wishing: Wishing
) -> tuple[str, str]:
    """What the resolver decides now."""
    from deployer.environment import EnvironmentRequest, Uv, host_platform, lock_environment
    from deployer.model import parse_requirements

    trust = spec.requirements.trust
    model = parse_requirements(described.requirements, trust=trust)
    sink = wishing.target.sink(spec.name)
    cache = cache_folder(sink, wishing.environ)
    root = fetched(resolved, cache).folder if any(each.wheel for each in model) else resolved.folder
    request = EnvironmentRequest(
        python=described.python,
        platform=sink.platform if sink else host_platform(),
        requirements=model,
        runtime=parse_requirements(RUNTIME_NEEDS, where="the serving runtime"),
        extra=parse_requirements(spec.requirements.extra, trust=trust, where="requirements.extra"),
        sources=package_sources(spec, root),
    )
    made = lock_environment(request, Uv.found(cache / "uv"))
    return made.digest, made.text


def _runtime(observed: Observed, model: str, lock: str, fields: Mapping[str, JSON]) -> str | None:
    """The recorded runtime of a revision that is otherwise the same."""
    for release in _releases(observed):
        if release.model.digest == model and release.lock == lock and release.fields == fields:
            return release.runtime
    return None


def _satisfies_runtime(lock: str) -> bool:
    """Whether a lock that is reused has what today's runtime needs."""
    from packaging.requirements import Requirement

    versions = locked_versions(lock)
    return all(
        each.name in versions and each.specifier.contains(versions[each.name], prereleases=True)
        for each in map(Requirement, RUNTIME_NEEDS)
    )
