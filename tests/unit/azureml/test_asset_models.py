"""Models of a workspace by the real SDK, read from the double; skipped where the SDK is not installed."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from deployer.errors import NotFound, SpecError, TargetUnavailable
from deployer.model import digest, read_metadata, resolve, snapshot, sources
from deployer.target import ModelFiles
from deployer_azureml.asset_models import AssetModels
from tests.unit.azureml.parts import Parts, connected, rights_without

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from deployer.testing.azureml import Double

pytest.importorskip("azure.ai.ml", reason="azure-ai-ml is not installed: models of Azure ML are not read")

MLMODEL = "flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n    python_version: 3.11.7\n"
FILES = {
    "MLmodel": MLMODEL.encode(),
    "requirements.txt": b"mlflow\n",
    "data/model.pkl": bytes(range(256)) * 20_000,
    "data/with space.txt": b"",
}
WORKSPACE = "Microsoft.MachineLearningServices/workspaces"


def _put(parts: Parts, version: str, files: dict[str, bytes] | None = None, folder: str = "models/iris") -> None:
    """Blobs, and a version of a model that is made of them, as another client would have left them."""
    about = parts.placing.store.datastore
    for name, data in (FILES if files is None else files).items():
        parts.double.world.blobs.put(about.container, f"{folder}/{version}/model/{name}", data, 0.0, metadata={})
    long = parts.azure.workspace.replace("/providers/Microsoft.MachineLearningServices", "")
    path = f"azureml:/{long}/datastores/{about.name}/paths/{folder}/{version}/model"
    body = {"properties": {"modelUri": path, "modelType": "mlflow_model", "tags": {"team": "risk"}}}
    parts.azure.ask("PUT", f"models/iris/versions/{version}", body)


@pytest.fixture(params=["AccountKey", "Sas", "None"])
def double(request: pytest.FixtureRequest) -> Generator[Double]:
    from deployer.testing.azureml import Double, Options

    with Double(Options(credentials=request.param)) as made:
        yield made
        assert made.world.trouble == []


@pytest.fixture
def parts(double: Double, monkeypatch: pytest.MonkeyPatch) -> Parts:
    entry: EntryPoint = type("Entry", (), {"load": lambda _: None})()
    monkeypatch.setattr(sources, "_entry_points", lambda: {"azureml": entry})
    found = Parts(double, connected(double, monkeypatch))
    for version in ("1", "2"):
        _put(found, version)
    return found


def test_a_version_is_read_file_by_file_and_taken_whole(
    parts: Parts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = AssetModels(parts.azure)
    found = resolve("azureml:iris:1", source=lambda: models)
    assert found.resolved == f"azureml:{parts.azure.workspace}/models/iris/versions/1"
    assert (found.version, found.alias, found.folder) == ("1", None, None)
    assert read_metadata(found).python == "3.11"
    snapshot(found, tmp_path / "taken")
    assert {name: each.sha256 for name, each in digest(tmp_path / "taken").files.items()} == {
        name: hashlib.sha256(data).hexdigest() for name, data in FILES.items()
    }
    assert capsys.readouterr().out == ""


def test_the_latest_is_a_version_from_then_on(parts: Parts) -> None:
    models = AssetModels(parts.azure)
    found = resolve("azureml:iris@latest", source=lambda: models)
    assert (found.version, found.alias) == ("2", "latest")
    again = resolve(found.resolved, source=lambda: models)
    assert (again.resolved, again.version, again.alias) == (found.resolved, "2", None)
    assert read_metadata(again).python == "3.11"


def test_mlflow_s_names_with_the_workspace_s_address(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    address = parts.azure.ask("GET", parts.azure.workspace)["properties"]["mlFlowTrackingUri"]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    monkeypatch.setitem(sys.modules, "mlflow", None)
    models = AssetModels(parts.azure)
    for uri in ("models:/iris/2", "models:/iris/latest", "models:/iris@latest"):
        found = resolve(uri, source=lambda: models)
        assert (found.uri, found.resolved) == (uri, f"azureml:{parts.azure.workspace}/models/iris/versions/2")


def test_an_id_needs_no_settings(parts: Parts, double: Double, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = f"azureml:{parts.azure.workspace}/models/iris/versions/1"
    elsewhere = connected(double, monkeypatch, subscription=None, resource_group=None, workspace=None)
    for name in ("AZURE_SUBSCRIPTION_ID", "AZUREML_ARM_SUBSCRIPTION", "AZUREML_ARM_RESOURCEGROUP"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir("/")
    models = AssetModels(elsewhere)
    assert read_metadata(resolve(uri, source=lambda: models)).python == "3.11"
    with pytest.raises(SpecError, match="no subscription of Azure is given"):
        resolve("azureml:iris:1", source=lambda: models)


@pytest.mark.parametrize(
    "uri", ["azureml:iris:9", "azureml:nobody:1", "azureml:nobody@latest", "azureml:iris@champion"]
)
def test_what_is_not_there(parts: Parts, uri: str) -> None:
    models = AssetModels(parts.azure)
    with pytest.raises(NotFound, match="in the workspace ws") as refused:
        resolve(uri, source=lambda: models)
    assert (refused.value.where, "az ml model list" in (refused.value.hint or "")) == (uri, True)


def test_a_workspace_that_is_not_there(double: Double, monkeypatch: pytest.MonkeyPatch, parts: Parts) -> None:
    models = AssetModels(connected(double, monkeypatch, workspace="other"))
    with pytest.raises(TargetUnavailable, match="other") as refused:
        resolve("azureml:iris:1", source=lambda: models)
    assert "az ml workspace list" in (refused.value.hint or "")


def test_who_may_not_read_models_is_told_the_right(parts: Parts, double: Double) -> None:
    action = f"{WORKSPACE}/models/versions/read"
    double.tell("PUT", "rights", rights_without(action))
    models = AssetModels(parts.azure)
    with pytest.raises(TargetUnavailable, match=action) as refused:
        resolve("azureml:iris:1", source=lambda: models)
    assert "PERMISSION" in str(refused.value)


def test_the_sdk_leaves_no_trace_in_the_environment(parts: Parts) -> None:
    before = dict(os.environ)
    models = AssetModels(parts.azure)
    resolve("azureml:iris:1", source=lambda: models)
    assert dict(os.environ) == before


def test_a_blob_that_is_gone_meanwhile_is_told(parts: Parts, tmp_path: Path) -> None:
    models = AssetModels(parts.azure)
    found = resolve("azureml:iris:1", source=lambda: models)
    about = parts.placing.store.datastore
    blobs = parts.double.world.blobs.container(about.container)
    assert blobs is not None

    with models.files(found.location, found.uri) as files:
        assert [each.path for each in files.list_artifacts()] == ["MLmodel", "data", "requirements.txt"]
        assert [each.path for each in files.list_artifacts("data")] == ["data/model.pkl", "data/with space.txt"]
        assert files.list_artifacts("nowhere") == []
        del blobs["models/iris/1/model/data/model.pkl"]
    with pytest.raises(TargetUnavailable, match="read the model's files"), models.files(found.location, "x") as again:
        _gone(again, blobs, tmp_path)


def _gone(files: ModelFiles, blobs: dict[str, Any], into: Path) -> None:
    files.list_artifacts()
    blobs.pop("models/iris/1/model/MLmodel")
    files.download_artifacts("", str(into))
