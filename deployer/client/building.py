"""``Deployer.build``: an image without an endpoint."""

from __future__ import annotations

import os
import platform as machine
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from deployer.client.connected import Connected
from deployer.engine.bases import base_places
from deployer.engine.bringing import Carrier
from deployer.engine.building import Build, built
from deployer.engine.events import Listener
from deployer.engine.run import Telling
from deployer.engine.sources import cache_folder
from deployer.errors import SpecError
from deployer.spec import DeploymentSpec
from deployer.target import ImageSink

if TYPE_CHECKING:
    from deployer.image.values import Image

__all__ = ["Building", "Built"]

_ENGINE, _LAYOUT = "docker-daemon:", "oci:"
_MACHINES = {"aarch64": "linux/arm64", "arm64": "linux/arm64"}


@dataclass(frozen=True)
class Built:
    """An image that was built, for one platform.

    Attributes:
        platform: ``linux/amd64``.
        digest: Of its configuration; what images are compared by.
        recipe: Digest of all that it is made of, 64 hexadecimal digits.
        lock: The text of its lock.
        layers: How many it puts on its base.
        size: Bytes of those, uncompressed.
        made: How many of them were made now.
        seconds: That it took to make it.
        places: Where it was brought, each as it is found there exactly.
    """

    platform: str
    digest: str
    recipe: str
    lock: str
    layers: int
    size: int
    made: int
    seconds: float
    places: tuple[str, ...] = ()


class Building(Connected):
    """The verb that builds."""

    def build(
        self,
        spec: DeploymentSpec,
        *,
        to: Sequence[str] = (),
        platforms: Sequence[str] = (),
        locked: str | None = None,
        locked_by: str = "lock",
        target: str | None = None,
        on_event: Listener | None = None,
    ) -> tuple[Built, ...]:
        """Make the image of a model, for each platform, and bring it to each place. Nothing of the model is run.

        Args:
            spec: Its ``model``, ``requirements`` and ``image`` count.
            to: ``docker-daemon:NAME``, ``oci:FOLDER[:TAG]``, ``docker-archive:FILE``, ``REGISTRY/REPOSITORY[:TAG]``;
                none: the image is only computed.
            platforms: ``linux/amd64``, ``linux/arm64``; by default the spec's, else the target's or this machine's.
            locked: The text of a lock to build exactly.
            locked_by: What the lock is called in errors.
            target: Whose engine takes ``docker-daemon:``, by default ``docker``; and whose vault its secrets are in.
            on_event: Told of progress.

        Raises:
            SpecError: The model, the lock or a place is not usable.
            BuildError: It cannot be made.
            TargetUnavailable: A registry, an engine or an index does not answer.
        """
        telling = Telling(spec.name, target or "image", self.clock, on_event)
        sink = self._sink(spec, to, target)
        needs = self._kind(target).runtime_needs(spec) if target is not None else ()
        wanted = tuple(platforms) or (spec.image.platform or sink.platform,)
        if len(set(wanted)) != len(wanted):
            raise SpecError("a platform is named twice", where="--platform")
        if locked is not None and len(wanted) > 1:
            raise SpecError("a lock is for one platform", where="--platform", hint="build them one by one")

        def tell(**told: Any) -> None:
            telling.progress("image", **told)

        found: dict[str, Built] = {}
        images: dict[str, Image] = {}
        carrier = Carrier(sink, base_places(spec, sink), tell)
        with telling.step("image") as detail, ExitStack() as stack:
            for platform in wanted:
                began = time.monotonic()
                wish = spec.model_copy(update={"image": spec.image.model_copy(update={"platform": platform})})
                own = replace(sink, platform=platform)
                engine = sink.engine if any(each.startswith(_ENGINE) for each in to) else None
                build = Build(wish, own, os.environ, locked, locked_by, engine, needs)
                made, recipe = stack.enter_context(built(build, tell))
                images[platform] = made.image
                found[platform] = Built(
                    platform=platform,
                    digest=made.image.digest,
                    recipe=recipe.digest,
                    lock=_lock_text(recipe),
                    layers=len(made.image.layers),
                    size=sum(each.size for each in made.image.layers),
                    made=made.made,
                    seconds=time.monotonic() - began,
                )
            places = _brought(carrier, images, to)
            detail.append(", ".join(f"{each.layers} layers, {each.made} new" for each in found.values()))
        return tuple(replace(each, places=tuple(places[each.platform])) for each in found.values())

    def _sink(self, spec: DeploymentSpec, to: Sequence[str], target: str | None) -> ImageSink:
        """The target's, when its engine is needed or it was named; else this machine's own cache."""
        if target is not None or any(each.startswith(_ENGINE) for each in to):
            found = self._target(target or "docker").sink(spec.name)
            if not isinstance(found, ImageSink):
                raise SpecError(f"{target} runs no images", where="--target", hint="deployer targets")
            return found
        own = _MACHINES.get(machine.machine(), "linux/amd64")
        return ImageSink(cache=cache_folder(None, os.environ), platform=own)


def _brought(carrier: Carrier, images: Mapping[str, Image], to: Sequence[str]) -> dict[str, list[str]]:
    """By platform, where each image is now; several go into a repository as one."""
    places: dict[str, list[str]] = {platform: [] for platform in images}
    for each in to:
        if len(images) == 1 or each.startswith(_LAYOUT):
            for platform, image in images.items():
                places[platform].append(carrier.carry(image, each))
        else:
            index = carrier.carry_index(images, each)
            for told in places.values():
                told.append(index)
    return places


def _lock_text(recipe: Any) -> str:
    from deployer.image.lockfile import lock_text

    return lock_text(recipe)
