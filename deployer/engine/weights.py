"""Weights that an image leaves out: carried from where the model lies into the target's own store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deployer.endpoint import ImageRef, Release
from deployer.engine.counting import Tell, counting
from deployer.engine.fetching import drop_fetched, fetched
from deployer.errors import SpecError
from deployer.target import ImageSink, RegistryPlace, WeightStore, weights_reference

if TYPE_CHECKING:
    from deployer.image.registry import Transport
    from deployer.image.values import BaseImage

__all__ = ["at_hand", "push_weights", "put_weights"]


def put_weights(release: Release, image: ImageRef, sink: ImageSink, store: WeightStore, tell: Tell) -> str:
    """The model from where it lies into the target's store, a piece at a time: no copy of it is made on the way."""
    from deployer.image.model_layer import model_entries
    from deployer.image.tar import tar_chunks, tar_size
    from deployer.model.digest import FileDigest, ModelDigest
    from deployer.model.tree import files_of

    found: list[tuple[str, FileDigest]] = []
    entries = model_entries(files_of(at_hand(release, sink)), "model", found)
    total = tar_size(entries)

    def checked() -> Iterator[bytes]:
        """Broken off before its end when the files are not the planned ones."""
        count, last = counting(tell, "the weights", total), b""
        for piece in tar_chunks(entries):
            if last:  # an empty piece would end what is sent
                yield last
            last = piece
            count(len(piece))
        if (have := ModelDigest.of(found).sha256) != release.model.digest:
            raise SpecError(
                "the model's files changed after the plan was made: "
                f"planned {release.model.digest:.12}, found {have:.12}",
                where=release.model.resolved,
                hint="run the command again",
            )
        yield last

    store.put(release.model.digest, image.reference, checked())
    drop_fetched(release.model.resolved, sink.cache)
    return f"{total / 1e6:.1f} MB of weights"


def push_weights(
    release: Release, base: BaseImage, place: RegistryPlace, way: tuple[ImageSink, Transport], tell: Tell
) -> str:
    """The model as an image beside the one that leaves it out; where that is there already, nobody reads the model."""
    from deployer.image.push import push
    from deployer.image.reference import parse_reference
    from deployer.image.registry import RegistryClient
    from deployer.image.weights_image import weights_image

    sink, transport = way
    reference = parse_reference(weights_reference(place.repository, release.model.digest))
    client = RegistryClient(reference.registry, credentials=place.credentials, plain=place.plain, transport=transport)
    if client.find_manifest(reference) is not None:
        return "its weights are there already"

    def read(progress: Any) -> None:
        tell(detail="the weights", done=progress.done, total=progress.total, unit=progress.unit)

    image = weights_image(base, at_hand(release, sink), release.model.digest, cache=sink.cache, progress=read)

    def told(done: int, total: int) -> None:
        tell(detail=f"the weights to {reference.registry}", done=done, total=total, unit="bytes")

    done = push(image, reference, client=client, cache=sink.cache, oci=sink.oci, told=told)
    drop_fetched(release.model.resolved, sink.cache)
    return f"{done.sent / 1e6:.1f} MB of weights"


def at_hand(release: Release, sink: ImageSink) -> Path:
    """The model's folder on this machine, fetched if it lies elsewhere."""
    from deployer.model import resolve

    folder = fetched(resolve(release.model.resolved, source=lambda: sink.models), sink.cache).folder
    if folder is None:
        raise TypeError("a fetched model is a folder")
    return folder
