"""Images on disk, and bases that are read from there."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from deployer.errors import BuildError, SpecError
from deployer.image.base import BasePlaces, inspect_base
from deployer.image.carrying import write_archive, write_layout
from deployer.image.values import Image
from tests.unit.image.bases import LIBC, base_of, image_of, layer_of, tar_of

ROOT = tar_of([("usr/local/bin/python3.11", b"ELF"), ("lib/x86_64-linux-gnu/libc.so.6", LIBC)])


@pytest.fixture
def images(tmp_path: Path) -> tuple[Image, Image]:
    base = base_of(ROOT)
    return image_of(base, layer_of(tmp_path, b"one")), image_of(base, layer_of(tmp_path, b"two"))


def test_a_layout_holds_several_images_and_is_a_base_again(images: tuple[Image, Image], tmp_path: Path) -> None:
    folder, places = tmp_path / "layout", BasePlaces(tmp_path / "cache")
    first = write_layout(images[0], folder, cache=tmp_path / "cache", tag="one")
    assert write_layout(images[0], folder, cache=tmp_path / "cache", tag="one") == first
    found = inspect_base(f"oci:{folder}", platform="linux/amd64", python="3.11", places=places)
    assert (found.digest, found.manifest) == (images[0].digest, first)
    write_layout(images[1], folder, cache=tmp_path / "cache", tag="two", oci=False)
    found = inspect_base(f"oci:{folder}:two", platform="linux/amd64", python="3.11", places=places)
    assert (found.digest, found.python, found.glibc) == (images[1].digest, "/usr/local/bin/python3.11", "2.36")
    with pytest.raises(SpecError, match="several images: one, two"):
        inspect_base(f"oci:{folder}", platform="linux/amd64", python="3.11", places=places)
    with pytest.raises(BuildError, match="no image 'three' in it: it has one, two"):
        inspect_base(f"oci:{folder}:three", platform="linux/amd64", python="3.11", places=places)
    write_layout(images[1], folder, cache=tmp_path / "cache", tag="one")
    entries = json.loads((folder / "index.json").read_text())["manifests"]
    assert len(entries) == 2


def test_a_layout_in_a_tar(images: tuple[Image, Image], tmp_path: Path) -> None:
    write_layout(images[0], tmp_path / "layout", cache=tmp_path / "cache", tag="one")
    with tarfile.open(tmp_path / "layout.tar", "w") as archive:
        archive.add(tmp_path / "layout", ".")
    places = BasePlaces(tmp_path / "cache")
    found = inspect_base(f"oci-archive:{tmp_path}/layout.tar", platform="linux/amd64", python="3.11", places=places)
    assert found.digest == images[0].digest
    with found.source.open_layer(found.layers[0]) as layer:
        assert len(layer.read()) == found.layers[0].size


def test_what_is_known_is_not_read_again(images: tuple[Image, Image], tmp_path: Path) -> None:
    folder, places = tmp_path / "layout", BasePlaces(tmp_path / "cache")
    write_layout(images[0], folder, cache=tmp_path / "other")
    first = inspect_base(f"oci:{folder}", platform="linux/amd64", python="3.11", places=places)
    (folder / "blobs" / "sha256" / str(first.layers[0].digest)[7:]).unlink()
    assert inspect_base(f"oci:{folder}", platform="linux/amd64", python="3.11", places=places) == first
    with pytest.raises(BuildError, match="cannot be read"), first.source.open_layer(first.layers[0]):
        pass
    memory = next((tmp_path / "cache" / "bases").glob("*.json"))
    memory.write_text(memory.read_text().replace("amd64", "arm64"))
    with pytest.raises(BuildError, match="cannot be read"):
        inspect_base(f"oci:{folder}", platform="linux/amd64", python="3.11", places=places)


def test_what_is_damaged_is_refused(images: tuple[Image, Image], tmp_path: Path) -> None:
    folder = tmp_path / "layout"
    write_layout(images[0], folder, cache=tmp_path / "other")
    blob = folder / "blobs" / "sha256" / str(images[0].base.layers[0].digest)[7:]
    content = bytearray(blob.read_bytes())
    content[-5] ^= 1
    blob.write_bytes(content)
    with pytest.raises(BuildError):
        inspect_base(f"oci:{folder}", platform="linux/amd64", python="3.11", places=BasePlaces(tmp_path / "cache"))


def test_what_is_no_layout(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x" * 2000)
    for place in (tmp_path, tmp_path / "file", tmp_path / "none"):
        with pytest.raises(SpecError, match="not an OCI image layout"):
            inspect_base(f"oci:{place}", platform="linux/amd64", python="3.11", places=BasePlaces(tmp_path))


def test_another_platform(images: tuple[Image, Image], tmp_path: Path) -> None:
    write_layout(images[0], tmp_path / "layout", cache=tmp_path / "cache")
    with pytest.raises(SpecError, match="for linux/amd64, not for linux/arm64"):
        inspect_base(f"oci:{tmp_path}/layout", platform="linux/arm64", python="3.11", places=BasePlaces(tmp_path / "c"))


def test_nothing_of_another_s_is_overwritten(images: tuple[Image, Image], tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(SpecError, match="other things in it"):
        write_layout(images[0], tmp_path / "mine", cache=tmp_path / "cache")
    assert [each.name for each in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_an_archive_is_whole_or_not_there(images: tuple[Image, Image], tmp_path: Path) -> None:
    size = write_archive(images[0], tmp_path / "image.tar", names=("iris:1",))
    assert (tmp_path / "image.tar").stat().st_size == size
    images[0].layers[0].path.unlink()  # type: ignore[attr-defined]
    with pytest.raises(SpecError):
        write_archive(images[0], tmp_path / "other.tar")
    assert not (tmp_path / "other.tar").exists()
    with pytest.raises(SpecError, match="cannot be written"):
        write_archive(images[1], tmp_path / "none" / "image.tar")
