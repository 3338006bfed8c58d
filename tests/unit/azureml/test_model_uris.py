"""How models of Azure ML are named, and that nothing of it is asked for to tell."""

from __future__ import annotations

import pytest

from deployer.errors import SpecError
from deployer_azureml.clouds import Cloud
from deployer_azureml.model_uris import Kept, ModelName, kept_in, long_form, parse_model, workspace_of
from deployer_azureml.wheres import Where

SUBSCRIPTION = "22222222-0000-4000-8000-000000000002"
THERE = Where(SUBSCRIPTION, "ml", "team")
ID = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/ml/providers/Microsoft.MachineLearningServices/workspaces/team"
ADDRESS = f"azureml://westeurope.api.azureml.ms/mlflow/v1.0{ID}"


@pytest.mark.parametrize(
    ("uri", "named"),
    [
        ("azureml:iris:3", ModelName("iris", "3")),
        ("azureml:iris-v2.1:2026-11-29", ModelName("iris-v2.1", "2026-11-29")),
        ("azureml:iris@latest", ModelName("iris", label="latest")),
        (f"azureml:{ID}/models/iris/versions/3", ModelName("iris", "3", where=THERE)),
        (f"azureml:{ID}/models/iris/labels/latest", ModelName("iris", label="latest", where=THERE)),
        (
            f"azureml://subscriptions/{SUBSCRIPTION}/resourcegroups/ml/workspaces/team/models/iris/versions/3",
            ModelName("iris", "3", where=THERE),
        ),
    ],
)
def test_its_own_forms(uri: str, named: ModelName) -> None:
    assert parse_model(uri) == named


@pytest.mark.parametrize(
    ("uri", "named"),
    [
        ("models:/iris/3", ModelName("iris", "3", where=THERE)),
        ("models:/iris@latest", ModelName("iris", label="latest", where=THERE)),
        ("models:/iris/latest", ModelName("iris", label="latest", where=THERE)),
        ("azureml:iris:3", ModelName("iris", "3", where=THERE)),
    ],
)
def test_mlflow_s_forms_with_the_workspace_s_address(uri: str, named: ModelName) -> None:
    assert parse_model(uri, ADDRESS) == named
    assert parse_model(uri, f"{ADDRESS}?") == named


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("azureml:iris", "names no model"),
        ("azureml:", "names no model"),
        ("azureml:iris:3:4", "names no model"),
        ("azureml:../x:1", "names no model"),
        ("models:/iris/3", "names no model"),
        ("azureml://registries/azureml/models/phi/versions/1", "not from a registry of several"),
        (ADDRESS, "address of a workspace"),
    ],
)
def test_what_names_none(uri: str, said: str) -> None:
    with pytest.raises(SpecError, match=said) as refused:
        parse_model(uri)
    assert refused.value.where == uri
    assert refused.value.hint


def test_what_is_remembered_needs_no_settings() -> None:
    uri = long_form(THERE, "iris", "3")
    assert uri == f"azureml:{ID}/models/iris/versions/3"
    assert parse_model(uri) == ModelName("iris", "3", where=THERE)


def test_the_address_of_a_workspace() -> None:
    assert workspace_of(ADDRESS) == THERE
    for other in ("https://mlflow.example.com", "azureml://user@host/mlflow/v1.0" + ID, "azureml:iris:3"):
        assert workspace_of(other) is None


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        (
            f"azureml://subscriptions/{SUBSCRIPTION}/resourcegroups/ml/workspaces/team/datastores/own/paths/L/0a1b/model/",
            Kept("L/0a1b/model", "own"),
        ),
        ("azureml://datastores/own/paths/a%20b/c", Kept("a b/c", "own")),
        (
            "https://acct.blob.core.windows.net/azureml/ExperimentRun/dcid.x/model",
            Kept("ExperimentRun/dcid.x/model", container="https://acct.blob.core.windows.net/azureml"),
        ),
    ],
)
def test_where_its_files_lie(path: str, kept: Kept) -> None:
    assert kept_in(path, "azureml:iris:3", Cloud()) == kept


@pytest.mark.parametrize(
    "path",
    [
        "",
        "azureml://jobs/run/outputs/artifacts/paths/model",
        "https://example.com/a/b",
        "https://x.blob.evil.example/c/models/iris",
        "https://evil.example\\.blob.core.windows.net/c/models/iris",
        "https://a@acct.blob.core.windows.net/c/models/iris",
        "http://acct.blob.core.windows.net/c/models/iris",
        "https://acct.blob.core.windows.net/alone",
    ],
)
def test_files_that_lie_elsewhere(path: str) -> None:
    with pytest.raises(SpecError, match="where deployer does not look") as refused:
        kept_in(path, "azureml:iris:3", Cloud())
    assert "az ml model download" in (refused.value.hint or "")


@pytest.mark.parametrize("name", ["evil.example/", "evil.example\\", "", "a", "Acct", "acct?", "acct@evil"])
def test_a_token_goes_to_no_account_that_cannot_be(name: str) -> None:
    with pytest.raises(SpecError, match="no name of a storage account"):
        Cloud().account(name)
