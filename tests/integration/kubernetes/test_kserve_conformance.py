"""The contract of all targets, where revisions are InferenceServices that KServe's own controller runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from deployer.testing.conformance import TargetConformance
from tests.conformance.kubernetes_bench import KubernetesWorkbench, environment_layers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deployer.spec import DeploymentSpec
    from deployer.testing.conformance import Lot
    from tests.conformance.registry_images import Layer
    from tests.plugins.cluster import Namespace
    from tests.plugins.docker import Image


class KserveWorkbench(KubernetesWorkbench):
    """A namespace of a cluster with KServe."""

    def spec(self, name: str, lot: Lot = "first", **fields: Any) -> DeploymentSpec:
        """As any, but an InferenceService."""
        return super().spec(name, lot, **{**fields, "config": {"kserve": True, **fields.pop("config", {})}})


@pytest.fixture(scope="module")
def packages(base_image: Image) -> list[Layer]:
    """The layers with a model's packages."""
    return environment_layers(base_image)


@pytest.mark.slow
@pytest.mark.real("kserve")
@pytest.mark.xdist_group("kubernetes-kserve")
@pytest.mark.timeout(600)
class TestKserve(TargetConformance):
    @pytest.fixture
    def name(self) -> str:
        return "suite"

    @pytest.fixture
    def workbench(
        self, namespace: Namespace, base_image: Image, packages: list[Layer], kserve: object
    ) -> Iterator[KserveWorkbench]:
        bench = KserveWorkbench(namespace, base_image.reference.partition("/")[0], packages)
        yield bench
        bench.close()
