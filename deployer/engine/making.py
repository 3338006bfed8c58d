"""What a revision is made of beside its model: the environment's lock, and what its image stands on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deployer.endpoint import BaseRef
from deployer.engine.bases import base_for, compiler_for
from deployer.engine.fetching import fetched
from deployer.engine.runtime import RUNTIME_NEEDS
from deployer.engine.sources import buildable, cache_folder, package_sources
from deployer.plan.changes import locked_versions
from deployer.spec import DeploymentSpec
from deployer.target import EnvironmentSink, ImageSink
from deployer.value import JSON, digest

if TYPE_CHECKING:
    from deployer.model import PackagedModel, ResolvedModel

__all__ = ["Made", "newly_made", "requirements_asked", "satisfies_runtime"]


@dataclass(frozen=True)
class Made:
    """What a revision is made of beside its model.

    Attributes:
        lock: The environment lock's digest; empty where there is none.
        text: The lock.
        base: What the image stands on, where there is an image.
    """

    lock: str
    text: str
    base: BaseRef | None = None


def requirements_asked(spec: DeploymentSpec, described: PackagedModel, needs: Iterable[str] = ()) -> str:
    """Digest of what is asked of the resolver; the serving runtime's own needs are left out on purpose.

    Args:
        spec: The wish.
        described: Its model.
        needs: What the runtime needs for this wish beyond its own; the names alone count, so that the same wish is the
            same for a newer deployer, whose versions of them are others.
    """
    wanted = spec.requirements
    asked: dict[str, JSON] = {
        "model": described.requirements_digest,
        "extra": list(wanted.extra),
        "trust": list(wanted.trust),
        "build": list(wanted.build),
    }
    if names := _names(needs):
        asked["runtime"] = list(names)
    return digest(asked | ({"gpu": True} if spec.resources.gpu else {}))


def _names(needs: Iterable[str]) -> tuple[str, ...]:
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    return tuple(sorted({canonicalize_name(Requirement(each).name) for each in needs}))


def _code(root: Path | None) -> Iterator[str]:
    """The Python files that a model brings along, read, not run."""
    for path in sorted(root.rglob("*.py")) if root is not None else ():
        yield path.read_text("utf-8", "replace")


def newly_made(
    spec: DeploymentSpec,
    resolved: ResolvedModel,
    described: PackagedModel,
    sink: EnvironmentSink | ImageSink | None,
    environ: Mapping[str, str],
    *,
    needs: tuple[str, ...] = (),
    fresh: bool = False,
) -> Made:
    """What the base's registry and the resolver decide now.

    Args:
        spec: The wish.
        resolved: Its model.
        described: What the model says of itself.
        sink: Where it will run.
        environ: The client's environment.
        needs: What the runtime needs for this wish beyond its own (`TargetKind.runtime_needs`).
        fresh: Whether the packages' archive is asked anew, too.
    """
    from deployer.environment import EnvironmentRequest, Uv, host_platform, lock_environment, with_skinny
    from deployer.model import parse_requirements

    trust = spec.requirements.trust
    model = parse_requirements(described.requirements, trust=trust)
    extra = parse_requirements(spec.requirements.extra, trust=trust, where="requirements.extra")
    cache = cache_folder(sink, environ)
    needs_files = any(each.wheel or each.name == "mlflow" for each in model)
    root = fetched(resolved, cache).folder if needs_files else resolved.folder
    base, platform, compiler = None, host_platform(), None
    sources = package_sources(spec, root, environ)
    if isinstance(sink, ImageSink):
        base, platform = base_for(spec, described.python, sink, environ, fresh=fresh)
        compiler = compiler_for(base, spec, sink, environ, sources) if spec.requirements.build else None
    elif sink is not None:
        platform = sink.platform
    request = EnvironmentRequest(
        python=described.python,
        platform=platform,
        requirements=with_skinny(model, described.loader, extra=extra, code=_code(root)),
        runtime=parse_requirements((*RUNTIME_NEEDS, *needs), where="the serving runtime"),
        extra=extra,
        build=buildable(spec),
        gpu=spec.resources.gpu > 0,
        compile=compiler.wheel_of if compiler else None,
        sources=sources,
    )
    found = lock_environment(request, Uv.found(cache / "uv"))
    return Made(found.digest, found.text, base)


def satisfies_runtime(lock: str, needs: Iterable[str] = ()) -> bool:
    """Whether a lock that is reused has what today's runtime needs, and what it needs beyond that."""
    from packaging.requirements import Requirement

    versions = locked_versions(lock)
    return all(
        each.name in versions and each.specifier.contains(versions[each.name], prereleases=True)
        for each in map(Requirement, (*RUNTIME_NEEDS, *needs))
    )
