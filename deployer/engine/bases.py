"""What an image stands on, resolved once, before the plan."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from deployer.endpoint import BaseRef, ModelRef
from deployer.engine.sources import ca_bundle
from deployer.errors import BuildError, SpecError
from deployer.spec import DeploymentSpec
from deployer.target import EnvironmentSink, ImageSink

if TYPE_CHECKING:
    from deployer.environment import PackageSources
    from deployer.image.base import BasePlaces
    from deployer.image.building.compile import SourceCompiler
    from deployer.image.building.derive import Derived
    from deployer.image.building.running import BuildPlace
    from deployer.image.values import BaseImage

__all__ = ["base_again", "base_for", "base_places", "build_place", "compiler_for", "ready_image"]


def base_for(
    spec: DeploymentSpec, python: str, sink: ImageSink, environ: Mapping[str, str], *, fresh: bool = False
) -> tuple[BaseRef, str]:
    """The base that the spec means now, and uv's word for the platform that its wheels must fit.

    ``image.packages`` are installed on it now, since what they make is part of what is planned.

    Args:
        spec: The wish.
        python: The model's minor version.
        sink: Whose images they are.
        environ: The client's environment.
        fresh: Whether to ask for packages anew that were installed before.

    Raises:
        SpecError: It has not that Python, no glibc, or is for another machine.
        BuildError: There is no such image.
        TargetUnavailable: Its registry does not answer.
    """
    from deployer.environment import glibc_platform

    found = _inspected(spec.image.base or f"python:{python}-slim", spec, python, sink)
    digest = found.digest
    packages: tuple[str, ...] = ()
    if spec.image.packages:
        derived = _with_packages(found, spec, sink, environ, fresh=fresh)
        digest, packages = derived.base.digest, derived.installed
    base = BaseRef(
        digest=digest,
        reference=found.exact_reference,
        platform=found.platform,
        python=found.python_version,
        glibc=found.glibc,
        packages=packages,
    )
    return base, glibc_platform(found.platform.rpartition("/")[2], found.glibc)


def build_place(spec: DeploymentSpec, sink: ImageSink, environ: Mapping[str, str], reason: str) -> BuildPlace:
    """Where what wheels cannot bring is built.

    Raises:
        BuildError: There is no engine to build in; says why one is needed.
        SpecError: ``image.apt_sources`` is no such file.
    """
    from deployer.image.building.network import BuildNetwork
    from deployer.image.building.reasons import missing_engine
    from deployer.image.building.running import BuildPlace

    if sink.engine is None:
        raise missing_engine(reason, spec.target)
    archive = Path(spec.image.apt_sources).expanduser() if spec.image.apt_sources else None
    network = BuildNetwork.of(environ, ca_bundle=ca_bundle(spec), apt_sources=archive)
    return BuildPlace(sink.engine, sink.cache, network)


def compiler_for(
    base: BaseRef, spec: DeploymentSpec, sink: ImageSink, environ: Mapping[str, str], sources: PackageSources
) -> SourceCompiler | None:
    """What compiles sources for a base; None where there is no engine to do it in."""
    from deployer.environment import Uv
    from deployer.image.building.compile import SourceCompiler
    from deployer.image.building.packages import parse_packages

    if sink.engine is None:
        return None
    under = _inspected(base.reference, spec, base.python, sink)
    place = build_place(spec, sink, environ, "since a requirement must be compiled")
    return SourceCompiler(under, parse_packages(spec.image.packages), place, sources, Uv.found(sink.cache / "uv"))


def _with_packages(
    found: BaseImage, spec: DeploymentSpec, sink: ImageSink, environ: Mapping[str, str], *, fresh: bool
) -> Derived:
    from deployer.image.building.derive import derive_base
    from deployer.image.building.packages import parse_packages
    from deployer.image.building.reasons import docker_reason

    packages = parse_packages(spec.image.packages)
    place = build_place(spec, sink, environ, docker_reason(packages) or "")
    return derive_base(found, packages, place, fresh=fresh)


def base_again(base: BaseRef, spec: DeploymentSpec, sink: ImageSink, environ: Mapping[str, str]) -> BaseImage:
    """Exactly the base that was resolved, to build on.

    Raises:
        BuildError: It is not to be had any more, or is another one by now.
        TargetUnavailable: Its registry does not answer.
    """
    found = _inspected(base.reference, spec, base.python, sink)
    if base.packages:
        from deployer.image.building.derive import derived_again

        place = build_place(spec, sink, environ, "since packages are installed on its base")
        return derived_again(found, base.packages, base.digest, place).base
    if found.digest != base.digest:
        raise BuildError(
            f"the base is another one by now: {found.digest[:19]}, and {base.digest[:19]} was planned",
            where=base.reference,
            hint="update with --upgrade takes the new one",
        )
    return found


def ready_image(spec: DeploymentSpec, sink: EnvironmentSink | ImageSink | None) -> ModelRef:
    """The image that ``image.use`` means now, as what a revision serves.

    Raises:
        SpecError: It is for another machine, or the target runs no images.
        BuildError: There is no such image.
        TargetUnavailable: Its registry does not answer.
    """
    from deployer.image.base import identify_image

    if not isinstance(sink, ImageSink) or spec.image.use is None:
        raise SpecError("the target runs no images", where="image.use", hint="deployer targets")
    platform = spec.image.platform or sink.platform
    use = sink.named(spec) or spec.image.use
    found = identify_image(use, platform=platform, places=base_places(spec, sink))
    digest, name = found.digest.partition(":")[2], use.removeprefix("docker-daemon:")
    exact = found.reference
    if exact.startswith("sha256:"):  # as an engine has it
        exact = name if "@" in name or name.startswith("sha256:") else f"{name}@{exact}"
    return ModelRef(uri=spec.image.use, resolved=exact, digest=digest, summary="a ready image")


def base_places(spec: DeploymentSpec, sink: ImageSink) -> BasePlaces:
    """Where the spec's base images are looked for."""
    from deployer.image.base import BasePlaces
    from deployer.image.registry import Transport

    transport = Transport(ca_bundle=ca_bundle(spec))
    return BasePlaces(
        cache=sink.cache, engine=sink.engine, mirror=spec.image.mirror, transport=transport, login=sink.login
    )


def _inspected(reference: str, spec: DeploymentSpec, python: str, sink: ImageSink) -> BaseImage:
    from deployer.image.base import inspect_base

    platform = spec.image.platform or sink.platform
    if sink.engine is not None and platform != sink.platform:
        raise SpecError(
            f"the engine runs {sink.platform}, and the image is asked for {platform}",
            where="image.platform", hint="leave it out, or take a target that runs it",
        )  # fmt: skip
    return inspect_base(reference, platform=platform, python=python, places=base_places(spec, sink))
