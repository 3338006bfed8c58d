"""What is carried into a store that keeps files by their digests, as containerd's does."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from deployer.errors import BuildError
from deployer.image.load import load
from deployer.image.values import Image
from deployer.target import HeldImage
from tests.unit.image.bases import digest_of
from tests.unit.image.test_load import Store


class ContentStore(Store):
    """Such a store in memory: a file that is there may be missing; an image is named by its manifest."""

    def __init__(self, *, tells: bool = True) -> None:
        super().__init__()
        self.by_manifest, self.tells = True, tells
        self.blobs: dict[str, bytes] = {}
        self.known: dict[str, str] = {}
        self.named: list[str] = []

    def learn(self, handle: str, digest: str) -> None:
        self.known[handle] = digest

    def load(self, archive: Iterable[bytes]) -> None:
        with tarfile.open(fileobj=io.BytesIO(b"".join(archive))) as found:
            self.files.append(found.getnames())
            read = {each.name: found.extractfile(each).read() for each in found}  # type: ignore[union-attr]
        assert json.loads(read.pop("oci-layout")) == {"imageLayoutVersion": "1.0.0"}
        index = json.loads(read.pop("index.json"))
        for name, content in read.items():
            assert name == f"blobs/{digest_of(content).replace(':', '/')}"
            self.blobs[digest_of(content)] = content
        for entry in index["manifests"]:
            manifest = json.loads(self.blobs[entry["digest"]])
            parts = (manifest["config"], *manifest["layers"])
            assert all(part["size"] == len(self.blobs.get(part["digest"], b" " * part["size"])) for part in parts)
            missing = [part["digest"] for part in parts if part["digest"] not in self.blobs]
            config = json.loads(self.blobs[manifest["config"]["digest"]])
            layers = () if missing and not self.tells else tuple(config["rootfs"]["diff_ids"])
            held = HeldImage(self.known[entry["digest"]], layers, self.platform, {}, handle=entry["digest"])
            self.images[entry["digest"]] = held
            name = entry.get("annotations", {}).get("io.containerd.image.name")
            if name:
                self.named.append(name)
                self.names[name.removeprefix("docker.io/library/")] = entry["digest"]
            if missing and self.tells:  # and it has the image all the same
                raise BuildError(f"content digest {missing[0]}: not found")

    def remove(self, reference: str) -> None:
        digest = self.names.pop(reference, reference)
        if digest not in self.names.values():
            self.images.pop(digest, None)

    def find(self, reference: str) -> HeldImage | None:
        held = self.images.get(self.names.get(reference, reference))
        names = tuple(name for name, image in self.names.items() if held and image == held.handle)
        return held and HeldImage(held.id, held.diff_ids, held.platform, {}, names, handle=held.handle)


def test_new_weights_are_one_file_more(images: tuple[Image, Image], tmp_path: Path) -> None:
    engine, told = ContentStore(), list[int]()
    first = load(images[0], engine, cache=tmp_path, names=("m:1",), told=told.append)
    assert (first.carried, first.image.id, first.image.references) == (6, images[0].digest, ("m:1",))
    assert first.image.handle != first.image.id
    assert engine.named == ["docker.io/library/m:1"]
    assert sum(told) == first.sent > 0
    second = load(images[1], engine, cache=tmp_path, names=("m:2",))
    assert (second.carried, second.image.id) == (1, images[1].digest)
    again = load(images[1], engine, cache=tmp_path, names=("m:3",))
    assert (again.carried, again.sent, again.image.references) == (0, 0, ("m:2", "m:3"))
    assert len(engine.files) == 2


def test_an_image_is_named_by_the_same_manifest_wherever_it_is_loaded(
    images: tuple[Image, Image], tmp_path: Path
) -> None:
    handles = {load(images[0], ContentStore(), cache=tmp_path / each).image.handle for each in ("one", "other")}
    assert len(handles) == 1


@pytest.mark.parametrize("tells", [True, False], ids=["says so", "has an image without layers then"])
@pytest.mark.parametrize("names", [(), ("m:2",)])
def test_files_that_went_are_carried_again(
    images: tuple[Image, Image], tmp_path: Path, names: tuple[str, ...], tells: bool
) -> None:
    engine = ContentStore(tells=tells)
    load(images[0], engine, cache=tmp_path)
    engine.blobs.clear()  # behind its own back
    assert load(images[1], engine, cache=tmp_path, names=names).carried == 6
    assert len(engine.files) == 3


def test_an_image_that_lacks_a_file_is_not_taken_for_whole_later(images: tuple[Image, Image], tmp_path: Path) -> None:
    class Fills(ContentStore):
        """Has no room for the second try."""

        def load(self, archive: Iterable[bytes]) -> None:
            if len(self.files) == 2:
                self.files.append([])
                raise BuildError("no space left on device")
            super().load(archive)

    engine = Fills()
    load(images[0], engine, cache=tmp_path)
    engine.blobs.clear()
    with pytest.raises(BuildError, match="no space left"):
        load(images[1], engine, cache=tmp_path, names=("m:2",))
    assert engine.find("m:2") is None
    assert load(images[1], engine, cache=tmp_path, names=("m:2",)).carried == 6


def test_what_was_removed_is_not_counted_on(images: tuple[Image, Image], tmp_path: Path) -> None:
    engine = ContentStore()
    load(images[0], engine, cache=tmp_path)
    engine.images.clear()
    engine.blobs.clear()
    assert load(images[1], engine, cache=tmp_path).carried == 6
    assert len(engine.files) == 2


def test_an_engine_that_has_something_else_afterwards(images: tuple[Image, Image], tmp_path: Path) -> None:
    class Careless(ContentStore):
        def load(self, archive: Iterable[bytes]) -> None:
            for _ in archive:
                pass

    with pytest.raises(BuildError, match="has another one now"):
        load(images[0], Careless(), cache=tmp_path)
