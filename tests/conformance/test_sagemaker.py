"""The SageMaker target against the contract, on the double in this process."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("moto", reason="moto is not installed: pip install 'moto[server]'")

from deployer.testing.conformance import TargetConformance
from deployer.testing.conformance.traffic import TrafficConformance
from deployer.testing.sagemaker import Double, Durations, Options
from tests.conformance.sagemaker_bench import Lots, SageMakerWorkbench
from tests.unit.sagemaker.shipped import SHIPPED, TRUSTED

if TYPE_CHECKING:
    from collections.abc import Generator

    from deployer.target import Target


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
