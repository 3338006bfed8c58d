"""Artifact servers that lie, fail, or are not there: nothing is written where it should not be, and nothing is left."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from deployer.errors import NotFound, SpecError, TargetUnavailable
from deployer.model import digest, read_metadata, resolve, snapshot
from deployer.model.resolve import ResolvedModel
from tests.integration.model.store import Store, serving
from tests.unit.model.saved import save

URI = "mlflow-artifacts:/m"


@pytest.fixture
def store(tmp_path: Path) -> Generator[Store, None, None]:
    folder = save(tmp_path / "source", **{"code/deep/a.py": "x = 1\n"})
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with serving(Store(files)) as answering:
        yield answering


@pytest.fixture
def found(store: Store, monkeypatch: pytest.MonkeyPatch) -> ResolvedModel:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    return resolve(URI, tracking_uri=store.url)


def test_an_honest_one(store: Store, found: ResolvedModel, tmp_path: Path) -> None:
    assert read_metadata(found).summary.startswith("sklearn, python 3.11")
    taken = snapshot(found, tmp_path / "state" / "copy")
    assert taken.digest == digest(tmp_path / "source").sha256
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["copy"]


@pytest.mark.parametrize(
    ("folder", "item"),
    [
        ("", {"path": "../../escaped", "is_dir": False}),
        ("", {"path": "/tmp/escaped", "is_dir": False}),
        ("", {"path": "..", "is_dir": True}),
        ("", {"path": "code/../../escaped", "is_dir": False}),
        ("", {"path": "C:\\escaped", "is_dir": False}),
        ("", {"path": "%2e%2e/escaped", "is_dir": False}),
        ("", {"path": "file:///tmp/escaped", "is_dir": False}),
        ("", {"path": ".wh.MLmodel", "is_dir": False}),
        ("", {"path": "MLMODEL", "is_dir": False}),
        ("", {"path": "x/y/z", "is_dir": False}),
        ("code", {"path": "../MLmodel", "is_dir": False}),
        ("code", {"path": "/etc", "is_dir": True}),
        ("code/deep", {"path": ".wh..wh..opq", "is_dir": False}),
        ("code", {"path": "DEEP", "is_dir": False}),
    ],
)
def test_names_that_escape_are_refused_before_anything_is_written(
    store: Store, found: ResolvedModel, tmp_path: Path, folder: str, item: dict[str, Any]
) -> None:
    store.listings[folder] = [*store.listing(folder), {**item, "file_size": 1}]
    before = {path for path in tmp_path.rglob("*") if "state" not in path.parts}
    with pytest.raises((SpecError, TargetUnavailable)):
        snapshot(found, tmp_path / "state" / "copy")
    assert list((tmp_path / "state").iterdir()) == []
    assert {path for path in tmp_path.rglob("*") if "state" not in path.parts} == before
    assert not Path("/tmp/escaped").exists()
    assert not any(path.split("?")[0].endswith(("escaped", "model.pkl")) for path in store.answered)


def test_a_second_listing_that_differs_is_never_asked_for(store: Store, found: ResolvedModel, tmp_path: Path) -> None:
    honest, asked = Store.listing, []

    def listing(folder: str) -> list[dict[str, Any]]:
        asked.append(folder)
        if asked.count(folder) > 1:
            return [{"path": "evil", "is_dir": False, "file_size": 1}]
        return honest(store, folder)

    store.listing = listing  # type: ignore[method-assign]
    taken = snapshot(found, tmp_path / "copy")
    assert "evil" not in taken.files
    assert {folder: asked.count(folder) for folder in ("", "code", "code/deep")} == {"": 1, "code": 1, "code/deep": 1}


def test_a_folder_that_holds_itself_ends(store: Store, found: ResolvedModel, tmp_path: Path) -> None:
    class Endless(dict[str, list[dict[str, Any]]]):
        def __contains__(self, _: object) -> bool:
            return True

        def __getitem__(self, _: str) -> list[dict[str, Any]]:
            return [{"path": "MLmodel", "is_dir": False, "file_size": 1}, {"path": "again", "is_dir": True}]

    store.listings = Endless()
    with pytest.raises(SpecError, match="nested deeper"):
        snapshot(found, tmp_path / "state" / "copy")
    assert list((tmp_path / "state").iterdir()) == []


def test_a_file_that_arrives_cut_off(store: Store, found: ResolvedModel, tmp_path: Path) -> None:
    store.cut.add("model.pkl")
    with pytest.raises(TargetUnavailable, match=r"incomplete: 'model\.pkl' has 20 of 21 bytes") as caught:
        snapshot(found, tmp_path / "state" / "copy")
    assert caught.value.transient
    assert list((tmp_path / "state").iterdir()) == []


def test_a_file_that_is_listed_and_not_there(store: Store, found: ResolvedModel, tmp_path: Path) -> None:
    store.listings[""] = [*store.listing(""), {"path": "more", "is_dir": False, "file_size": 3}]
    with pytest.raises(NotFound):
        snapshot(found, tmp_path / "state" / "copy")
    assert list((tmp_path / "state").iterdir()) == []


def test_an_mlmodel_too_large_is_not_even_fetched(store: Store, found: ResolvedModel) -> None:
    store.listings[""] = [{"path": "MLmodel", "is_dir": False, "file_size": 1 << 40}]
    with pytest.raises(SpecError, match="larger than 8 MB"):
        read_metadata(found)
    assert not any(path.endswith("/MLmodel") for path in store.answered)


def test_a_named_file_that_is_missing_shows_from_the_listing(store: Store, found: ResolvedModel) -> None:
    del store.files["model.pkl"]
    with pytest.raises(SpecError, match=r"'model\.pkl', which .* is missing"):
        read_metadata(found)


@pytest.mark.parametrize(
    ("status", "message", "transient"),
    [(401, "wants credentials", False), (403, "does not let this user", False), (503, "cannot answer now", True)],
)
def test_answers_that_are_none(store: Store, found: ResolvedModel, status: int, message: str, transient: bool) -> None:
    store.status = status
    with pytest.raises(TargetUnavailable, match=message) as caught:
        read_metadata(found)
    assert caught.value.transient is transient
    assert "<html>" not in str(caught.value)
    for uri in (
        "models:/iris@champion",
        "models:/iris/1",
        "models:/iris/latest",
        "runs:/abc/m",
        "models:/m-0123456789",
    ):
        with pytest.raises(TargetUnavailable, match=message):
            resolve(uri, tracking_uri=store.url)


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "http://no-such-host.invalid:5000"])
def test_a_server_that_is_not_there(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "*")
    with pytest.raises(TargetUnavailable, match="cannot be reached") as caught:
        resolve("models:/iris/1", tracking_uri=address)
    assert caught.value.transient
    assert address in str(caught.value)
    assert len(str(caught.value)) < 200


def test_credentials_in_a_servers_address(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SpecError, match="must not carry") as caught:
        resolve("models:/iris/1", tracking_uri="http://me:hunter2@127.0.0.1:9")
    assert "hunter2" not in f"{caught.value}{caught.value.hint}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:hunter2@127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(TargetUnavailable) as other:
        resolve("models:/iris/1")
    assert "hunter2" not in f"{other.value}{other.value.hint}"


@pytest.mark.parametrize(
    ("uri", "install"),
    [
        ("s3://bucket/m", "pip install boto3"),
        ("gs://bucket/m", "pip install google-cloud-storage"),
        ("wasbs://box@account.blob.core.windows.net/m", "pip install azure-storage-blob"),
        ("abfss://box@account.dfs.core.windows.net/m", "azure-storage-file-datalake"),
    ],
)
def test_a_scheme_that_needs_more_names_the_exact_install(
    uri: str, install: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    for name in ("boto3", "google.cloud", "google.cloud.storage", "azure", "azure.storage", "azure.storage.blob"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(SpecError, match="is not installed") as caught:
        read_metadata(resolve(uri))
    assert install in str(caught.value.hint)


def test_a_database_as_tracking_uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SpecError, match="there is no tracking server") as nothing:
        resolve("models:/iris/1")
    assert "export MLFLOW_TRACKING_URI=" in str(nothing.value.hint)
    (tmp_path / "mlflow.db").touch()
    with pytest.raises(SpecError, match="cannot use sqlite:///") as caught:
        resolve("models:/iris/1", tracking_uri=f"sqlite:///{tmp_path}/mlflow.db")
    assert "pip install mlflow" in str(caught.value.hint)
    with pytest.raises(SpecError, match="is served by a tracking server"):
        read_metadata(resolve(URI, tracking_uri=f"sqlite:///{tmp_path}/mlflow.db"))
    with pytest.raises(SpecError, match="no longer from a folder of runs") as folder:
        resolve("models:/iris/1", tracking_uri=f"file://{tmp_path}/mlruns")
    assert "name the model's folder itself" in str(folder.value.hint)
    assert [path.name for path in tmp_path.iterdir()] == ["mlflow.db"]
