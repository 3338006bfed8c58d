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
from deployer.engine.bases import ready_image
from deployer.engine.fetching import model_digest, models_of
from deployer.engine.making import Made, newly_made, requirements_asked, satisfies_runtime
from deployer.engine.question import ensure_readable
from deployer.engine.runtime import runtime_version
from deployer.engine.secrets import secret_numbers
from deployer.engine.sources import cache_folder
from deployer.plan.values import Wish
from deployer.spec import DeploymentSpec, Scope, validated
from deployer.spec.fields import scope_of
from deployer.target import ImageSink, KeepsSecrets, Target, TargetKind
from deployer.value import JSON, digest

if TYPE_CHECKING:
    from deployer.model import PackagedModel, ResolvedModel

__all__ = ["Wishing", "laid_over", "model_ref", "wish_for"]

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

    if spec.image.use:
        return _ready_wish(spec, observed, wishing)
    resolved = resolve(spec.model, source=lambda: models_of(wishing.target.sink(spec.name)))
    if resolved.folder is not None:
        spec = spec.model_copy(update={"model": resolved.resolved})
    spec = _plainly(spec, wishing.kind)
    ensure_readable(spec)
    described = read_metadata(resolved)
    needs = tuple(wishing.kind.runtime_needs(spec))
    asked = requirements_asked(spec, described, needs)
    fields = _fields(spec, wishing.kind)
    secrets = secret_numbers(spec, observed, wishing.target, wishing.environ)
    if secrets:
        fields["secrets"] = secrets
    known = None if wishing.verify else _known(resolved, observed)
    sink = wishing.target.sink(spec.name)
    cache = cache_folder(sink, wishing.environ)
    model = model_ref(spec, resolved, described, asked, known=known, cache=cache)
    made = None if wishing.upgrade else _kept(observed, model, fields, needs)
    bare = isinstance(sink, ImageSink) and sink.bare(spec)
    if wishing.kind.delivers == "nothing" or bare:
        made = Made("", "")
    made = made or newly_made(spec, resolved, described, sink, wishing.environ, needs=needs, fresh=wishing.upgrade)
    runtime = "" if bare else _runtime(observed, model.digest, made, fields) or runtime_version()
    release = _with_image(_release(model, made, runtime, fields, spec), observed)
    verifiable = spec.health.request is not None or described.example_path is not None
    return Wish(
        spec=spec.wish(),
        release=release,
        lock=made.text,
        alias=resolved.alias,
        verifiable=verifiable,
        other_keys=_other_keys(spec, wishing),
    )


def _ready_wish(spec: DeploymentSpec, observed: Observed, wishing: Wishing) -> Wish:
    """The wish for an image that is used as it is: nothing is locked or built."""
    spec = _plainly(spec, wishing.kind)
    ensure_readable(spec)
    fields = _fields(spec, wishing.kind)
    secrets = secret_numbers(spec, observed, wishing.target, wishing.environ)
    if secrets:
        fields["secrets"] = secrets
    model = ready_image(spec, wishing.target.sink(spec.name))
    release = _with_image(_release(model, Made("", ""), "", fields, spec), observed)
    return Wish(spec=spec.wish(), release=release, lock="", verifiable=spec.health.request is not None)


def _other_keys(spec: DeploymentSpec, wishing: Wishing) -> bool:
    """Whether keys are to be changed although the spec is the same; an unusable one is told now."""
    target = wishing.target
    return bool(spec.auth.api_keys) and isinstance(target, KeepsSecrets) and target.keys_differ(spec, wishing.environ)


def _with_image(release: Release, observed: Observed) -> Release:
    """The release, with its image when that was delivered before."""
    known = observed.record.releases.get(release.revision) if observed.record else None
    return release.model_copy(update={"image": known.image}) if known is not None else release


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


def _release(model: ModelRef, made: Made, runtime: str, fields: dict[str, JSON], spec: DeploymentSpec) -> Release:
    base = made.base.digest if made.base else None
    made_of = {"model": model.digest, "lock": made.lock, "base": base, "runtime": runtime, "fields": fields}
    full = digest(made_of)
    return Release(
        revision=revision_id(full),
        digest=full,
        model=model,
        lock=made.lock,
        base=made.base,
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
    if references := {name: each.ref for name, each in sorted(spec.secrets.items()) if each.ref is not None}:
        fields["vault"] = references  # the server looks there once, when it starts
    if spec.auth.api_keys:
        # Which keys is changed in place. Whether any is asked for, a server is told when it starts: a running one that
        # was told of none would let everybody in.
        fields["auth"] = "keys"
    return fields


def _of_revision(kind: TargetKind, group: str, name: str) -> bool:
    if group == "config":
        return scope_of(kind.config, name) in (Scope.REVISION, None)
    return scope_of(DeploymentSpec, f"{group}.{name}") is Scope.REVISION


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


def model_ref(
    spec: DeploymentSpec,
    resolved: ResolvedModel,
    described: PackagedModel,
    asked: str,
    *,
    known: ModelRef | None,
    cache: Path,
) -> ModelRef:
    """The model as a revision names it; a recorded version is not hashed again."""
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


def _kept(observed: Observed, model: ModelRef, fields: Mapping[str, JSON], needs: tuple[str, ...]) -> Made | None:
    """The recorded lock and base while the same is asked, and today's runtime with its needs can live in it.

    A revision that does not change at all keeps its recorded runtime, too, which lives in its lock already.
    """
    record = observed.record
    for release in _releases(observed):
        text = record.locks.get(release.lock) if record else None
        same = release.model.requirements == model.requirements and release.model.python == model.python
        if text and same and release.fields.get("image") == fields.get("image"):
            unchanged = release.model.digest == model.digest and release.fields == fields
            if unchanged or satisfies_runtime(text, needs):
                return Made(release.lock, text, release.base)
    return None


def _runtime(observed: Observed, model: str, made: Made, fields: Mapping[str, JSON]) -> str | None:
    """The recorded runtime of a revision that is otherwise the same."""
    for release in _releases(observed):
        same = release.lock == made.lock and release.base == made.base
        if same and release.model.digest == model and release.fields == fields:
            return release.runtime
    return None
