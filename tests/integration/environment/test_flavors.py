"""Models that full MLflow saved give the same answers with mlflow-skinny, for each flavor of the table."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from deployer.environment import EnvironmentRequest, Uv, find_python, host_platform, lock_environment
from deployer.environment.flavors import with_skinny
from deployer.model import parse_requirements, read_metadata, resolve
from deployer.serving.needs import REQUIREMENTS
from tests.e2e.kept import made_once

SCRIPT = Path(__file__).with_name("save_models.py")
FLAVORS = ("sklearn", "statsmodels", "lightgbm", "xgboost", "pyfunc")
LIBRARIES = ("xgboost-cpu", "lightgbm", "statsmodels")


class Environments:
    """Environments that are made once and kept, by what is installed into them (see `tests.e2e.kept`)."""

    def __init__(self, cache: Path) -> None:
        self.uv = Uv.found(cache)
        self.environ = os.environ | {"UV_CACHE_DIR": str(cache)}

    def make(self, *wanted: str, lock: str = "") -> Path:
        python = find_python("3.11", uv=self.uv)

        def make(place: Path) -> None:
            subprocess.run([self.uv.binary, "venv", "-q", "--python", python, place], check=True, env=self.environ)
            (place / "lock.txt").write_text(lock)
            asked = [*wanted, *(["-r", str(place / "lock.txt")] if lock else ())]
            command = [str(self.uv.binary), "pip", "install", "-q", "--python", str(place / "bin" / "python"), *asked]
            subprocess.run(command, check=True, env=self.environ)

        digest = hashlib.sha256("\n".join((str(python), *wanted, lock)).encode()).hexdigest()[:12]
        return made_once(f"flavors-{digest}", make) / "bin" / "python"


@pytest.mark.index
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    "version", [*(pytest.param(old, marks=pytest.mark.exhaustive) for old in ("2.22.4", "3.1.4")), "3.17.0"]
)
def test_the_same_answers_with_mlflow_skinny(version: str, uv_cache: Path, tmp_path: Path) -> None:
    environments = Environments(uv_cache)
    models = tmp_path / "models"
    models.mkdir()
    full = environments.make(f"mlflow=={version}", *LIBRARIES)
    subprocess.run([full, SCRIPT, models], check=True, cwd=tmp_path, capture_output=True)
    for flavor in FLAVORS:
        described = read_metadata(resolve(models / flavor))
        # MLflow names xgboost beside xgboost-cpu, which is the same modules with 300 MB of CUDA.
        asked = tuple(one for one in parse_requirements(described.requirements) if one.name != "xgboost")
        wanted = with_skinny(asked, described.loader)
        runtime = parse_requirements(REQUIREMENTS, where="the serving runtime")
        request = EnvironmentRequest(described.python, host_platform(), wanted, runtime)
        lock = lock_environment(request, environments.uv)
        names = {found.name for found in lock.wheels}
        assert "mlflow-skinny" in names
        assert not names & {"mlflow", "flask", "sqlalchemy", "alembic", "docker", "graphene", "matplotlib"}
        skinny = environments.make("--no-deps", "--require-hashes", lock=lock.text)
        said = [
            subprocess.run(
                [python, SCRIPT, models, "answers", flavor], check=True, cwd=tmp_path, capture_output=True, text=True
            ).stdout.splitlines()[-1]
            for python in (full, skinny)
        ]
        assert said[0] == said[1], flavor
