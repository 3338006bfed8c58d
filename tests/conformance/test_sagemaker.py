"""The SageMaker target against the contract: on the double in this process, and with real images and containers."""

from __future__ import annotations

import os
import uuid
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("moto", reason="moto is not installed: pip install 'moto[server]'")

from deployer.testing.conformance import TargetConformance
from deployer.testing.conformance.traffic import TrafficConformance
from deployer.testing.sagemaker import Double, Durations, Options, Spawned
from deployer_sagemaker.client import Aws
from deployer_sagemaker.config import SageMakerOptions
from tests.conformance.images import AGAIN
from tests.conformance.sagemaker_account import AccountWorkbench, pushed
from tests.conformance.sagemaker_bench import Lots, SageMakerWorkbench
from tests.plugins.aws import ROLE_VARIABLE, on_aws
from tests.plugins.services import reach
from tests.unit.sagemaker.shipped import SHIPPED, TRUSTED

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from contextlib import AbstractContextManager

    from deployer.target import Target
    from deployer.testing.conformance import Lot
    from tests.plugins.docker import Image, ImageRegistry, Scope


@pytest.fixture(scope="module")
def double() -> Generator[Double]:
    """One for all tests, each of which has names of its own."""
    durations = Durations(provision=0.02, delete=0.02, weights=0.02, ping_every=0.01, alarms=0.05)
    options = Options(
        containers=Lots(), durations=durations, region="eu-west-1", quota=1000, policy=SHIPPED,
        trusted=frozenset({TRUSTED}),
    )  # fmt: skip
    with Double(options) as made:
        yield made
        assert made.world.trouble == []
        assert made.tell("GET", "policy")["refused"] == [], "the target's own calls, by the policy of infra/aws"


@pytest.fixture
def environment(double: Double, monkeypatch: pytest.MonkeyPatch) -> None:
    """The double's address and credentials, and nothing of whoever runs this; no request is sent twice."""
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/nonexistent")
    for name, value in {**double.environment, "AWS_MAX_ATTEMPTS": "1", "AWS_EC2_METADATA_DISABLED": "true"}.items():
        monkeypatch.setenv(name, value)


@pytest.mark.exhaustive(*AGAIN)
@pytest.mark.slow
@pytest.mark.xdist_group("sagemaker-conformance")
@pytest.mark.timeout(300)
class TestSageMaker(TargetConformance):
    @pytest.fixture
    def workbench(self, double: Double, environment: None, name: str) -> Generator[SageMakerWorkbench]:
        yield SageMakerWorkbench(double, name)
        double.world.faults.clear()


@pytest.mark.slow
@pytest.mark.xdist_group("sagemaker-conformance")
@pytest.mark.timeout(300)
class TestTwoVariants(TrafficConformance):
    """A revision verified as a second variant, which can share traffic."""

    @pytest.fixture
    def workbench(self, double: Double, environment: None, name: str) -> Generator[SageMakerWorkbench]:
        bench = SageMakerWorkbench(double, name, {"verify": "variant"})
        bench.shares = True
        yield bench
        double.world.faults.clear()

    @pytest.fixture
    def name(self) -> str:
        return f"v{uuid.uuid4().hex[:9]}"

    @pytest.fixture
    def target(self, workbench: SageMakerWorkbench) -> Target:
        return workbench.connect()

    @pytest.fixture
    def other(self, workbench: SageMakerWorkbench) -> Target:
        return workbench.connect()


# With real images, pushed to an ECR, and the engine's containers; or on the service itself.


@pytest.fixture(scope="module")
def account(
    aws_account: Mapping[str, str],
    docker_host: str,
    new_docker_scope: Callable[[], AbstractContextManager[Scope]],
    image_registry: ImageRegistry,
) -> Generator[tuple[str, Mapping[str, str]]]:
    """A name for its images, and what a client needs in its environment."""
    with new_docker_scope() as scope:
        if aws_account:
            yield scope.name, aws_account
            return
        words = ["--docker", docker_host, "--name", scope.name, "--region", "eu-west-1", "--registry-proxy"]
        words += ["--registry", image_registry.plain, "--registry-prefix", f"{scope.name}/"]
        with Spawned(words) as double:
            yield scope.name, double.environment


@pytest.fixture(scope="module")
def images(account: tuple[str, Mapping[str, str]], base_image: Image) -> Mapping[Lot, str]:
    """The suite's models, pushed."""
    label, environment = account
    with pytest.MonkeyPatch.context() as patch:
        reach(patch, environment)
        return pushed(Aws(SageMakerOptions()), base_image, label)


@pytest.mark.slow
@pytest.mark.real("docker")
@pytest.mark.xdist_group("sagemaker-account")
@pytest.mark.timeout(3600 if on_aws(os.environ) else 600)
class TestSageMakerAccount(TargetConformance):
    """What real containers change; all with ``DEPLOYER_TEST_SAGEMAKER_SUITE``, or on the service."""

    @pytest.fixture
    def workbench(
        self,
        account: tuple[str, Mapping[str, str]],
        images: Mapping[Lot, str],
        name: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> Generator[AccountWorkbench]:
        _, environment = account
        reach(monkeypatch, environment)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        bench = AccountWorkbench(images, name, os.environ.get(ROLE_VARIABLE) if on_aws(os.environ) else None)
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
if on_aws(os.environ):
    pytest.mark.enable_socket(TestSageMakerAccount)
if not os.environ.get("DEPLOYER_TEST_SAGEMAKER_SUITE") and not on_aws(os.environ):
    for each in dir(TestSageMakerAccount):
        if each.startswith("test_") and each not in CONTAINERS_CHANGE:
            setattr(TestSageMakerAccount, each, None)
