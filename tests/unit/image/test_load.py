"""What is carried to an engine, and what not."""

from __future__ import annotations

import contextlib
import io
import json
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from deployer.errors import BuildError
from deployer.image.archive import archive, members_of
from deployer.image.load import common_length, load
from deployer.image.values import Image
from deployer.target import Engine, HeldImage
from tests.unit.image.bases import base_of, digest_of, image_of, layer_of, tar_of


class Store(Engine):
    """An engine's store in memory, with Docker's rule: a layer whose chain is there is not read."""

    def __init__(self, *, partial: bool = True) -> None:
        self.identity, self.platform, self.partial_loads = "ID:1", "linux/amd64", partial
        self.images: dict[str, HeldImage] = {}
        self.names: dict[str, str] = {}
        self.files: list[list[str]] = []
        self.forgets = False

    def find(self, reference: str) -> HeldImage | None:
        held = self.images.get(self.names.get(reference, reference))
        names = tuple(name for name, image in self.names.items() if held and image == held.id)
        return held and HeldImage(held.id, held.diff_ids, held.platform, {}, names)

    def load(self, archive: Iterable[bytes]) -> None:
        content = b"".join(archive)
        with tarfile.open(fileobj=io.BytesIO(content)) as found:
            self.files.append(found.getnames())
            read = {each.name: found.extractfile(each).read() for each in found}  # type: ignore[union-attr]
        (entry,) = json.loads(read["manifest.json"])
        config = read[entry["Config"]]
        layers = tuple(json.loads(config)["rootfs"]["diff_ids"])
        chains = [] if self.forgets else [each.diff_ids for each in self.images.values()]
        for at, (diff_id, file) in enumerate(zip(layers, entry["Layers"], strict=True), 1):
            if not any(layers[:at] == chain[:at] for chain in chains):
                if file not in read:
                    raise BuildError(f"open {file}: no such file or directory")
                content = read[file]
                if content[:2] == b"\x1f\x8b":
                    import gzip

                    content = gzip.decompress(content)
                assert digest_of(content) == diff_id
        self.images[digest_of(config)] = HeldImage(digest_of(config), layers, self.platform, {})
        self.names |= dict.fromkeys(entry["RepoTags"] or (), digest_of(config))

    def save(self, reference: str) -> contextlib.AbstractContextManager[BinaryIO]:
        raise NotImplementedError

    def tag(self, image: str, reference: str) -> None:
        self.names[reference] = image

    def pull(self, reference: str, platform: str, told: Callable[[int, int | None], None]) -> HeldImage:
        raise NotImplementedError

    def remove(self, reference: str) -> None:
        raise NotImplementedError

    def build(
        self,
        context: Iterable[bytes],
        *,
        platform: str,
        network: str | None = None,
        arguments: Mapping[str, str] | None = None,
    ) -> Iterator[str]:
        raise NotImplementedError


def test_new_weights_are_one_layer(images: tuple[Image, Image], tmp_path: Path) -> None:
    engine, told = Store(), list[int]()
    first = load(images[0], engine, cache=tmp_path, names=("m:1",), told=told.append)
    assert (first.carried, first.image.references) == (6, ("m:1",))
    assert sum(told) == first.sent > 0
    second = load(images[1], engine, cache=tmp_path, names=("m:2",))
    assert (second.carried, second.image.id) == (1, images[1].digest)
    assert second.sent < 25_000
    again = load(images[1], engine, cache=tmp_path, names=("m:3",))
    assert (again.carried, again.sent, again.image.references) == (0, 0, ("m:2", "m:3"))


def test_the_base_s_layers_are_left_out_when_the_engine_has_it(images: tuple[Image, Image], tmp_path: Path) -> None:
    engine, base = Store(), images[0].base
    engine.images[base.digest] = HeldImage(base.digest, tuple(each.diff_id for each in base.layers), "linux/amd64", {})
    assert load(images[0], engine, cache=tmp_path).carried == 4


def test_an_engine_that_wants_it_all_gets_it_all(images: tuple[Image, Image], tmp_path: Path) -> None:
    engine = Store(partial=False)
    assert [load(each, engine, cache=tmp_path).carried for each in images] == [6, 6]


def test_an_engine_that_lost_its_layers_meanwhile_gets_them_again(images: tuple[Image, Image], tmp_path: Path) -> None:
    engine = Store()
    load(images[0], engine, cache=tmp_path)
    engine.forgets = True
    assert load(images[1], engine, cache=tmp_path).carried == 6
    assert len(engine.files) == 3


def test_an_image_that_goes_while_it_is_named_is_carried_again(images: tuple[Image, Image], tmp_path: Path) -> None:
    class Shared(Store):
        """Another process lets go of the image between the look and the name."""

        def tag(self, image: str, reference: str) -> None:
            self.images.clear()
            raise BuildError(f"No such image: {image}")

    engine = Shared()
    load(images[0], engine, cache=tmp_path, names=("m:1",))
    again = load(images[0], engine, cache=tmp_path, names=("m:2",))
    assert (again.carried, again.image.references) == (6, ("m:1", "m:2"))


def test_what_was_removed_is_not_counted_on(images: tuple[Image, Image], tmp_path: Path) -> None:
    engine = Store()
    load(images[0], engine, cache=tmp_path)
    engine.images.clear()
    assert load(images[1], engine, cache=tmp_path).carried == 6
    assert len(engine.files) == 2


def test_an_engine_that_has_something_else_afterwards(images: tuple[Image, Image], tmp_path: Path) -> None:
    class Wrong(Store):
        def load(self, archive: Iterable[bytes]) -> None:
            super().load(archive)
            self.images.clear()

    with pytest.raises(BuildError, match="has another one now"):
        load(images[0], Wrong(), cache=tmp_path)


def test_an_archive_is_the_same_each_time(images: tuple[Image, Image]) -> None:
    image = images[0]

    def made(**how: Any) -> bytes:
        return b"".join(archive(image.config, image.digest, members_of(image), **how))

    assert made(names=("m:1",)) == made(names=("m:1",))
    with tarfile.open(fileobj=io.BytesIO(made(there=5))) as found:
        assert len(found.getnames()) == 3
        assert {(each.uid, each.gid, each.mtime) for each in found} == {(0, 0, 0)}


def test_a_layer_that_lies_twice_is_carried_once(tmp_path: Path) -> None:
    layer = layer_of(tmp_path, b"1")
    image = image_of(base_of(tar_of([("a", b"1")])), layer, layer)
    assert load(image, Store(), cache=tmp_path).carried == 2


def test_common_length() -> None:
    assert common_length(("a", "b", "c"), ("a", "b", "d")) == 2
    assert common_length(("a",), ()) == 0
