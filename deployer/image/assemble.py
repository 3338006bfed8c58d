"""From a recipe to an image: layers from the cache or made now, then the configuration that names them."""

from __future__ import annotations

import errno
import hashlib
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from deployer.environment import LockedWheel, PackageSources, Uv
from deployer.environment.cache import sync_everything
from deployer.errors import BuildError
from deployer.image.ahead import LoadingAhead
from deployer.image.bytecode import NO_BYTECODE, Compiler, cores, interpreter_for
from deployer.image.config import config_document
from deployer.image.grouping import Sized, arranged, settled
from deployer.image.layers import LayerCache
from deployer.image.making import make_layers
from deployer.image.model_layer import model_layer
from deployer.image.places import MODEL, RUNTIME, VENV
from deployer.image.reading import FRAME
from deployer.image.recipe import BaseIdentity, Recipe, check_fit
from deployer.image.skeleton import frame_entries, runtime_entries, runtime_key
from deployer.image.tar import folder_entry, tar_chunks
from deployer.image.values import BaseImage, FileLayer, Image, Layer
from deployer.image.wheel_layer import bytecode_of, joined_chunks, wheel_chunks
from deployer.image.wheels import WheelFiles
from deployer.model.progress import OnProgress, Progress

__all__ = ["Assembly", "Ingredients", "assemble"]


@dataclass(frozen=True)
class Ingredients:
    """Where what a recipe names by content is to be had.

    Attributes:
        packages: For wheels.
        runtime: Folder of the serving runtime.
        model: Folder of the model's private copy; None when its weights are mounted.
    """

    packages: PackageSources
    runtime: Path
    model: Path | None = None


@dataclass(frozen=True)
class Assembly:
    """An image, and what making it took.

    Attributes:
        image: The image.
        wheels: How many wheels it has.
        made: How many layers were made now, and not found in the cache.
        downloaded: How many wheels came over the network.
        downloaded_bytes: Their size.
        seconds: Wall-clock time.
        sent_ahead: Bytes that went to the engine meanwhile.
    """

    image: Image
    wheels: int
    made: int
    downloaded: int
    downloaded_bytes: int
    seconds: float
    sent_ahead: int = 0


def assemble(
    recipe: Recipe,
    base: BaseImage,
    ingredients: Ingredients,
    *,
    cache: Path,
    progress: OnProgress | None = None,
    ahead: LoadingAhead | None = None,
) -> Assembly:
    """Assembles the image of a recipe. Nothing of the model or its wheels is run.

    The image is a function of the recipe and the base's content: the same on every machine.

    Args:
        recipe: What it is made of; `check_fit` holds for it.
        base: The base that the recipe names.
        ingredients: Where the rest comes from.
        cache: Where wheels and layers are kept; any number of builders may use it at once.
        progress: Told bytes while wheels are fetched, then packages while they are laid out, then bytes of the model
            when it was not seen before.
        ahead: Given the lowest layers while others are made.

    Raises:
        BuildError: A wheel is refused, cannot be had or does not fit; the interpreter that the recipe compiles with is
            not here; something is not of the content that the recipe names; or the disk is full.
        SpecError: The model or the runtime holds something that may not ship.
        TargetUnavailable: The package index does not answer.
    """
    if BaseIdentity.of(base).digest != recipe.base.digest:
        raise BuildError(
            "the base image is another than the recipe's", where=base.reference, hint="lock again with --upgrade"
        )
    check_fit(recipe.base, recipe.environment)
    started = time.perf_counter()
    try:
        with _Work(recipe, ingredients, cache, ahead) as work:
            layers = [*work.environment(progress), work.frame(), work.runtime(), work.model(progress)]
    except OSError as error:
        raise _unwritable(error, cache) from None
    if work.made:
        # In the background: the image is usable now, and what follows takes longer than the disk.
        threading.Thread(target=sync_everything, args=(cache,), name="layers-sync").start()
    if ahead is not None:
        ahead.finish()
    config = config_document(recipe, base, layers)
    digest = f"sha256:{hashlib.sha256(config).hexdigest()}"
    return Assembly(
        image=Image(base, tuple(layers), config, digest),
        wheels=len(recipe.environment.wheels),
        made=sum(layer.diff_id in work.made for layer in layers),
        downloaded=work.files.downloaded,
        downloaded_bytes=work.files.downloaded_bytes,
        seconds=time.perf_counter() - started,
        sent_ahead=ahead.sent if ahead is not None else 0,
    )


@dataclass
class _Work:
    recipe: Recipe
    ingredients: Ingredients
    cache: Path
    ahead: LoadingAhead | None = None
    made: set[str] = field(default_factory=set)
    """The digests of what was made now; of small wheels only the layer that they share is one of the image's."""
    _stack: ExitStack = field(default_factory=ExitStack)
    _compiler: Compiler | None = None

    def __post_init__(self) -> None:
        self.layers = LayerCache(self.cache / "layers")
        self.python = self.recipe.base.python_version
        self.files = WheelFiles(
            self.recipe.environment, self.ingredients.packages, self.cache / "wheels", Uv.found(self.cache / "uv")
        )

    def __enter__(self) -> _Work:
        self.layers.sweep()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def environment(self, progress: OnProgress | None) -> list[Layer]:
        """The wheels' layers, from the lowest up."""
        alone = self._each_wheel(progress)
        groups = arranged(Sized(name, layer.size) for name, layer in alone.items())
        return [self._together([alone[wheel.name] for wheel in group]) for group in groups]

    def frame(self) -> Layer:
        """The environment's frame, the lock and the bill of materials."""
        chunks = partial(tar_chunks, frame_entries(self.recipe))
        return self._made({"kind": "frame", "recipe": self.recipe.environment_digest}, FRAME, chunks)

    def runtime(self) -> Layer:
        """The serving runtime."""
        entries = runtime_entries(self.ingredients.runtime)
        key = self._key("runtime", {"content": runtime_key(entries), "place": RUNTIME})
        found = self.layers.find(key, "serving runtime")
        if found:
            return found
        compiled = list(bytecode_of(entries, self.python, self._compiling()))
        return self._made(key, "serving runtime", partial(tar_chunks, [*entries, *compiled]))

    def model(self, progress: OnProgress | None) -> Layer:
        """The model, or the empty place for it."""
        if self.recipe.weights == "mount":
            return self._made({"kind": "mount", "place": MODEL}, "place of the model", _empty_place)
        if self.ingredients.model is None:
            raise BuildError("the recipe puts the model into the image, and there is none at hand", hint="try again")
        return model_layer(self.ingredients.model, self.recipe.model, self.layers, progress)

    def _each_wheel(self, progress: OnProgress | None) -> dict[str, FileLayer]:
        wheels = self.recipe.environment.wheels
        alone: dict[str, FileLayer] = {}
        missing = []
        for wheel in wheels:
            found = self.layers.find(self._wheel_key(wheel), _what(wheel))
            if found:
                alone[wheel.name] = found
            else:
                missing.append(wheel)
        told = progress or (lambda _: None)
        done = len(alone)
        told(Progress(done, len(wheels), "packages"))
        for layer in self._make_wheels(missing, alone, progress) if missing else ():
            done += 1
            self.made.add(layer.diff_id)
            told(Progress(done, len(wheels), "packages"))
        return alone

    def _make_wheels(
        self, wheels: Sequence[LockedWheel], alone: dict[str, FileLayer], progress: OnProgress | None
    ) -> Iterator[FileLayer]:
        """Makes what is missing, and adds it to what is there."""
        compiler = self._compiling()
        names = [wheel.name for wheel in self.recipe.environment.wheels]
        lock = threading.Lock()

        def make(wheel: LockedWheel, path: Path) -> FileLayer:
            chunks = wheel_chunks(path, wheel, self.python, compiler)
            layer = self.layers.keep(self._wheel_key(wheel), _what(wheel), chunks)
            with lock:
                alone[wheel.name] = layer
                if self.ahead is not None:
                    sizes = {name: each.size for name, each in alone.items()}
                    self.ahead.put([alone[name] for name in settled(names, sizes)])
            return layer

        return make_layers(self.files.each(wheels, progress), make, max(2, cores()))

    def _together(self, layers: Sequence[FileLayer]) -> FileLayer:
        if len(layers) == 1:
            return layers[0]
        what = ", ".join(layer.what for layer in layers)
        key = {"kind": "joined", "layers": [layer.diff_id for layer in layers]}
        return self._made(key, what, partial(joined_chunks, layers))

    def _made(self, key: Mapping[str, object], what: str, chunks: partial[Iterator[bytes]]) -> FileLayer:
        found = self.layers.find(key, what)
        if found:
            return found
        layer = self.layers.keep(key, what, chunks())
        self.made.add(layer.diff_id)
        return layer

    def _wheel_key(self, wheel: LockedWheel) -> Mapping[str, object]:
        return self._key("wheel", {"sha256": wheel.sha256, "name": wheel.name, "place": VENV})

    def _key(self, kind: str, parts: Mapping[str, object]) -> Mapping[str, object]:
        return {"kind": kind, "python": self.python, "bytecode": self.recipe.bytecode, **parts}

    def _compiling(self) -> Compiler | None:
        if self.recipe.bytecode == NO_BYTECODE:
            return None
        if self._compiler is None:
            interpreter = interpreter_for(self.recipe.bytecode)
            self._compiler = self._stack.enter_context(Compiler(interpreter.path))
        return self._compiler


def _unwritable(error: OSError, cache: Path) -> BuildError:
    full = error.errno in {errno.ENOSPC, errno.EDQUOT}
    return BuildError(
        f"the image cannot be assembled: {(error.strerror or str(error)).lower()}",
        where=str(error.filename or cache),
        hint="free some space: deployer gc" if full else "check that the folder can be read and written",
    )


_empty_place = partial(tar_chunks, [folder_entry(MODEL)])


def _what(wheel: LockedWheel) -> str:
    return f"{wheel.name} {wheel.version}"
