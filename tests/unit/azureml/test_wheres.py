"""Which workspace is meant."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deployer.errors import SpecError
from deployer_azureml.config import AzureMLOptions
from deployer_azureml.wheres import Where, where_of

SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"
FILE = {"subscription_id": "of-file", "resource_group": "of-file", "workspace_name": "of-file"}


def _where(folder: Path, *, options: dict[str, str] | None = None, environ: dict[str, str] | None = None) -> Where:
    return where_of(AzureMLOptions.model_validate(options or {}), environ or {}, folder)


def test_options_come_before_the_environment_and_that_before_a_file(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(FILE))
    found = _where(tmp_path, options={"workspace": "team"}, environ={"AZUREML_ARM_RESOURCEGROUP": "ml"})
    assert found == Where("of-file", "ml", "team")
    assert found.workspace_id == (
        "/subscriptions/of-file/resourceGroups/ml/providers/Microsoft.MachineLearningServices/workspaces/team"
    )
    both = {"workspace": "team", "subscription": SUBSCRIPTION}
    environ = {"AZUREML_ARM_WORKSPACE_NAME": "other", "AZURE_SUBSCRIPTION_ID": "s", "AZUREML_ARM_RESOURCEGROUP": "ml"}
    assert _where(tmp_path, options=both, environ=environ) == Where(SUBSCRIPTION, "ml", "team")


def test_the_nearest_file_of_the_studio_counts(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (inner / "config.json").write_text('{"other": "thing"}')
    (tmp_path / "a" / ".azureml").mkdir()
    (tmp_path / "a" / ".azureml" / "config.json").write_text(json.dumps({**FILE, "workspace_name": "near"}))
    (tmp_path / "config.json").write_text(json.dumps({**FILE, "workspace_name": "far"}))
    assert _where(inner).workspace == "near"


@pytest.mark.parametrize("text", ["", "[]", "{", json.dumps({**FILE, "workspace_name": "../x"})])
def test_what_is_said_nowhere_is_told_with_what_to_type(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    environ = {"AZURE_SUBSCRIPTION_ID": "s", "AZUREML_ARM_RESOURCEGROUP": "ml"}
    with pytest.raises(SpecError, match="no workspace of Azure is given") as caught:
        _where(tmp_path, environ=environ)
    assert "AZUREML_ARM_WORKSPACE_NAME" in str(caught.value.hint)
    (tmp_path / "config.json").unlink()
    with pytest.raises(SpecError, match="no subscription"):
        _where(tmp_path)
