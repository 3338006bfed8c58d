"""Carries a revision's image to where the target wants it: assembled from its lock, base, runtime and model.

What the target has already, by the digest of the image's configuration, is neither made nor carried again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deployer.endpoint import ImageRef, Release
from deployer.engine.bases import base_again, base_places, compiler_for
from deployer.engine.counting import Tell, counting
from deployer.engine.fetching import drop_fetched, fetched
from deployer.engine.runtime import copy_runtime, runtime_version
from deployer.engine.sources import package_sources
from deployer.engine.weights import at_hand, push_weights, put_weights
from deployer.errors import BuildError, SpecError
from deployer.plan.values import Wish
from deployer.spec import DeploymentSpec
from deployer.target import ImageSink

if TYPE_CHECKING:
    from deployer.image.assemble import Assembly
    from deployer.image.base import BasePlaces
    from deployer.image.recipe import Recipe
    from deployer.target import Engine, RegistryPlace

__all__ = ["Delivered", "assembled", "deliver_image"]

Delivered = tuple[ImageRef, str]
"""The image, and the words for the step's end."""


def deliver_image(
    wish: Wish, spec: DeploymentSpec, sink: ImageSink, tell: Tell, environ: Mapping[str, str]
) -> Delivered:
    """Make the image and bring it.

    Raises:
        SpecError: The model's files changed since the plan was made.
        BuildError: It cannot be made, or is not taken.
        TargetUnavailable: The engine, a registry or an index does not answer.
    """
    if sink.bare(spec):
        return _bare(wish.release, sink, tell)
    known, mounted = wish.release.image, spec.image.weights == "mount"
    if mounted and sink.weights is None and sink.weights_beside is None:
        raise SpecError(
            "the target mounts no weights", where="image.weights", hint="leave it out: embed is the default"
        )
    there = not mounted or sink.weights is None or sink.weights.has(wish.release.model.digest)
    if there and known is not None and sink.engine is not None and sink.engine.find(known.reference) is not None:
        return known, "as before"
    if spec.image.use:
        return _ready(wish.release, sink, tell)
    with assembled(wish, spec, sink, tell, environ, engine=sink.engine) as (made, recipe):
        carriage = _Carriage(made, recipe, wish.release, sink, tell)
        if sink.engine is not None:
            image, words = carriage.to_engine(sink.engine)
            if mounted and sink.weights is not None and not there:
                words += f", {put_weights(wish.release, image, sink, sink.weights, tell)}"
            return image, words
        place = sink.pushed_to(spec)
        if place is not None:
            places = base_places(spec, sink)
            image, words = carriage.to_registry(place, places)
            if mounted and sink.weights is not None and not there:
                words += f", {put_weights(wish.release, image, sink, sink.weights, tell)}"
            if mounted and sink.weights_beside is not None and sink.weights_beside(spec):
                words += f", {push_weights(wish.release, made.image.base, place, (sink, places.transport), tell)}"
            return image, words
    hint = "give one: --set image.registry=REGISTRY/PREFIX"
    raise BuildError("the target names no place for its images", where=spec.target, hint=hint)


def _bare(release: Release, sink: ImageSink, tell: Tell) -> Delivered:
    """The model alone; what the target makes of it has no name here."""
    if sink.weights is None:
        raise BuildError("the target has no place for its models", where=release.model.resolved)
    model = ImageRef(id=f"sha256:{release.model.digest}", reference="")
    if sink.weights.has(release.model.digest):
        return model, "there already"
    return model, put_weights(release, model, sink, sink.weights, tell)


def _ready(release: Release, sink: ImageSink, tell: Tell) -> Delivered:
    """An image that is used as it is: the engine fetches it; another target pulls it by itself."""
    wanted, digest = release.model.resolved, f"sha256:{release.model.digest}"
    named = release.model.uri.removeprefix("docker-daemon:")
    if sink.engine is None:
        return ImageRef(id=digest, reference=wanted), "ready"
    # In containerd's store none is found by its configuration, and a name may mean another one by now.
    for name in (digest, wanted.rpartition("@")[2], wanted, named):
        held = sink.engine.find(name)
        if held is not None and held.id == digest:
            return ImageRef(id=digest, reference=held.handle), "there already"

    def told(done: int, total: int | None) -> None:
        tell(detail=f"pulling {release.model.uri}", done=done, total=total, unit="bytes")

    held = sink.engine.pull(named if wanted.endswith(digest) else wanted, sink.platform, told)
    if held.id != digest:
        raise BuildError(f"the engine fetched another image: {held.id[:19]} instead of {digest[:19]}", where=wanted)
    return ImageRef(id=digest, reference=held.handle), "pulled"


@contextmanager
def assembled(
    wish: Wish,
    spec: DeploymentSpec,
    sink: ImageSink,
    tell: Tell,
    environ: Mapping[str, str],
    *,
    engine: Engine | None = None,
) -> Iterator[tuple[Assembly, Recipe]]:
    """The image of a wish, to be carried inside the block: the model's private copy is there only that long.

    Args:
        wish: What is wanted.
        spec: The same as a person wrote it.
        sink: Whose image it is.
        tell: Told of progress.
        environ: The client's environment.
        engine: Where it will be loaded; its lowest layers go there while those above are made.
    """
    from deployer.environment import Lock
    from deployer.image.ahead import LoadingAhead
    from deployer.image.assemble import Ingredients, assemble
    from deployer.image.building.compile import is_compiled
    from deployer.image.recipe import BaseIdentity, Recipe
    from deployer.model.partial import passing

    release = wish.release
    if release.base is None:
        raise BuildError("the revision names no base image", where=spec.name, hint="update with --upgrade makes one")
    base = base_again(release.base, spec, sink, environ)

    def told(progress: Any) -> None:
        tell(detail="the image", done=progress.done, total=progress.total, unit=progress.unit)

    with passing(sink.cache / "making") as scratch:
        embedded = spec.image.weights == "embed"
        model = _snapshot(release, scratch, sink, tell) if embedded else None
        recipe = Recipe(
            base=BaseIdentity.of(base, release.base.packages),
            environment=Lock.parse(wish.lock),
            runtime=release.runtime,
            model=release.model.digest,
            weights=spec.image.weights,
            bytecode=_bytecode(release),
        )
        sources = package_sources(spec, model or at_hand(release, sink), environ)
        compiled = [wheel for wheel in recipe.environment.wheels if is_compiled(wheel)]
        compiler = compiler_for(release.base, spec, sink, environ, sources) if compiled else None
        if compiler is not None:
            for wheel in compiled:
                compiler.again(wheel)  # kept where the assembler looks
        ingredients = Ingredients(
            packages=sources,
            runtime=_runtime(release, scratch),
            model=model,
        )
        with LoadingAhead(base, engine, sink.cache) if engine is not None else nullcontext() as ahead:
            yield assemble(recipe, base, ingredients, cache=sink.cache, progress=told, ahead=ahead), recipe
    if embedded:
        drop_fetched(release.model.resolved, sink.cache)


@dataclass(frozen=True)
class _Carriage:
    """An assembled image on its way."""

    made: Assembly
    recipe: Recipe
    release: Release
    sink: ImageSink
    tell: Tell

    def to_engine(self, engine: Engine) -> Delivered:
        from deployer.image.load import load

        image = self.made.image

        name = f"{self.sink.name}:{self.release.revision}"
        done = load(image, engine, cache=self.sink.cache, names=(name,), told=counting(self.tell, "to the engine"))
        reference = ImageRef(id=image.digest, reference=done.image.handle, bytecode=self.recipe.bytecode)
        return reference, f"{_counted(self.made)}, {_carried(done.sent + self.made.sent_ahead)}"

    def to_registry(self, place: RegistryPlace, places: BasePlaces) -> Delivered:
        from deployer.image.push import push
        from deployer.image.reference import parse_repository
        from deployer.image.registry import RegistryClient

        image = self.made.image
        reference = replace(parse_repository(place.repository), tag=self.release.revision)

        def told(done: int, total: int) -> None:
            self.tell(detail=f"to {reference.registry}", done=done, total=total, unit="bytes")

        client = RegistryClient(
            reference.registry, credentials=place.credentials, plain=place.plain, transport=places.transport
        )
        done = push(image, reference, client=client, cache=self.sink.cache, oci=self.sink.oci, told=told)
        exact = f"{place.repository}@{done.digest}"
        found = ImageRef(id=image.digest, reference=exact, bytecode=self.recipe.bytecode)
        return found, f"{_counted(self.made)}, {_carried(done.sent)}"


def _counted(made: Assembly) -> str:
    layers = f"{len(made.image.layers)} layers" + (f", {made.made} new" if made.made else "")
    fetched_now = f", {made.downloaded} of {made.wheels} packages downloaded ({made.downloaded_bytes / 1e6:.0f} MB)"
    return layers + (fetched_now if made.downloaded else "")


def _carried(sent: int) -> str:
    if not sent:
        return "there already"
    return f"{sent / 1e6:.1f} MB carried" if sent >= 1e5 else f"{max(1, round(sent / 1e3))} kB carried"


def _snapshot(release: Release, scratch: Path, sink: ImageSink, tell: Tell) -> Path:
    """The private copy that ships; a digest that is not the planned one is refused."""
    from deployer.model import resolve, snapshot

    def told(progress: Any) -> None:
        tell(detail="the model", done=progress.done, total=progress.total, unit=progress.unit)

    place = scratch / "model"
    source = fetched(resolve(release.model.resolved, source=lambda: sink.models), sink.cache)
    snapshot(source, place, planned=release.model.digest, progress=told)
    return place


def _runtime(release: Release, scratch: Path) -> Path:
    if release.runtime != runtime_version():
        raise BuildError(
            f"the serving runtime {release.runtime[:12]} of {release.revision} is not kept any more",
            hint="update with --upgrade makes a revision with this deployer's own runtime",
        )
    place = scratch / "runtime"
    copy_runtime(place)
    return place


def _bytecode(release: Release) -> str:
    """As the image was made before, where that interpreter is here; else by the one that is."""
    from deployer.image.bytecode import NO_BYTECODE, available_bytecode, interpreter_for

    before = release.image.bytecode if release.image else None
    if before is not None:
        try:
            if before != NO_BYTECODE:
                interpreter_for(before)
        except BuildError:
            pass
        else:
            return before
    return available_bytecode(release.model.python)
