"""MLflow as a contender: ``mlflow models build-docker``, ``docker run`` and ``docker push``.

The build is called as the command calls it, ``mlflow.models.build_docker``, because the command has no option for the
base. Chosen is the way that is best for it: the slim Python base with ``local`` (about 1 GB), where the default
``virtualenv`` stands on Ubuntu with compilers and a JDK. Source: ``mlflow/models/docker_utils.py``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.contest.engine import Base, Engine
from bench.contest.mirror import Mirror
from bench.contest.models import requirements
from bench.contest.running import Ran, clean_environment, run

__all__ = ["Peer", "fetched_pip", "prepare"]

_BUILD = """
import sys
from mlflow.models import build_docker
build_docker(model_uri=sys.argv[1], name=sys.argv[2], env_manager="local", base_image=sys.argv[3])
"""
_INSTALL = ("pip", "install")


@dataclass(frozen=True)
class Peer:
    """MLflow from PyPI, in an environment of its own."""

    python: Path
    engine: Engine
    folder: Path
    name: str = "mlflow"

    @property
    def version(self) -> str:
        """MLflow's own."""
        return requirements()["mlflow-skinny"]

    def build(self, model: Path, image: str, base: Base) -> Ran:
        """The model's image, on the engine."""
        return run([self.python, "-c", _BUILD, model, image, base.name], self._environment(), self.folder)

    def push(self, model: Path, image: str, base: Base, place: str) -> Ran:  # noqa: ARG002 - the image is all of it
        """The image, to a registry."""
        self.engine.tag(image, place)
        return run(["docker", "push", "--quiet", place], self._environment(), self.folder)

    def asked(self, models: Sequence[Path]) -> list[list[str]]:
        """What its builds of these models give to ``pip install``, one list for each call."""
        own = [[f"mlflow=={self.version}"], ["gunicorn[gevent]"]]
        tools = ["pip", "setuptools", "wheel"]
        return own + [tools + (each / "requirements.txt").read_text().split() for each in models]

    def _environment(self) -> dict[str, str]:
        return clean_environment(DOCKER_HOST=self.engine.host, MLFLOW_DISABLE_TELEMETRY="true")


def prepare(cache: Path, mirror: Mirror) -> Path:
    """The Python of an environment with full MLflow, bytecode compiled, and what the models need to be made.

    It is made once and kept in the cache, by MLflow's version.
    """
    versions = requirements()
    folder = cache / f"mlflow-{versions['mlflow-skinny']}"
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        wanted = [f"mlflow=={versions['mlflow-skinny']}", *(f"{name}=={each}" for name, each in versions.items())]
        cache.mkdir(parents=True, exist_ok=True)
        _uv(cache, mirror, "venv", "--clear", "--python", sys.executable, str(folder))
        _uv(cache, mirror, *_INSTALL, "--compile-bytecode", "--python", str(python), *wanted, "statsmodels", "docker")
        (folder / "complete").touch()
    return python


def fetched_pip(folder: Path, cache: Path, mirror: Mirror) -> Path:
    """The folder, with an unpacked pip in ``pip/``: a Debian's Python has none, the official image's has."""
    _uv(cache, mirror, *_INSTALL, "--target", str(folder / "pip"), "--python", sys.executable, "pip")
    return folder


def _uv(cache: Path, mirror: Mirror, *words: str) -> None:
    environment = clean_environment(UV_CACHE_DIR=str(cache / "uv"), UV_DEFAULT_INDEX=mirror.url)
    run([Path(sys.executable).with_name("uv"), "--quiet", "--no-config", *words], environment, cache)
