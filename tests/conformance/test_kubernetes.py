"""The Kubernetes target against the contract: a real cluster, the real serving runtime, pulled by its kubelet."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from deployer.testing.conformance import TargetConformance
from deployer.testing.conformance.traffic import TrafficConformance
from tests.conformance.images import AGAIN
from tests.conformance.kubernetes_bench import KubernetesWorkbench, environment_layers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conformance.registry_images import Layer
    from tests.plugins.cluster import Namespace
    from tests.plugins.docker import Image


@pytest.fixture(scope="session")
def packages(base_image: Image) -> list[Layer]:
    """The layers with a model's packages."""
    return environment_layers(base_image)


@pytest.mark.exhaustive(*AGAIN)
@pytest.mark.slow
@pytest.mark.real("cluster")
@pytest.mark.timeout(600)
class TestKubernetes(TargetConformance):
    @pytest.fixture
    def name(self) -> str:
        return "suite"

    @pytest.fixture
    def workbench(
        self, namespace: Namespace, base_image: Image, packages: list[Layer]
    ) -> Iterator[KubernetesWorkbench]:
        bench = KubernetesWorkbench(namespace, base_image.reference.partition("/")[0], packages)
        yield bench
        bench.close()


@pytest.mark.slow
@pytest.mark.real("cluster")
@pytest.mark.xdist_group("kubernetes-gateway-conformance")
@pytest.mark.timeout(600)
class TestKubernetesGateway(TargetConformance):
    """With a gateway of each endpoint's own: what a gateway changes, or all with ``DEPLOYER_TEST_GATEWAY_SUITE``."""

    @pytest.fixture
    def name(self) -> str:
        return "suite"

    @pytest.fixture
    def workbench(
        self, namespace: Namespace, base_image: Image, gateway_image: Image, packages: list[Layer]
    ) -> Iterator[KubernetesWorkbench]:
        registry = base_image.reference.partition("/")[0]
        bench = KubernetesWorkbench(namespace, registry, packages, gateway_image.reference)
        yield bench
        bench.close()


GATEWAY_CHANGES = {*vars(TrafficConformance), "test_route_moves_traffic_and_loses_no_request"}
if not os.environ.get("DEPLOYER_TEST_GATEWAY_SUITE"):
    for each in dir(TestKubernetesGateway):
        if each.startswith("test_") and each not in GATEWAY_CHANGES:
            setattr(TestKubernetesGateway, each, None)
