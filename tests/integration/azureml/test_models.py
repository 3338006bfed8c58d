"""Models by Azure's own names: uploaded by the SDK as ``az ml model create`` does, read by ours (way D, a proxy)."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from deployer.model import digest, read_metadata, resolve, snapshot
from deployer.testing.azureml import Double, Options
from deployer_azureml.asset_models import AssetModels, from_environment
from deployer_azureml.client import Azure
from deployer_azureml.config import AzureMLOptions
from deployer_azureml.placing import Placing
from deployer_azureml.weights import AssetWeights

ml = pytest.importorskip("azure.ai.ml", reason="azure-ai-ml is not installed: models of Azure ML are not read")
entities = pytest.importorskip("azure.ai.ml.entities")
identity = pytest.importorskip("azure.identity")

MLMODEL = "flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n    python_version: 3.11.7\n"


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Generator[Double]:
    for name in ("AZUREML_DEV_URL_MFE", "AZURE_AUTHORITY_HOST", "MLFLOW_TRACKING_URI", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with Double(Options(proxy=True)) as made:
        for name, value in made.proxied.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AZURE_SUBSCRIPTION_ID", made.options.subscription)
        monkeypatch.setenv("AZUREML_ARM_RESOURCEGROUP", made.options.group)
        monkeypatch.setenv("AZUREML_ARM_WORKSPACE_NAME", "ws")
        yield made
        assert made.world.trouble == []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "model"
    (place / "data").mkdir(parents=True)
    (place / "MLmodel").write_text(MLMODEL)
    (place / "requirements.txt").write_text("mlflow\n")
    (place / "data" / "model.pkl").write_bytes(b"x" * 100_000)
    return place


def _uploaded(double: Double, folder: Path) -> Any:
    options = double.options
    credential = identity.DefaultAzureCredential(exclude_managed_identity_credential=True)
    client = ml.MLClient(credential, options.subscription, options.group, "ws", show_progress=False)
    return client.models.create_or_update(entities.Model(path=str(folder), name="iris", type="mlflow_model"))


def test_what_the_sdk_uploaded_is_read_without_a_target(double: Double, folder: Path, tmp_path: Path) -> None:
    made = _uploaded(double, folder)
    found = resolve("azureml:iris@latest", source=from_environment)
    assert found.version == made.version == "1"
    assert found.resolved == f"azureml:{double.workspace}/models/iris/versions/1"
    assert read_metadata(found).python == "3.11"
    snapshot(found, tmp_path / "taken")
    assert digest(tmp_path / "taken") == digest(folder)
    assert f"{double.options.account}.blob.core.windows.net:443" in double.hosts


def test_what_we_put_is_read_by_the_sdk(double: Double, folder: Path, tmp_path: Path) -> None:
    from deployer.image.model_layer import model_entries
    from deployer.image.tar import tar_chunks
    from deployer.model.tree import files_of

    azure = Azure(AzureMLOptions())
    weights = AssetWeights(azure, Placing(azure), "team")
    sha = digest(folder).sha256
    weights.put(sha, "", tar_chunks(model_entries(files_of(folder), "model", [])))
    assert weights.has(sha)
    options = double.options
    credential = identity.DefaultAzureCredential(exclude_managed_identity_credential=True)
    client = ml.MLClient(credential, options.subscription, options.group, "ws", show_progress=False)
    client.models.download("deployer-model", sha[:24], download_path=str(tmp_path / "there"))
    assert digest(tmp_path / "there/deployer-model/model") == digest(folder)
    again = resolve(f"azureml:deployer-model:{sha[:24]}", source=lambda: AssetModels(azure))
    assert read_metadata(again).python == "3.11"
