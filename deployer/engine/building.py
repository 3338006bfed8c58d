"""An image without an endpoint: made from a model and a spec's image fields, or exactly from a lock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deployer.endpoint import BaseRef, ImageRef, Release, revision_id
from deployer.engine.counting import Tell
from deployer.engine.imaging import assembled
from deployer.engine.making import Made, newly_made, requirements_asked
from deployer.engine.runtime import runtime_version
from deployer.engine.sources import cache_folder
from deployer.engine.wishing import model_ref
from deployer.errors import BuildError, SpecError
from deployer.plan.values import Wish
from deployer.spec import DeploymentSpec
from deployer.target import ImageSink
from deployer.value import digest

if TYPE_CHECKING:
    from deployer.image.assemble import Assembly
    from deployer.image.recipe import Recipe
    from deployer.target import Engine

__all__ = ["Build", "built"]


@dataclass(frozen=True)
class Build:
    """What to build.

    Attributes:
        spec: Its ``model``, ``requirements`` and ``image`` count.
        sink: Cache and platform; an engine that may have the base.
        environ: The client's environment.
        locked: The text of a lock to build exactly; None decides anew.
        where: What the lock is called in errors.
        engine: Where the image will be loaded, if it will.
        needs: What the runtime needs for the spec beyond its own (`TargetKind.runtime_needs`); a lock has them already.
    """

    spec: DeploymentSpec
    sink: ImageSink
    environ: Mapping[str, str]
    locked: str | None = None
    where: str = "lock"
    engine: Engine | None = None
    needs: tuple[str, ...] = ()


@contextmanager
def built(build: Build, tell: Tell) -> Iterator[tuple[Assembly, Recipe]]:
    """The image, to be carried inside the block.

    Raises:
        SpecError: The model is not one, or not the lock's; the lock is none.
        NotFound: There is no such model.
        BuildError: It cannot be made; or the lock is another runtime's.
        TargetUnavailable: A registry, a model's server or an index does not answer.
    """
    from deployer.model import read_metadata, resolve

    spec = build.spec
    resolved = resolve(spec.model, source=lambda: build.sink.models)
    described = read_metadata(resolved)
    cache = cache_folder(build.sink, build.environ)
    asked = requirements_asked(spec, described, build.needs)
    model = model_ref(spec, resolved, described, asked, known=None, cache=cache)
    recipe = _recipe(build, model.digest) if build.locked is not None else None
    if recipe is None:
        made = newly_made(spec, resolved, described, build.sink, build.environ, needs=build.needs)
        runtime, image = runtime_version(), None
    else:
        made, runtime = _as_locked(recipe), recipe.runtime
        image = ImageRef(id="", reference="", bytecode=recipe.bytecode)
    base = made.base.digest if made.base else None
    full = digest({"model": model.digest, "lock": made.lock, "base": base, "runtime": runtime})
    release = Release(
        revision=revision_id(full),
        digest=full,
        model=model,
        lock=made.lock,
        base=made.base,
        runtime=runtime,
        image=image,
    )
    wish = Wish(spec=spec.wish(), release=release, lock=made.text)
    with assembled(wish, spec, build.sink, tell, build.environ, engine=build.engine) as found:
        if recipe is not None and found[1].digest != recipe.digest:
            raise BuildError(
                f"the image's bytecode is made by Python {recipe.bytecode.removeprefix('cpython-')}, which is not here",
                where=build.where,
                hint="make the lock anew on this machine: deployer build MODEL --lock FILE",
            )
        yield found


def _recipe(build: Build, model: str) -> Recipe:
    from deployer.image.lockfile import parse_lock

    recipe = parse_lock(build.locked or "", where=build.where, model=model)
    if recipe.model != model:
        raise SpecError(
            f"the lock is of another model: {recipe.model[:12]}, and this is {model[:12]}",
            where=build.where,
            hint="new weights need a lock of their own: deployer build MODEL --lock FILE",
        )
    if recipe.runtime != runtime_version():
        raise BuildError(
            f"the lock is of the serving runtime {recipe.runtime[:12]}, and this deployer has {runtime_version()[:12]}",
            where=build.where,
            hint="build it with the deployer that wrote the lock, or write one anew: deployer build MODEL --lock FILE",
        )
    if recipe.base.platform != build.sink.platform:
        raise SpecError(
            f"the lock is for {recipe.base.platform}, and {build.sink.platform} is asked", where=build.where,
            hint=f"--platform {recipe.base.platform}",
        )  # fmt: skip
    return recipe


def _as_locked(recipe: Recipe) -> Made:
    from deployer.image.values import exact_reference

    base = recipe.base
    return Made(
        lock=recipe.environment.digest,
        text=recipe.environment.text,
        base=BaseRef(
            digest=base.digest,
            reference=exact_reference(base.reference, base.manifest),
            platform=base.platform,
            python=base.python_version,
            glibc=base.glibc,
            packages=base.packages,
        ),
    )
