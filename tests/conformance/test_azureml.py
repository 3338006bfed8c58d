"""The Azure ML target against the contract: on the double in this process, and with real images and containers."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("azure.identity", reason="azure-identity is not installed: pip install azure-core azure-identity")
pytest.importorskip("cryptography", reason="cryptography is not installed")

from deployer.testing.azureml import Double, Durations, Options
from deployer.testing.conformance import TargetConformance
from deployer_azureml.client import Azure
from deployer_azureml.config import AzureMLOptions
from deployer_azureml.roles import permissions
from tests.conformance.azureml_bench import AzureMLWorkbench, Lots
from tests.conformance.azureml_real import RealWorkbench, pushed
from tests.conformance.azureml_service import ServiceWorkbench, pushed_to_acr
from tests.conformance.images import AGAIN
from tests.plugins.azure import on_azure
from tests.plugins.services import reach

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from contextlib import AbstractContextManager

    from deployer.testing.conformance import Lot
    from tests.plugins.docker import Image, ImageRegistry, Scope


@pytest.fixture(scope="module")
def double() -> Generator[Double]:
    """One for all tests, each of which has names of its own; who asks is let in by the roles of infra/azure alone."""
    durations = Durations(
        endpoint=0.02, traffic=0.02, provision=0.02, scale=0.02, delete=0.02, probes=0.05, probe_every=0.01
    )
    options = Options(
        containers=Lots(), durations=durations, quota=1000, rights=tuple(permissions()), credentials="None"
    )  # fmt: skip
    with Double(options) as made:
        yield made
        assert made.world.trouble == []
        assert made.tell("GET", "rights")["refused"] == [], "the target's own calls, by the roles of infra/azure"


@pytest.fixture
def environment(double: Double, monkeypatch: pytest.MonkeyPatch) -> None:
    _credentials(double, monkeypatch)


def _credentials(double: Double, monkeypatch: pytest.MonkeyPatch) -> None:
    """The double's, and nothing of whoever runs this; no request is sent twice."""
    monkeypatch.setattr("deployer_azureml.client.AGAIN", ())
    for name in ("AZURE_AUTHORITY_HOST", "AZUREML_DEV_URL_MFE", "AZURE_SUBSCRIPTION_ID", "AZURE_TOKEN_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in double.environment.items():
        if name.startswith("AZURE_") or name == "REQUESTS_CA_BUNDLE":
            monkeypatch.setenv(name, value)


@pytest.mark.exhaustive(*AGAIN)
@pytest.mark.slow
@pytest.mark.xdist_group("azureml-conformance")
@pytest.mark.timeout(300)
class TestAzureML(TargetConformance):
    @pytest.fixture
    def workbench(self, double: Double, environment: None, name: str) -> Generator[AzureMLWorkbench]:
        yield AzureMLWorkbench(double, name)
        double.world.faults.clear()


# With real images in a registry, and the engine's containers; or on the service itself.


@pytest.fixture(scope="module")
def engine(
    azure_workspace: Mapping[str, str],
    docker_host: str,
    new_docker_scope: Callable[[], AbstractContextManager[Scope]],
    image_registry: ImageRegistry,
    base_image: Image,
) -> Generator[tuple[Double | None, Mapping[Lot, str]]]:
    """A double with real containers (none: the service is meant), and the suite's models, pushed."""
    from deployer.testing.cloud.engine import DockerContainers

    if azure_workspace:
        with pytest.MonkeyPatch.context() as patch:
            reach(patch, azure_workspace)
            yield None, pushed_to_acr(Azure(AzureMLOptions()), base_image)
        return
    with new_docker_scope() as scope:
        containers = DockerContainers(docker_host, None, scope.name)
        durations = Durations(probe_every=0.2, grace=10.0)
        options = Options(
            containers=containers, durations=durations, quota=1000, rights=tuple(permissions()), credentials="None"
        )  # fmt: skip
        with Double(options) as made:
            yield made, pushed(image_registry, base_image, scope.name)
            assert made.world.trouble == []
            assert made.tell("GET", "rights")["refused"] == []


@pytest.mark.slow
@pytest.mark.real("docker")
@pytest.mark.xdist_group("azureml-containers")
@pytest.mark.timeout(6 * 3600 if on_azure(os.environ) else 600)
class TestAzureMLContainers(TargetConformance):
    """What real containers change; all with ``DEPLOYER_TEST_AZUREML_SUITE``, or on the service."""

    @pytest.fixture
    def workbench(
        self,
        engine: tuple[Double | None, Mapping[Lot, str]],
        azure_workspace: Mapping[str, str],
        name: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> Generator[RealWorkbench | ServiceWorkbench]:
        double, images = engine
        bench: RealWorkbench | ServiceWorkbench
        if double is None:
            reach(monkeypatch, azure_workspace)
            bench = ServiceWorkbench(images, name)
        else:
            _credentials(double, monkeypatch)
            bench = RealWorkbench(double, name, images)
        yield bench
        bench.clear()


CONTAINERS_CHANGE = {
    "test_a_failure_is_diagnosed_with_evidence",
    "test_a_revision_without_traffic_answers_who_asks_for_it",
    "test_a_verification_says_whether_the_answers_are_equal",
    "test_an_answer_names_its_revision_and_refuses_another_s",
    "test_an_endpoint_lives_from_configure_to_destroy",
    "test_an_error_answer_is_an_answer",
    "test_logs_are_of_the_revision_and_can_be_cut",
    "test_route_moves_traffic_and_loses_no_request",
}
if on_azure(os.environ):
    pytest.mark.enable_socket(TestAzureMLContainers)
if not os.environ.get("DEPLOYER_TEST_AZUREML_SUITE") and not on_azure(os.environ):
    for each in dir(TestAzureMLContainers):
        if each.startswith("test_") and each not in CONTAINERS_CHANGE:
            setattr(TestAzureMLContainers, each, None)
