"""Fixtures: real tracking servers with models on them, shared by all tests of the group ``mlflow-server``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree

import pytest

from tests.e2e.kept import made_once
from tests.integration.model import server
from tests.integration.model.server import PASSWORD, USER, Server, environment, serving

LOG_MODELS = Path(server.__file__).with_name("log_models.py")
SAID = "models.json"


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


@contextmanager
def filled(python: Path, folder: Path, *, auth: bool = False) -> Generator[Registry, None, None]:
    """A server with the models on it: what it keeps is made once, and each server has a copy of its own."""

    def make(place: Path) -> None:
        variables = {"MLFLOW_TRACKING_USERNAME": USER, "MLFLOW_TRACKING_PASSWORD": PASSWORD} if auth else {}
        with serving(python, place, auth=auth) as started:
            (place / SAID).write_text(started.run(LOG_MODELS, **variables).splitlines()[-1])

    digest = hashlib.sha256("\n".join((str(python), LOG_MODELS.read_text())).encode()).hexdigest()[:12]
    kept = made_once(f"{'guarded' if auth else 'open'}-{digest}", make)
    copytree(kept, folder, dirs_exist_ok=True)
    said = json.loads((folder / SAID).read_text())
    with serving(python, folder, auth=auth) as started:
        yield Registry(started, *(tuple(version[key] for version in said) for key in ("run", "model", "artifacts")))


@pytest.fixture(scope="session")
def mlflow_python(uv_cache: Path) -> Path:
    return environment(uv_cache)


@pytest.fixture(scope="session")
def registry(mlflow_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator[Registry, None, None]:
    with filled(mlflow_python, tmp_path_factory.mktemp("open")) as found:
        yield found


@pytest.fixture(scope="session")
def guarded(mlflow_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator[Registry, None, None]:
    """A server that wants basic authentication."""
    with filled(mlflow_python, tmp_path_factory.mktemp("guarded"), auth=True) as found:
        yield found
