"""A bench of the conformance suite, for tests of what is Docker's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deployer_docker.client import connect, engine_address
from deployer_docker.config import DockerOptions
from tests.conformance.docker_bench import DockerWorkbench, environment_image
from tests.integration.docker.ready import Ready, ready_images
from tests.plugins.docker import Image, Scope


@pytest.fixture(scope="session")
def packages(docker_host: str, base_image: Image) -> str:
    """The image with a model's packages."""
    return environment_image(connect(engine_address(DockerOptions(host=docker_host))), base_image.reference)


@pytest.fixture
def bench(docker_host: str, packages: str, gateway_image: Image, docker_scope: Scope) -> Iterator[DockerWorkbench]:
    """A part of the engine, empty before and after."""
    made = DockerWorkbench(docker_host, packages, gateway_image.reference, docker_scope.name)
    yield made
    made.close()


@pytest.fixture
def ready(
    tmp_path: Path, docker_host: str, docker_scope: Scope, base_image: Image, gateway_image: Image
) -> Iterator[Ready]:
    api = connect(engine_address(DockerOptions(host=docker_host)))
    settings = (
        'target = "engine"\n[targets.engine]\nkind = "docker"\n'
        f'host = "{docker_host}"\ngateway_image = "{gateway_image.reference}"\n'
    )
    found = Ready(tmp_path, docker_scope, settings, ready_images(api, base_image.reference, docker_scope.name))
    yield found
    found.run("delete", found.name, "--yes", "--missing-ok")
