"""Models of a real MLflow registry, through the command line: aliases that move, what is fetched, who is let in."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployer.testing.memory import MemoryPlace
from tests.e2e.commandline import deployer
from tests.integration.model.server import PASSWORD, USER
from tests.plugins.tracking import Registry

pytestmark = [pytest.mark.index, pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("mlflow-server")]


@pytest.fixture
def asked(registry: Registry, place: MemoryPlace) -> dict[str, str]:
    """What the commands need to reach the server."""
    return {"MLFLOW_TRACKING_URI": registry.url, "NO_PROXY": "127.0.0.1,localhost"}


@pytest.fixture
def moving(registry: Registry) -> Iterator[dict[str, str]]:
    """An alias of this test alone, on version 1 at first."""
    alias = {"name": f"moving-{uuid.uuid4().hex[:8]}"}
    _set_alias(registry, alias["name"], "1")
    yield alias
    _delete_alias(registry, alias["name"])


def _script(folder: Path, text: str) -> Path:
    script = folder / "move.py"
    script.write_text(f"import mlflow\nclient = mlflow.MlflowClient()\n{text}\n")
    return script


def _set_alias(registry: Registry, alias: str, version: str) -> None:
    registry.server.run(
        _script(registry.server.folder, f"client.set_registered_model_alias('iris', {alias!r}, {version!r})")
    )


def _delete_alias(registry: Registry, alias: str) -> None:
    registry.server.run(_script(registry.server.folder, f"client.delete_registered_model_alias('iris', {alias!r})"))


def _fetched(registry: Registry, since: int) -> set[str]:
    """Names of the files that the server sent after that many bytes of its log."""
    log = registry.server.log.read_bytes()[since:].decode(errors="replace")
    return {Path(path).name for path in re.findall(r'"GET (\S*/artifacts/\S+) HTTP', log)}


def test_an_alias_is_resolved_once_and_its_move_is_an_update(
    asked: dict[str, str], registry: Registry, moving: dict[str, str]
) -> None:
    uri = f"models:/iris@{moving['name']}"
    start = registry.server.log.stat().st_size
    created = deployer("create", "iris", "--model", uri, "-o", "json", env=asked)
    assert created.code == 0, created.err
    assert "model.skops" in _fetched(registry, start)  # so that what is not fetched below would be seen
    revision = json.loads(created.out)["endpoint"]["revisions"][0]
    assert revision["model"] == "models:/iris/1"

    before = registry.server.log.stat().st_size
    again = deployer("create", "iris", "--model", uri, env=asked)
    assert again.code == 0
    assert "unchanged" in again.err
    assert _fetched(registry, before) <= {"MLmodel", "requirements.txt", "python_env.yaml", "conda.yaml"}

    _set_alias(registry, moving["name"], "2")
    plan = deployer("plan", "iris", "--model", uri, env=asked)
    assert f"models:/iris/1  ->  models:/iris/2 ({moving['name']})" in plan.out + plan.err
    assert re.search(r"\d+ of \d+ files differ", plan.out + plan.err)

    updated = deployer("update", "iris", "--model", uri, env=asked)
    assert updated.code == 0, updated.err
    assert "models:/iris/2" in deployer("history", "iris", env=asked).out

    back = deployer("rollback", "iris", "--yes", env=asked)
    assert back.code == 0, back.err
    status = json.loads(deployer("status", "iris", "-o", "json", env=asked).out)
    assert status["revisions"][0]["model"] == "models:/iris/1"


@pytest.mark.parametrize(
    ("uri", "code", "said"),
    [
        ("models:/iris", 2, "models:/iris@"),
        ("models:/iris@nobody", 3, "champion"),
        ("models:/iris/99", 3, "99"),
        ("models:/irsi/1", 3, "iris"),
    ],
)
def test_what_is_not_there_is_told_with_what_is(asked: dict[str, str], uri: str, code: int, said: str) -> None:
    done = deployer("create", "iris", "--model", uri, env=asked)
    assert done.code == code, done.err
    assert said in done.err
    assert deployer("list", env=asked).code == 0


def test_a_server_that_wants_a_password_says_what_to_set(guarded: Registry, place: MemoryPlace) -> None:
    reach = {"MLFLOW_TRACKING_URI": guarded.url, "NO_PROXY": "127.0.0.1,localhost"}
    refused = deployer("create", "iris", "--model", "models:/iris@champion", env=reach)
    assert refused.code == 7, refused.err
    assert "MLFLOW_TRACKING_USERNAME" in refused.err

    known = reach | {"MLFLOW_TRACKING_USERNAME": USER, "MLFLOW_TRACKING_PASSWORD": PASSWORD}
    created = deployer("create", "iris", "--model", "models:/iris@champion", env=known)
    assert created.code == 0, created.err
    assert PASSWORD not in created.err + created.out


def test_a_server_that_is_not_there_is_unreachable(place: MemoryPlace) -> None:
    reach = {
        "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
        "NO_PROXY": "127.0.0.1",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    }
    done = deployer("create", "iris", "--model", "models:/iris/1", env=reach)
    assert done.code == 7, done.err
