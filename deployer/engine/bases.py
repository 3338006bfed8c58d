"""What an image stands on, resolved once, before the plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deployer.endpoint import BaseRef, ModelRef
from deployer.engine.sources import ca_bundle
from deployer.errors import BuildError, SpecError
from deployer.spec import DeploymentSpec
from deployer.target import EnvironmentSink, ImageSink

if TYPE_CHECKING:
    from deployer.image.base import BasePlaces
    from deployer.image.values import BaseImage

__all__ = ["base_again", "base_for", "base_places", "ready_image"]


def base_for(spec: DeploymentSpec, python: str, sink: ImageSink) -> tuple[BaseRef, str]:
    """The base that the spec means now, and uv's word for the platform that its wheels must fit.

    Raises:
        SpecError: It has not that Python, no glibc, or is for another machine.
        BuildError: There is no such image.
        TargetUnavailable: Its registry does not answer.
    """
    from deployer.environment import glibc_platform

    found = _inspected(spec.image.base or f"python:{python}-slim", spec, python, sink)
    base = BaseRef(
        digest=found.digest,
        reference=found.exact_reference,
        platform=found.platform,
        python=found.python_version,
        glibc=found.glibc,
    )
    return base, glibc_platform(found.platform.rpartition("/")[2], found.glibc)


def base_again(base: BaseRef, spec: DeploymentSpec, sink: ImageSink) -> BaseImage:
    """Exactly the base that was resolved, to build on.

    Raises:
        BuildError: It is not to be had any more, or is another one by now.
        TargetUnavailable: Its registry does not answer.
    """
    found = _inspected(base.reference, spec, base.python, sink)
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
    found = identify_image(spec.image.use, platform=platform, places=base_places(spec, sink))
    digest = found.digest.partition(":")[2]
    return ModelRef(uri=spec.image.use, resolved=found.reference, digest=digest, summary="a ready image")


def base_places(spec: DeploymentSpec, sink: ImageSink) -> BasePlaces:
    """Where the spec's base images are looked for."""
    from deployer.image.base import BasePlaces
    from deployer.image.registry import Transport

    transport = Transport(ca_bundle=ca_bundle(spec))
    return BasePlaces(cache=sink.cache, engine=sink.engine, mirror=spec.image.mirror, transport=transport)


def _inspected(reference: str, spec: DeploymentSpec, python: str, sink: ImageSink) -> BaseImage:
    from deployer.image.base import inspect_base

    platform = spec.image.platform or sink.platform
    return inspect_base(reference, platform=platform, python=python, places=base_places(spec, sink))
