"""What the image builder takes from the cache is marked as used, and keeps its time of change."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import io
import os
from pathlib import Path

import pytest

from deployer.environment import Lock, PackageSources, Uv
from deployer.environment.building import built_wheel
from deployer.environment.lock import BuiltWheel, LockedSource
from deployer.image.base import _remember, _remembered
from deployer.image.building.keeping import CompiledWheels
from deployer.image.carrying import write_layout
from deployer.image.compress import BlobStore, gzipped
from deployer.image.facts import Facts
from deployer.image.push import push
from deployer.image.registry import RegistryClient, Transport
from deployer.image.registry_source import RegistrySource
from deployer.image.values import BaseLayer, Image, ImageReference
from deployer.image.wheels import WheelFiles
from tests.unit.image.bases import GZIP, base_of, digest_of, image_of, layer_of, tar_of
from tests.unit.image.registry.server import registry
from tests.unit.image.wheel_files import WheelFile
from tests.unit.model.marked import aged, marks


def unchanged(times: dict[Path, int]) -> bool:
    return all(path.stat().st_mtime_ns == time for path, time in times.items())


@pytest.fixture
def image(tmp_path: Path) -> Image:
    (tmp_path / "made").mkdir()
    return image_of(base_of(tar_of([("a", b"1")])), layer_of(tmp_path / "made", b"weights"))


def test_a_compressed_layer_and_its_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, plain = BlobStore(tmp_path), b"plain"

    def make() -> str:
        return gzipped(store, digest_of(plain), lambda: io.BytesIO(plain)).digest

    blob = make()
    times, marked = aged(tmp_path), marks(monkeypatch)
    assert make() == blob
    assert marked == set(times)
    assert unchanged(times)


def test_what_is_written_again_into_a_layout(tmp_path: Path, image: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    write_layout(image, tmp_path / "out", cache=tmp_path / "cache")
    times, theirs, marked = aged(tmp_path / "cache"), aged(tmp_path / "out" / "blobs"), marks(monkeypatch)
    write_layout(image, tmp_path / "other", cache=tmp_path / "cache")
    assert marked == set(times)
    write_layout(image, tmp_path / "out", cache=tmp_path / "cache")
    assert not marked & set(theirs)  # a layout is no cache of ours
    assert unchanged(times | theirs)


def test_what_is_pushed_elsewhere(tmp_path: Path, image: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "cache"
    with registry() as state, RegistryClient(state.host, transport=Transport(sleep=lambda _: None)) as client:
        push(image, ImageReference(state.host, "team/iris", "1"), client=client, cache=cache)
        times, marked = aged(cache), marks(monkeypatch)
        state.forget_mounts = True
        push(image, ImageReference(state.host, "team/other", "1"), client=client, cache=cache)
    assert marked == set(times)


def test_what_is_known_of_a_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = Facts({"3.11": "/usr/local/bin/python3.11"}, "2.36")
    config = b"{}"
    _remember(tmp_path, digest_of(config), config, facts)
    times, marked = aged(tmp_path), marks(monkeypatch)
    assert _remembered(tmp_path, digest_of(config)) == (config, facts)
    assert marked == set(times)


def test_a_blob_of_a_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blob = b"of a base"
    (tmp_path / digest_of(blob)[7:]).write_bytes(blob)
    times, marked = aged(tmp_path), marks(monkeypatch)
    with RegistryClient("localhost:1", transport=Transport(sleep=lambda _: None)) as client:
        source = RegistrySource(client, ImageReference("localhost:1", "python", digest="sha256:00"), tmp_path)
        with source.open_layer(BaseLayer("sha256:11", GZIP, digest_of(blob), len(blob))) as found:
            assert found.read() == blob
    assert marked == set(times)


def test_a_downloaded_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, locked = WheelFile().write(tmp_path)
    kept = tmp_path / "wheels" / f"{locked.sha256}.whl"
    kept.parent.mkdir()
    path.rename(kept)
    marked = marks(monkeypatch)
    lock = Lock("3.11", "x86_64-manylinux_2_36", (locked,))
    files = WheelFiles(lock, PackageSources(), kept.parent, Uv.found(tmp_path / "uv"))
    assert [found for _, found in files.each(lock.wheels)] == [kept]
    assert marked == {kept}


def test_a_package_built_from_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, locked = WheelFile().write(tmp_path)
    source = LockedSource("own_package-1.0.tar.gz", hashlib.sha256(b"source").hexdigest(), ())
    made = BuiltWheel(dataclasses.replace(locked, source=source), path)
    wheels = CompiledWheels(tmp_path / "built", "3.11", "x86_64-manylinux_2_36")
    kept, marked = wheels.keep(made), marks(monkeypatch)
    note = kept.path.with_name("built.lock")
    assert wheels.find(source.sha256) == kept
    assert marked == {note}
    marked.clear()
    assert built_wheel(made.locked, "3.11", PackageSources(), Uv.found(tmp_path / "uv")) == kept.path
    assert marked == {note}


def test_a_cache_that_may_not_be_written_to_is_used_all_the_same(
    tmp_path: Path, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = BlobStore(tmp_path / "cache" / "blobs")
    blob = gzipped(store, digest_of(b"plain"), lambda: io.BytesIO(b"plain"))
    aged(tmp_path / "cache")

    def refused(*_: object, **__: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "utime", refused)
    assert store.takes(blob)
    with contextlib.closing(io.BytesIO()) as nothing:
        assert gzipped(store, digest_of(b"plain"), lambda: nothing) == blob
