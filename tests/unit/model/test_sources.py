"""Registries beside MLflow's own: found by their scheme, asked where they are meant, and read like any other model."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from deployer.errors import SpecError
from deployer.model import digest, read_metadata, resolve, snapshot, sources
from deployer.model.uri import Kind, parse_uri
from deployer.target import FoundModel, ModelFile, ModelFiles, ModelSource

MLMODEL = "flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n    python_version: 3.11.7\n"


class Shelf(ModelSource):
    """Models in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[tuple[str, str | None]] = []

    def find(self, uri: str, registry: str | None = None) -> FoundModel:
        self.asked.append((uri, registry))
        return FoundModel("shelf:iris:3", "iris", "3", "latest" if uri.endswith("latest") else None)

    @contextlib.contextmanager
    def files(self, location: str, where: str) -> Iterator[ModelFiles]:
        assert where
        yield Files(self.folder / location)


class Files(ModelFiles):
    """Those of a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def list_artifacts(self, path: str | None = None) -> list[ModelFile]:
        return [
            ModelFile(str(each.relative_to(self._folder)), each.is_dir(), each.stat().st_size)
            for each in (self._folder / (path or "")).iterdir()
        ]

    def download_artifacts(self, path: str, into: str) -> str:
        for each in self._folder.rglob("*"):
            name = each.relative_to(self._folder)
            if each.is_file() and path in ("", str(name)):
                Path(into, name).parent.mkdir(parents=True, exist_ok=True)
                Path(into, name).write_bytes(each.read_bytes())
        return into


def made() -> Shelf:
    """What the entry point names."""
    return SHELF


def broken() -> Shelf:
    raise ImportError("no module named shelf")


SHELF = Shelf(Path("/nowhere"))


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    place = tmp_path / "iris"
    (place / "data").mkdir(parents=True)
    (place / "MLmodel").write_text(MLMODEL)
    (place / "requirements.txt").write_text("mlflow\n")
    (place / "data" / "model.pkl").write_bytes(b"x" * 10)
    SHELF.folder = tmp_path
    SHELF.asked.clear()
    _register(monkeypatch, "made")
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
        monkeypatch.delenv(name, raising=False)
    return SHELF


def _register(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    entry = EntryPoint("shelf", f"{__name__}:{name}", sources.GROUP)
    monkeypatch.setattr(sources, "_entry_points", lambda: {"shelf": entry})


def test_its_scheme_is_known_by_the_entry_point(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    assert parse_uri("shelf:iris:3").kind is Kind.ASSET
    monkeypatch.setattr(sources, "_entry_points", dict)
    with pytest.raises(SpecError, match="not read from shelf: URIs"):
        parse_uri("shelf:iris:3")
    assert shelf.asked == []


def test_a_model_of_it_is_read_and_taken_like_any_other(shelf: Shelf, tmp_path: Path) -> None:
    found = resolve("shelf:iris@latest")
    assert (found.resolved, found.version, found.alias, found.kind) == ("shelf:iris:3", "3", "latest", Kind.ASSET)
    assert found.folder is None
    assert read_metadata(found).python == "3.11"
    snapshot(found, tmp_path / "taken")
    assert sorted(digest(tmp_path / "taken").files) == ["MLmodel", "data/model.pkl", "requirements.txt"]
    assert shelf.asked == [("shelf:iris@latest", None)]


def test_the_target_s_own_connection_counts_before(shelf: Shelf, tmp_path: Path) -> None:
    own = Shelf(tmp_path)
    assert resolve("shelf:iris:3", source=lambda: own).source is own
    assert resolve("shelf:iris:3", source=lambda: None).source is shelf
    assert (len(own.asked), len(shelf.asked)) == (1, 1)


@pytest.mark.parametrize("variable", ["MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"])
def test_mlflow_s_names_are_asked_of_it_where_its_address_is_set(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)  # what a test before it told MLflow is no matter
    monkeypatch.setenv(variable, "shelf://top/left")
    found = resolve("models:/iris/3")
    assert (found.uri, found.resolved, found.kind) == ("models:/iris/3", "shelf:iris:3", Kind.ASSET)
    assert shelf.asked == [("models:/iris/3", "shelf://top/left")]


def test_a_given_address_counts_before(shelf: Shelf) -> None:
    resolve("models:/iris@champion", tracking_uri="shelf://here")
    assert shelf.asked == [("models:/iris@champion", "shelf://here")]
    assert sources.registry_beside("https://mlflow.example.com", "shelf://here") is None
    assert sources.registry_beside(None, "shelf:here") is None


def test_folders_never_ask(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "shelf://top")

    def asked() -> Any:
        raise AssertionError

    assert resolve(str(shelf.folder / "iris"), source=asked).folder == shelf.folder / "iris"
    assert shelf.asked == []


def test_one_that_cannot_be_imported(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    _register(monkeypatch, "broken")
    with pytest.raises(SpecError, match="no module named shelf") as refused:
        resolve("shelf:iris:3")
    assert refused.value.hint == "pip install 'mlflow-deployer[shelf]'"
