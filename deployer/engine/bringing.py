"""Brings a built image to where it was asked for: an engine, a registry, a layout or an archive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from deployer.engine.counting import Tell, counting
from deployer.errors import SpecError
from deployer.target import ImageSink

if TYPE_CHECKING:
    from deployer.image.base import BasePlaces
    from deployer.image.push import Pushed
    from deployer.image.values import Image, ImageReference

__all__ = ["Carrier"]

_ARCHIVE = "docker-archive:"


@dataclass(frozen=True)
class Carrier:
    """Brings built images to where they were asked for.

    Attributes:
        sink: Cache, and the engine for ``docker-daemon:NAME``.
        places: Registries, as they are spoken to.
        tell: Told bytes.
    """

    sink: ImageSink
    places: BasePlaces
    tell: Tell

    def carry(self, image: Image, to: str) -> str:
        """Bring one image to one place; gives the name by which exactly it is found there.

        Args:
            image: What was assembled.
            to: ``docker-daemon:NAME``, ``oci:FOLDER[:TAG]``, ``docker-archive:FILE``, or a repository with a tag.

        Raises:
            SpecError: It is no such place, or cannot be written.
            BuildError: It is not taken.
            TargetUnavailable: It does not answer.
        """
        from deployer.image.carrying import write_archive, write_layout
        from deployer.image.reference import EnginePlace, LayoutPlace, NamedPlace, name_of, parse_place

        if to.startswith(_ARCHIVE):
            write_archive(image, Path(to.removeprefix(_ARCHIVE)).expanduser(), names=(_default_name(image),))
            return to
        place = parse_place(to)
        if isinstance(place, LayoutPlace):
            digest = write_layout(image, place.folder, cache=self.sink.cache, tag=place.tag)
            return f"oci:{place.folder}@{digest}"
        if isinstance(place, EnginePlace):
            return self._load(image, place.name)
        if not isinstance(place, NamedPlace):
            raise SpecError(f"an image cannot be put into {to}", where="--to", hint="--to oci:FOLDER, or a repository")
        pushed = self._push(image, place.reference)
        return f"{name_of(replace(place.reference, tag=None))}@{pushed.digest}"

    def carry_index(self, images: Mapping[str, Image], to: str) -> str:
        """Bring several platforms' images to one repository, as one.

        Raises:
            SpecError: It is no repository.
            TargetUnavailable: It does not answer.
        """
        from deployer.image.push import push_index
        from deployer.image.reference import NamedPlace, name_of, parse_place

        place = None if to.startswith(_ARCHIVE) else parse_place(to)
        if not isinstance(place, NamedPlace):
            raise SpecError(
                f"{to} takes one platform at a time",
                where="--to",
                hint="for several, --to REPOSITORY:TAG",
            )
        bare = replace(place.reference, tag=None)
        pushed = {platform: self._push(image, bare) for platform, image in images.items()}
        client = self.places.client(place.reference.registry)
        digest = push_index(pushed, place.reference, client=client, oci=self.sink.oci)
        return f"{name_of(bare)}@{digest}"

    def _push(self, image: Image, reference: ImageReference) -> Pushed:
        from deployer.image.push import push

        def told(done: int, total: int) -> None:
            self.tell(detail=f"to {reference.registry}", done=done, total=total, unit="bytes")

        client = self.places.client(reference.registry)
        return push(image, reference, client=client, cache=self.sink.cache, oci=self.sink.oci, told=told)

    def _load(self, image: Image, name: str) -> str:
        from deployer.image.load import load

        if self.sink.engine is None:
            raise SpecError("no engine is asked to take it", where="--to", hint="name its target: -t docker")
        told = counting(self.tell, "to the engine")
        names = (name or _default_name(image),)
        return load(image, self.sink.engine, cache=self.sink.cache, names=names, told=told).image.handle


def _default_name(image: Image) -> str:
    return f"deployer/image:{image.digest[7:19]}"
