"""Every form of URI against a real MLflow tracking server."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import pytest

from deployer.errors import NotFound, SpecError, TargetUnavailable
from deployer.model import Progress, digest, read_metadata, resolve, snapshot
from tests.integration.model.server import PASSWORD, USER
from tests.plugins.tracking import Registry

pytestmark = [pytest.mark.index, pytest.mark.timeout(600), pytest.mark.xdist_group("mlflow-server")]


def test_every_form_is_resolved_to_what_is_immutable(registry: Registry) -> None:
    run, model = registry.runs[0], registry.models[0]
    forms = {
        "models:/iris/1": ("models:/iris/1", "registry", None, "1"),
        "models:/iris@champion": ("models:/iris/1", "registry", "champion", "1"),
        "models:/iris@challenger": ("models:/iris/2", "registry", "challenger", "2"),
        "models:/iris/latest": ("models:/iris/2", "registry", None, "2"),
        "models:/iris/Production": ("models:/iris/1", "registry", None, "1"),
        "models:/iris/production": ("models:/iris/1", "registry", None, "1"),
        "models:/cat.schema.iris/1": ("models:/cat.schema.iris/1", "registry", None, "1"),
        "models:/cat.schema.iris@champion": ("models:/cat.schema.iris/1", "registry", "champion", "1"),
        f"models:/{model}": (f"models:/{model}", "logged-model", None, None),
        f"runs:/{run}/model": (f"runs:/{run}/model", "run", None, None),
        f"runs:/{run}/old": (f"runs:/{run}/old", "run", None, None),
        f"{registry.artifacts[0]}/old": (f"{registry.artifacts[0]}/old", "artifacts", None, None),
    }
    for uri, expected in forms.items():
        found = resolve(uri, tracking_uri=registry.url)
        assert (found.resolved, found.kind, found.alias, found.version) == expected
        described = read_metadata(found)
        assert described.loader == "mlflow.sklearn"
        assert [flavor.name for flavor in described.flavors] == ["sklearn"]


def test_the_description_of_a_logged_model(registry: Registry) -> None:
    found = read_metadata(resolve("models:/iris@champion", tracking_uri=registry.url), example=True)
    assert found.model_id == registry.models[0]
    assert found.signature is not None
    assert found.signature.summary.startswith("4 columns -> ")
    assert found.summary.startswith(f"sklearn, python {found.python}, ")
    assert b"dataframe_split" in (found.example or b"")
    assert found.size
    assert found.requirements[0].where == "models:/iris@champion/requirements.txt:1"
    assert found.requirements[0].text.startswith("mlflow==")


def test_the_environment_names_the_server_too(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry.url)
    assert resolve("models:/iris@champion").resolved == "models:/iris/1"


def test_an_alias_that_moves(registry: Registry) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=registry.url)
    client.set_registered_model_alias("iris", "moving", "1")
    before = resolve("models:/iris@moving", tracking_uri=registry.url)
    client.set_registered_model_alias("iris", "moving", "2")
    after = resolve("models:/iris@moving", tracking_uri=registry.url)
    assert (before.resolved, after.resolved) == ("models:/iris/1", "models:/iris/2")
    assert read_metadata(before).model_id == registry.models[0]
    assert read_metadata(after).model_id == registry.models[1]


def test_only_small_files_are_fetched_for_the_description(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow.store.artifact.mlflow_artifacts_repo import MlflowArtifactsRepository

    fetched: list[str] = []
    real: Any = MlflowArtifactsRepository._download_file

    def noted(self: MlflowArtifactsRepository, remote_file_path: str, local_path: str) -> None:
        fetched.append(remote_file_path)
        real(self, remote_file_path, local_path)

    monkeypatch.setattr(MlflowArtifactsRepository, "_download_file", noted)
    read_metadata(resolve("models:/iris/1", tracking_uri=registry.url))
    assert sorted(fetched) == ["MLmodel", "conda.yaml", "python_env.yaml", "requirements.txt"]


def test_a_download_is_the_model_and_nothing_else(registry: Registry, tmp_path: Path) -> None:
    seen: list[Progress] = []
    taken = {
        uri: snapshot(resolve(uri, tracking_uri=registry.url), tmp_path / str(number), progress=seen.append)
        for number, uri in enumerate(
            ("models:/iris/1", f"models:/{registry.models[0]}", f"runs:/{registry.runs[0]}/model", "models:/iris/2")
        )
    }
    one, by_id, by_run, two = taken.values()
    assert one.digest == by_id.digest == by_run.digest == digest(one.path).sha256
    assert one.digest != two.digest
    assert not (one.path / "registered_model_meta").exists()
    assert seen[-1].done == seen[-1].total
    source = next(registry.server.folder.glob(f"artifacts/*/models/{registry.models[0]}/artifacts"))
    assert digest(source).sha256 == one.digest
    for path in one.path.rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1", "2", "3"]


def test_a_download_by_mlflow_itself_has_the_same_digest(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow.artifacts

    taken = snapshot(resolve("models:/iris/1", tracking_uri=registry.url), tmp_path / "ours")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry.url)
    theirs = mlflow.artifacts.download_artifacts("models:/iris/1", dst_path=str(tmp_path / "theirs"))
    assert (Path(theirs) / "registered_model_meta").exists()
    assert digest(Path(theirs)).sha256 == taken.digest


@pytest.mark.parametrize(
    ("uri", "message", "hint"),
    [
        ("models:/iris@champoin", "iris has no alias champoin", "did you mean models:/iris@champion?"),
        ("models:/iris@zzz", "iris has no alias zzz", "its aliases: challenger, champion"),
        ("models:/iris/77", "iris has no version 77", "its versions: 2, 1"),
        ("models:/iriss/1", "there is no registered model iriss", "did you mean models:/iris?"),
        ("models:/iriss@champion", "there is no registered model iriss", "did you mean models:/iris?"),
        ("models:/zzzzzz/latest", "there is no registered model zzzzzz", "models there: "),
        ("models:/empty/latest", "empty has no versions yet", ""),
        ("models:/iris/Staging", "iris has no version in the stage Staging", "models:/iris/latest"),
        ("models:/iris/Nonsense", "iris has no version in the stage Nonsense", "models:/iris/latest"),
        ("models:/m-00000000000000000000000000000000", "there is no logged model m-0000", "looked on http://127"),
        ("runs:/00000000000000000000000000000000/model", "there is no run 0000", "looked on http://127"),
    ],
)
def test_what_is_not_there_is_named_with_what_is(registry: Registry, uri: str, message: str, hint: str) -> None:
    with pytest.raises(NotFound) as caught:
        resolve(uri, tracking_uri=registry.url)
    assert message in str(caught.value)
    assert hint in str(caught.value.hint)
    assert caught.value.where == uri


def test_places_without_a_model(registry: Registry, tmp_path: Path) -> None:
    nothing = resolve(f"runs:/{registry.runs[0]}/nothing", tracking_uri=registry.url)
    notes = resolve(f"runs:/{registry.runs[0]}/notes", tracking_uri=registry.url)
    for attempt in (read_metadata, lambda found: snapshot(found, tmp_path / "state" / "copy")):
        with pytest.raises(NotFound, match="nothing is there"):
            attempt(nothing)
        with pytest.raises(SpecError, match="no MLmodel") as caught:
            attempt(notes)
        assert "read.me" in str(caught.value.hint)
    assert list((tmp_path / "state").iterdir()) == []


def test_a_server_that_wants_a_password(guarded: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for wrong in (None, "nonsense"):
        if wrong:
            monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", USER)
            monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", wrong)
        for uri in ("models:/iris@champion", f"runs:/{guarded.runs[0]}/model", f"models:/{guarded.models[0]}"):
            with pytest.raises(TargetUnavailable, match="wants credentials") as caught:
                resolve(uri, tracking_uri=guarded.url)
            assert "MLFLOW_TRACKING_USERNAME" in str(caught.value.hint)
            assert not caught.value.transient
        artifacts = resolve(f"{guarded.artifacts[0]}/old", tracking_uri=guarded.url)
        with pytest.raises(TargetUnavailable, match="wants credentials"):
            read_metadata(artifacts)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)
    found = resolve("models:/iris@champion", tracking_uri=guarded.url)
    assert found.resolved == "models:/iris/1"
    assert snapshot(found, tmp_path / "copy").digest
    assert PASSWORD not in repr(found)


def test_a_user_without_permission(guarded: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    import requests

    made = requests.post(
        f"{guarded.url}/api/2.0/mlflow/users/create",
        json={"username": "guest", "password": "only-looking-around"},
        auth=(USER, PASSWORD),
        timeout=30,
    )
    assert made.status_code in {200, 400}, made.text
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "guest")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "only-looking-around")
    with pytest.raises(TargetUnavailable, match="does not let this user read") as caught:
        resolve("models:/iris@champion", tracking_uri=guarded.url)
    assert "only-looking" not in f"{caught.value} {caught.value.hint}"


def test_mlflows_chatter_stays_away(
    registry: Registry, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = dict(os.environ)
    logging.getLogger("mlflow").warning("said before")
    capfd.readouterr()
    snapshot(resolve("models:/iris@champion", tracking_uri=registry.url), tmp_path / "copy")
    read_metadata(resolve("models:/iris/Production", tracking_uri=registry.url))
    with pytest.raises(NotFound):
        resolve("models:/iris@zzz", tracking_uri=registry.url)
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", "")
    assert dict(os.environ) == before
