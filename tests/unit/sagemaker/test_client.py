"""The connection to AWS, against the double."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from deployer.errors import DeployerError, SpecError, TargetUnavailable
from deployer_sagemaker.client import REQUEST, Aws, changes, told
from deployer_sagemaker.config import SageMakerOptions
from deployer_sagemaker.errors import Refused

if TYPE_CHECKING:
    from deployer.testing.sagemaker import Double

POLICY = None
"""It is tried with calls and identities that the target has not."""
MISSING = {"EndpointName": "nothing"}


@pytest.mark.parametrize(
    ("operation", "changing"),
    [
        ("CreateModel", True), ("AddTags", True), ("PutObject", True), ("RegisterScalableTarget", True),
        ("DescribeEndpoint", False), ("ListTags", False), ("GetObject", False), ("InvokeEndpoint", False),
        ("InvokeEndpointAsync", False), ("BatchGetImage", False), ("BatchDeleteImage", True), ("HeadBucket", False),
        ("GetAuthorizationToken", False), ("SimulatePrincipalPolicy", False),
    ],
)  # fmt: skip
def test_what_changes_something_is_told_apart(operation: str, changing: bool) -> None:
    assert changes(operation) is changing


def test_who_asks_and_where(aws: Aws) -> None:
    assert aws.identity.account == "123456789012"
    assert aws.identity.partition == "aws"
    assert aws.region == "eu-west-1"
    assert aws.arn("sagemaker", "endpoint/iris") == "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/iris"


def test_a_region_is_the_options_else_AWS_REGIONs_else_the_profiles(  # noqa: N802 - the variable's name
    new_aws: Callable[..., Aws], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "config").write_text("[profile far]\nregion = ap-southeast-2\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert new_aws(profile="far").region == "ap-southeast-2"
    with pytest.raises(SpecError, match="no region is given"):
        _ = new_aws().region
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    assert new_aws(profile="far").region == "eu-north-1"
    assert new_aws(profile="far", region="us-west-2").region == "us-west-2"


def test_another_account_than_the_one_that_is_meant_is_refused(new_aws: Callable[..., Aws]) -> None:
    with pytest.raises(SpecError, match="210987654321 is meant"):
        _ = new_aws(account="210987654321").identity


def test_its_clock_is_that_of_its_answers(aws: Aws) -> None:
    assert abs(aws.now() - time.time()) < 2
    first = aws.now()
    aws.ask("sts", "GetCallerIdentity", {})
    assert 0 <= aws.now() - first < 2


def test_a_refusal_carries_the_services_words(aws: Aws) -> None:
    with pytest.raises(Refused) as caught:
        aws.ask("sagemaker", "DescribeEndpoint", MISSING)
    assert caught.value.missing
    assert caught.value.operation == "DescribeEndpoint"


def test_a_listing_is_followed_to_its_end(aws: Aws) -> None:
    aws.ask("s3", "CreateBucket", {
        "Bucket": "many", "CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"},
    })  # fmt: skip
    for number in range(3):
        aws.ask("s3", "PutObject", {"Bucket": "many", "Key": f"{number}", "Body": b""})
    found = aws.all("s3", "ListObjectsV2", "Contents", {"Bucket": "many", "MaxKeys": 1})
    assert [each["Key"] for each in found] == ["0", "1", "2"]
    with pytest.raises(Refused, match="NoSuchBucket"):
        list(aws.all("s3", "ListObjectsV2", "Contents", {"Bucket": "none-of-that-name"}))


def test_an_operation_that_this_botocore_lacks_is_told(aws: Aws) -> None:
    with pytest.raises(SpecError, match="knows no FlyEndpoint"):
        aws.ask("sagemaker", "FlyEndpoint", {})


def test_a_change_is_announced_before_it_is_asked_for(aws: Aws, double: Double) -> None:
    heard: list[Any] = []

    class StoppedError(Exception):
        pass

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event == REQUEST and active:
            heard.append(args[0])
            raise StoppedError

    active = True
    sys.addaudithook(hook)
    with pytest.raises(Refused):
        aws.ask("sagemaker", "DescribeEndpoint", MISSING)
    calls = len(double.world.journal.all())
    try:
        with pytest.raises(StoppedError):
            aws.ask("sagemaker", "DeleteEndpoint", MISSING)
    finally:
        active = False
    assert heard == ["sagemaker DeleteEndpoint"]
    assert len(double.world.journal.all()) == calls


def _asked(aws: Aws) -> DeployerError:
    with pytest.raises(DeployerError) as caught, told("look at the endpoint", "iris"):
        aws.ask("sagemaker", "DescribeEndpoint", MISSING)
    return caught.value


@pytest.mark.parametrize(
    ("fault", "transient", "words"),
    [
        ({"error": "ThrottlingException"}, True, "Rate exceeded"),
        ({"error": "InternalFailure", "status": 500, "message": "oh"}, True, "oh"),
        ({"error": "AccessDeniedException", "message": "User: arn:aws:iam::1:user/x is not authorized to perform: "
          "sagemaker:DescribeEndpoint on resource: arn:x"}, False, "sagemaker:DescribeEndpoint is not allowed"),
        ({"error": "ExpiredTokenException", "message": "The security token is expired"}, False, "CREDENTIALS"),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_told_in_our_words(
    aws: Aws, faults: Callable[..., None], fault: dict[str, Any], transient: bool, words: str
) -> None:
    faults("DescribeEndpoint", **fault)
    error = _asked(aws)
    assert isinstance(error, TargetUnavailable)
    assert error.transient is transient
    assert words in str(error)
    assert error.where == "iris"


def test_an_answer_that_does_not_come_is_told(aws: Aws, faults: Callable[..., None]) -> None:
    faults("ListEndpoints", lost=True)
    with pytest.raises(TargetUnavailable, match="cannot list") as caught, told("list", "iris"):
        list(aws.all("sagemaker", "ListEndpoints", "Endpoints", {}))
    assert caught.value.transient


def test_a_throttled_request_is_sent_again_unless_the_environment_says_otherwise(
    new_aws: Callable[..., Aws], faults: Callable[..., None], monkeypatch: pytest.MonkeyPatch, double: Double
) -> None:
    monkeypatch.delenv("AWS_MAX_ATTEMPTS")
    aws = new_aws()
    faults("DescribeEndpoint", error="ThrottlingException", times=1)
    with pytest.raises(Refused) as caught:
        aws.ask("sagemaker", "DescribeEndpoint", MISSING)
    assert caught.value.missing
    assert aws.client("sagemaker").meta.config.retries["mode"] == "adaptive"


def test_without_credentials_it_says_what_to_type(new_aws: Callable[..., Aws], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(TargetUnavailable, match="no credentials of AWS") as caught:
        _ = new_aws().identity
    assert "aws sso login" in str(caught.value.hint)
    with pytest.raises(TargetUnavailable, match="no credentials of AWS"):
        _ = new_aws(assume_role="arn:aws:iam::123456789012:role/deploying").identity


def test_a_profile_that_is_not_there_is_told(new_aws: Callable[..., Aws]) -> None:
    with pytest.raises(TargetUnavailable, match="nobody"):
        _ = new_aws(profile="nobody").identity


def test_it_works_as_a_role_whose_keys_it_renews(new_aws: Callable[..., Aws], aws: Aws) -> None:
    trust = (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}'
    )
    aws.ask("iam", "CreateRole", {"RoleName": "deploying", "AssumeRolePolicyDocument": trust})
    assumed = new_aws(assume_role="arn:aws:iam::123456789012:role/deploying", external_id="ours")
    assert ":assumed-role/deploying/deployer" in assumed.identity.arn
    credentials = assumed.core.get_credentials()
    first = credentials.get_frozen_credentials().access_key
    credentials._refresh_using.__self__._cache.clear()
    credentials._expiry_time = credentials._time_fetcher()
    assert credentials.get_frozen_credentials().access_key != first


def test_a_certificate_that_is_not_trusted_is_told(
    new_aws: Callable[..., Aws], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "none.pem"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://127.0.0.1:9")
    with pytest.raises(TargetUnavailable):
        _ = new_aws().identity


def test_nothing_of_the_sdk_is_imported_by_importing_it() -> None:
    assert Aws(SageMakerOptions())._clients == {}
