"""Models that full MLflow saved give the same answers with mlflow-skinny, for each flavor of the table."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from deployer.environment import EnvironmentRequest, Uv, find_python, host_platform, lock_environment
from deployer.environment.flavors import with_skinny
from deployer.model import parse_requirements, read_metadata, resolve
from deployer.serving.needs import REQUIREMENTS

SCRIPT = Path(__file__).with_name("save_models.py")
FLAVORS = ("sklearn", "statsmodels", "lightgbm", "xgboost", "pyfunc")
LIBRARIES = ("xgboost-cpu", "lightgbm", "statsmodels")


class Environments:
    """Environments with hard links into one cache, so that each takes seconds."""

    def __init__(self, cache: Path, folder: Path) -> None:
        self.uv, self.folder = Uv.found(cache), folder
        self.environ = os.environ | {"UV_CACHE_DIR": str(cache)}

    def make(self, name: str, *wanted: str) -> Path:
        python, place = find_python("3.11", uv=self.uv), self.folder / name
        subprocess.run([self.uv.binary, "venv", "-q", "--python", python, place], check=True, env=self.environ)
        command = [str(self.uv.binary), "pip", "install", "-q", "--python", str(place / "bin" / "python"), *wanted]
        subprocess.run(command, check=True, env=self.environ)
        return place / "bin" / "python"


@pytest.mark.index
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("version", ["2.22.4", "3.1.4", "3.17.0"])
def test_the_same_answers_with_mlflow_skinny(version: str, uv_cache: Path, tmp_path: Path) -> None:
    environments = Environments(uv_cache, tmp_path)
    models = tmp_path / "models"
    models.mkdir()
    full = environments.make("full", f"mlflow=={version}", *LIBRARIES)
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
        (tmp_path / f"{flavor}.txt").write_text(lock.text)
        skinny = environments.make(flavor, "--no-deps", "--require-hashes", "-r", str(tmp_path / f"{flavor}.txt"))
        said = [
            subprocess.run(
                [python, SCRIPT, models, "answers", flavor], check=True, cwd=tmp_path, capture_output=True, text=True
            ).stdout.splitlines()[-1]
            for python in (full, skinny)
        ]
        assert said[0] == said[1], flavor
