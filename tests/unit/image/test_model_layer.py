"""The model's layer: made as it is read, known without being read again."""

from __future__ import annotations

import hashlib
import io
import tarfile
import tracemalloc
from pathlib import Path

import pytest

from deployer.errors import BuildError, SpecError
from deployer.image.layers import LayerCache
from deployer.image.model_layer import FolderLayer, model_layer
from deployer.image.tar import digest_of
from deployer.model.digest import digest
from deployer.model.progress import Progress


@pytest.fixture
def model(tmp_path: Path) -> Path:
    root = tmp_path / "model"
    (root / "artifacts").mkdir(parents=True)
    (root / "MLmodel").write_text("flavors: {}\n")
    (root / "artifacts" / "weights").write_bytes(bytes(range(256)) * 100)
    (root / "artifacts" / "weights").chmod(0o600)
    return root


def made(model: Path, cache: LayerCache) -> FolderLayer:
    return model_layer(model, digest(model).sha256, cache)


def test_what_is_in_it(model: Path, tmp_path: Path) -> None:
    layer = made(model, LayerCache(tmp_path / "layers"))
    with layer.open() as stream:
        content = stream.read()
    assert layer.diff_id == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert layer.size == len(content)
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        found = {member.name: (member.size, oct(member.mode)) for member in archive}
    assert found == {
        "opt": (0, "0o755"),
        "opt/ml": (0, "0o755"),
        "opt/ml/model": (0, "0o755"),
        "opt/ml/model/MLmodel": (12, "0o644"),
        "opt/ml/model/artifacts": (0, "0o755"),
        "opt/ml/model/artifacts/weights": (25600, "0o644"),
    }
    assert digest_of(layer.chunks()) == (layer.diff_id, layer.size)


def test_it_is_read_once_to_be_known(model: Path, tmp_path: Path) -> None:
    cache, seen = LayerCache(tmp_path / "layers"), list[Progress]()
    wanted = digest(model).sha256
    first = model_layer(model, wanted, cache, seen.append)
    assert seen[-1] == Progress(first.size, first.size, "bytes")
    seen.clear()
    assert model_layer(model, wanted, cache, seen.append) == first
    assert seen == []
    assert len(list((tmp_path / "layers").iterdir())) == 1


def test_another_model_is_refused_and_not_remembered(model: Path, tmp_path: Path) -> None:
    cache, wanted = LayerCache(tmp_path / "layers"), digest(model).sha256
    (model / "MLmodel").write_text("flavors: {x}")
    with pytest.raises(BuildError, match="holds another model"):
        model_layer(model, wanted, cache)
    (model / "MLmodel").write_text("flavors: {}\n")
    assert model_layer(model, wanted, cache).size > 0


def test_a_file_that_grew_ends_the_stream(model: Path, tmp_path: Path) -> None:
    layer = made(model, LayerCache(tmp_path / "layers"))
    chunks = layer.chunks()
    next(chunks)
    (model / "MLmodel").write_text("something longer than before\n")
    with pytest.raises((BuildError, SpecError)):
        list(chunks)


def test_links_are_refused(model: Path, tmp_path: Path) -> None:
    layer = made(model, LayerCache(tmp_path / "layers"))
    (model / "link").symlink_to("/etc/passwd")
    with pytest.raises(SpecError, match="symbolic link"):
        list(layer.chunks())


def test_memory_does_not_grow_with_the_model(model: Path, tmp_path: Path) -> None:
    with (model / "artifacts" / "large").open("wb") as file:
        file.truncate(64 << 20)
    cache, wanted = LayerCache(tmp_path / "layers"), digest(model).sha256
    tracemalloc.start()
    try:
        layer = model_layer(model, wanted, cache)
        assert sum(map(len, layer.chunks())) == layer.size > 64 << 20
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()
