"""Fixtures: real tracking servers with models on them, shared by all tests of the group ``mlflow-server``."""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.model import server
from tests.integration.model.server import PASSWORD, USER, Server, environment, serving

LOG_MODELS = Path(server.__file__).with_name("log_models.py")


@dataclass(frozen=True)
class Registry:
    """A server and the ids of the two versions of ``iris`` on it."""

    server: Server
    runs: tuple[str, str]
    models: tuple[str, str]
    artifacts: tuple[str, str]

    @property
    def url(self) -> str:
        return self.server.url


def filled(server: Server, **variables: str) -> Registry:
    said = json.loads(server.run(LOG_MODELS, **variables).splitlines()[-1])
    return Registry(server, *(tuple(version[key] for version in said) for key in ("run", "model", "artifacts")))


@pytest.fixture(scope="session")
def mlflow_python(uv_cache: Path) -> Path:
    return environment(uv_cache)


@pytest.fixture(scope="session")
def registry(mlflow_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator[Registry, None, None]:
    with serving(mlflow_python, tmp_path_factory.mktemp("open")) as started:
        yield filled(started)


@pytest.fixture(scope="session")
def guarded(mlflow_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator[Registry, None, None]:
    """A server that wants basic authentication."""
    with serving(mlflow_python, tmp_path_factory.mktemp("guarded"), auth=True) as started:
        yield filled(started, MLFLOW_TRACKING_USERNAME=USER, MLFLOW_TRACKING_PASSWORD=PASSWORD)
