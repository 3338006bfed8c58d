"""A double in this process, with containers that are threads, and connections to it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

import pytest

from deployer_sagemaker.client import Aws
from deployer_sagemaker.config import SageMakerOptions
from deployer_sagemaker.records import bucket_of
from tests.unit.sagemaker.living import Living
from tests.unit.sagemaker.shipped import REGION, SHIPPED, TRUSTED, trusted

if TYPE_CHECKING:
    from deployer.testing.sagemaker import Double


@pytest.fixture(scope="module")
def double(request: pytest.FixtureRequest) -> Generator[Double]:
    """One for a module, since a client takes longer to make than a double; each test has names of its own.

    A module's ``GUESSES`` say which of the double's guesses go the other way there. The target's own calls are held to
    the policy of infra/aws, or to the module's ``POLICY``. Its ``CONTAINERS`` make others.
    """
    pytest.importorskip("moto", reason="moto is not installed: pip install 'moto[server]'")
    from deployer.testing.sagemaker import Double, Durations, InProcess, Options
    from tests.unit.testing.sagemaker.wsgi import cannot_start, good, never_ready

    images: dict[str, Any] = {"bad": never_ready, "unstarted": cannot_start, "": good}
    containers = getattr(request.module, "CONTAINERS", lambda: InProcess(images))
    options = Options(
        containers=containers(), region=REGION, durations=Durations(ping_every=0.01, alarms=0.05),
        guesses=getattr(request.module, "GUESSES", {}), policy=getattr(request.module, "POLICY", SHIPPED),
        trusted=frozenset({TRUSTED}),
    )  # fmt: skip
    with Double(options) as made:
        yield made
        assert made.world.trouble == []
        _assert_all_allowed(made)


def _assert_all_allowed(double: Double) -> None:
    assert double.tell("GET", "policy")["refused"] == [], "the target's own calls, by the policy of infra/aws"


@pytest.fixture
def unheld(double: Double) -> Generator[None]:
    """No policy for one test, whose account is otherwise than infra/aws makes it."""
    _assert_all_allowed(double)
    double.tell("DELETE", "policy")
    yield
    double.tell("PUT", "policy", SHIPPED)


@pytest.fixture
def environment(double: Double, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The double's address and credentials, and nothing of whoever runs this; no request is sent twice."""
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE", "AWS_ROLE_ARN"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/nonexistent")
    for name, value in double.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    return monkeypatch


@pytest.fixture
def new_aws(environment: pytest.MonkeyPatch) -> Callable[..., Aws]:
    """Makes a connection."""

    def made(**options: Any) -> Aws:
        return Aws(SageMakerOptions(**options))

    return made


@pytest.fixture(scope="module")
def kept_aws() -> Aws:
    """Its clients are made once."""
    return Aws(SageMakerOptions())


@pytest.fixture
def aws(environment: pytest.MonkeyPatch, kept_aws: Aws) -> Aws:
    """A connection for all tests of a module, of whoever sets the account up."""
    return trusted(kept_aws)


@pytest.fixture
def faults(double: Double) -> Generator[Callable[..., None]]:
    """Lets a call go wrong."""
    yield double.fault
    double.world.faults.clear()


def _make_bucket(aws: Aws) -> None:
    """As infra/aws does."""
    bucket, where = bucket_of(aws), {"LocationConstraint": REGION}
    aws.ask("s3", "CreateBucket", {"Bucket": bucket.name, "CreateBucketConfiguration": where})


TRUST = '{"Statement":[{"Effect":"Allow","Principal":{"Service":"sagemaker.amazonaws.com"},"Action":"sts:AssumeRole"}]}'


@pytest.fixture(scope="module")
def roles() -> list[str]:
    """Roles that were made."""
    return []


@pytest.fixture
def new_living(double: Double, aws: Aws, roles: list[str]) -> Callable[..., Living]:
    """Makes an endpoint's beginnings."""
    if not roles:
        aws.ask("iam", "CreateRole", {"RoleName": "hosting", "AssumeRolePolicyDocument": TRUST})
        _make_bucket(aws)
        roles.append("hosting")

    def made(**options: Any) -> Living:
        return Living(double, **options)

    return made


@pytest.fixture
def living(new_living: Callable[..., Living]) -> Living:
    """One endpoint, of which nothing is there yet."""
    return new_living()
