"""The Docker target against the contract: a real engine, the real gateway, the real serving runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from deployer.testing.conformance import TargetConformance
from deployer_docker.client import connect, engine_address
from deployer_docker.config import DockerOptions
from tests.conformance.docker_bench import DockerWorkbench, environment_image
from tests.conformance.images import AGAIN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.plugins.docker import Image, Scope


@pytest.fixture(scope="session")
def packages(docker_host: str, base_image: Image) -> str:
    """The image with a model's packages."""
    return environment_image(connect(engine_address(DockerOptions(host=docker_host))), base_image.reference)


@pytest.mark.exhaustive(*AGAIN)
@pytest.mark.slow
@pytest.mark.real("docker")
@pytest.mark.xdist_group("docker-conformance")
@pytest.mark.timeout(600)
class TestDocker(TargetConformance):
    @pytest.fixture
    def name(self, docker_scope: Scope) -> str:
        return docker_scope.name

    @pytest.fixture
    def workbench(
        self, docker_host: str, packages: str, gateway_image: Image, docker_scope: Scope
    ) -> Iterator[DockerWorkbench]:
        bench = DockerWorkbench(docker_host, packages, gateway_image.reference, docker_scope.name)
        yield bench
        bench.close()
