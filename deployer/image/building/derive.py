"""A base with Debian packages: one more layer on a base, made in an engine and kept by content.

apt is not reproducible: it takes what its archive has today. So what it took is written down, in the image
(`harvest.PACKAGES`) and for the lock; asked for by exactly these versions, the same packages make the same bytes on
another machine, as long as an archive has them.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

from deployer.errors import BuildError
from deployer.image.building.dockerfile import context, rendered
from deployer.image.building.failures import packages_failed
from deployer.image.building.harvest import Harvest, installed_in
from deployer.image.building.packages import Package, parse_packages
from deployer.image.building.running import BuildPlace, FailedBuild, built
from deployer.image.engine_source import PLAIN_LAYER, EngineSource
from deployer.image.layers import LayerCache
from deployer.image.load import load
from deployer.image.places import TIME_TEXT
from deployer.image.values import BaseImage, BaseLayer, BaseSource, FileLayer, Image
from deployer.manifests import read_manifest
from deployer.value import canonical

__all__ = ["Derived", "DerivedSource", "base_in_engine", "derive_base", "derived_again"]


@dataclass(frozen=True)
class DerivedSource(BaseSource):
    """Where the layers of a base with packages lie.

    Attributes:
        under: Where those of the base lie.
        own: The packages' layer, in the cache.
    """

    under: BaseSource
    own: FileLayer

    def open_layer(self, layer: BaseLayer) -> AbstractContextManager[BinaryIO]:
        """As the contract says."""
        return self.own.open() if layer.diff_id == self.own.diff_id else self.under.open_layer(layer)


@dataclass(frozen=True)
class Derived:
    """A base with packages.

    Attributes:
        base: To assemble on. Its ``reference`` and ``manifest`` are those of what it stands on, its ``digest`` is its
            own.
        installed: What was installed, ``NAME=VERSION``, dependencies included, sorted: for the lock.
        reused: Whether it was in the cache.
    """

    base: BaseImage
    installed: tuple[str, ...]
    reused: bool


def derive_base(base: BaseImage, packages: Sequence[Package], place: BuildPlace, *, fresh: bool = False) -> Derived:
    """A base with packages installed.

    The engine then has it under a name, so that what is assembled on it is carried without it.

    Args:
        base: What they are installed on; glibc's and Python's minor versions stay as they are.
        packages: What to install; what they need comes with them, what they recommend does not.
        place: Where to build; the layer is kept in its cache.
        fresh: Whether to ask the archive although it is in the cache.

    Raises:
        BuildError: There is no such package, the archive cannot be reached, the base has no apt, or a step failed; it
            has the last lines and a hint.
        TargetUnavailable: The engine does not answer, or its disk is full.
    """
    if not packages:
        return Derived(base, (), reused=True)
    layers = LayerCache(place.cache / "layers")
    words = sorted(map(str, packages))
    archive = place.network.archive
    key: Mapping[str, Any] = {"kind": "packages", "base": base.digest, "packages": words, "archive": archive}
    layer = None if fresh else layers.find(key, "Debian packages")
    installed = _installed(layer) if layer else None
    reused = layer is not None and installed is not None
    if layer is None or installed is None:
        layer, installed = _built(base, packages, place, layers, key)
    image = _image(base, layer)
    load(image, place.engine, cache=place.cache, names=(f"{place.repository}:{image.digest[7:19]}",))
    return Derived(_as_base(image), installed, reused=reused)


def derived_again(base: BaseImage, installed: Sequence[str], digest: str, place: BuildPlace) -> Derived:
    """Exactly the base that was derived before, perhaps elsewhere.

    Args:
        base: What it stands on.
        installed: What the lock says was installed.
        digest: Of its configuration.
        place: As in `derive_base`.

    Raises:
        BuildError: The archive has those versions no more, or they make another image by now.
        TargetUnavailable: As in `derive_base`.
    """
    derived = derive_base(base, parse_packages(installed, where="the lock"), place)
    if derived.base.digest != digest:
        raise BuildError(
            f"the same packages make another base by now: {derived.base.digest[:19]}, and {digest[:19]} is locked",
            where=base.reference,
            hint="update with --upgrade takes the new one",
        )
    return derived


def base_in_engine(base: BaseImage, place: BuildPlace) -> str:
    """What the engine knows a base by, which is brought there under a name if it has it not."""
    held = place.engine.find(base.digest)
    name = f"{place.repository}:{base.digest[7:19]}"
    if held is not None:
        if not held.references:  # what has no name goes with what is built on it
            place.engine.tag(base.digest, name)
        return base.digest
    config = canonical(dict(base.config))
    image = Image(base, (), config, _digest(config))
    load(image, place.engine, cache=place.cache, names=(name,))
    return name


def _built(
    base: BaseImage, packages: Sequence[Package], place: BuildPlace, layers: LayerCache, key: Mapping[str, Any]
) -> tuple[FileLayer, tuple[str, ...]]:
    under = base_in_engine(base, place)
    text = rendered("packages.Dockerfile", base=under, packages=" ".join(map(str, packages)))
    files = {"install.sh": read_manifest("docker/install.sh").encode(), **dict(place.network.files())}
    try:
        with (
            built(place, context(text, files), platform=base.platform, reaches=True) as image,
            _last_layer(place, image, base) as stream,
        ):
            harvest = Harvest(stream, base.reference)
            return layers.keep(key, "Debian packages", harvest.chunks()), harvest.installed
    except FailedBuild as failed:
        raise packages_failed(failed, packages, base.reference) from None


@contextlib.contextmanager
def _last_layer(place: BuildPlace, image: str, base: BaseImage) -> Iterator[BinaryIO]:
    held = place.engine.find(image)
    below = tuple(each.diff_id for each in base.layers)
    if held is None or held.diff_ids[: len(below)] != below or len(held.diff_ids) != len(below) + 2:
        raise BuildError("the engine built something else", where=base.reference, hint="try again")
    with EngineSource(place.engine, image).open_layer(BaseLayer(held.diff_ids[-1], PLAIN_LAYER)) as stream:
        yield stream


def _image(base: BaseImage, layer: FileLayer) -> Image:
    """The base and the layer, as a configuration that depends on their contents alone."""
    history = [each for each in base.config.get("history") or () if isinstance(each, dict)]
    if sum(not each.get("empty_layer") for each in history) != len(base.layers):
        history = [{"created": TIME_TEXT, "created_by": "base image"} for _ in base.layers]
    document = {name: value for name, value in base.config.items() if name not in {"container", "container_config"}}
    document["created"] = TIME_TEXT
    document["history"] = [*history, {"created": TIME_TEXT, "created_by": "deployer: Debian packages"}]
    document["rootfs"] = {"type": "layers", "diff_ids": [*(each.diff_id for each in base.layers), layer.diff_id]}
    config = canonical(document)
    return Image(replace(base, config=document), (layer,), config, _digest(config))


def _as_base(image: Image) -> BaseImage:
    (layer,) = image.layers
    assert isinstance(layer, FileLayer)  # noqa: S101 - made above
    return replace(
        image.base,
        digest=image.digest,
        layers=(*image.base.layers, BaseLayer(layer.diff_id, PLAIN_LAYER)),
        source=DerivedSource(image.base.source, layer),
    )


def _installed(layer: FileLayer) -> tuple[str, ...] | None:
    with layer.open() as stream:
        return installed_in(stream)


def _digest(config: bytes) -> str:
    return f"sha256:{hashlib.sha256(config).hexdigest()}"
