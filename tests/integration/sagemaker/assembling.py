"""Run as a program, since it asks a package index: ``SPEC.json NAME DOCKER-HOST`` has the engine hold a spec's image.

It is assembled as for the SageMaker target, and gets that name. Prints the names of the packages in it, as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from deployer.engine.bases import base_places
from deployer.engine.bringing import Carrier
from deployer.engine.building import Build, built
from deployer.spec import DeploymentSpec
from deployer.target import ImageSink
from deployer_docker.client import connect, engine_address
from deployer_docker.config import DockerOptions
from deployer_docker.engine import DockerEngine
from deployer_sagemaker import kind
from tests.e2e.kept import kept_folder

__all__ = ["assembled"]


def assembled(spec: DeploymentSpec, name: str, docker_host: str, folder: Path) -> list[str]:
    """Have the engine hold the image; the packages in it."""
    file = folder / "spec.json"
    file.write_text(json.dumps(spec.wish()))
    words = [sys.executable, "-m", __name__, str(file), name, docker_host]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    found: list[str] = json.loads(done.stdout)
    return found


def _main(file: str, name: str, docker_host: str) -> None:
    spec = DeploymentSpec.model_validate(json.loads(Path(file).read_text()))
    engine = DockerEngine(connect(engine_address(DockerOptions(host=docker_host))))
    sink = ImageSink(cache=kept_folder() / "build-cache" / "deployer", platform="linux/amd64", engine=engine)
    build = Build(spec, sink, os.environ, engine=engine, needs=kind.runtime_needs(spec))
    with built(build, _quiet) as (made, recipe):
        Carrier(sink, base_places(spec, sink), _quiet).carry(made.image, f"docker-daemon:{name}")
        sys.stdout.write(json.dumps([each.name for each in recipe.environment.wheels]))


def _quiet(**_: object) -> None:
    return None


if __name__ == "__main__":
    _main(*sys.argv[1:])
