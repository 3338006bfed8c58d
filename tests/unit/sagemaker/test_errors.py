"""What AWS's answers become; and every exception of botocore becomes one of ours."""

from __future__ import annotations

import inspect
from typing import Any

import botocore.exceptions
import pytest

from deployer.endpoint import Code
from deployer.errors import Conflict, DeployerError, DeploymentFailed, SpecError, TargetUnavailable
from deployer_sagemaker.errors import Refused, mapped, refused_of, unreachable

DENIED = (
    "User: arn:aws:iam::123456789012:user/ada is not authorized to perform: sagemaker:CreateModel on resource: "
    "arn:aws:sagemaker:eu-west-1:123456789012:model/iris because no identity-based policy allows it"
)
QUOTA = (
    "The account-level service limit 'ml.m5.large for endpoint usage' is 2 Instances, with current utilization of 2 "
    "Instances and a request delta of 1 Instances."
)


def _mapped(code: str, said: str = "", status: int = 400) -> DeployerError:
    return mapped(Refused(code, said, status, "CreateModel"), "make the model", "iris")


@pytest.mark.parametrize(
    ("code", "said", "status", "transient"),
    [
        ("ThrottlingException", "Rate exceeded", 400, True),
        ("TooManyRequestsException", "", 429, True),
        ("SlowDown", "Please reduce your request rate.", 503, True),
        ("", "", 400, True),  # so the runtime throttles (opensearch-project/ml-commons#2429)
        ("ModelNotReadyException", "", 429, True),
        ("ConditionalRequestConflict", "", 409, True),
        ("InternalFailure", "", 500, True),
        ("ServiceUnavailable", "", 503, True),
        ("ValidationException", 'Could not find endpoint configuration "arn".', 400, True),
        ("ValidationException", "Cannot update in-progress endpoint.", 400, True),
        ("ExpiredTokenException", "The security token included in the request is expired", 400, False),
        ("UnrecognizedClientException", "The security token included in the request is invalid.", 400, False),
        ("AccessDeniedException", DENIED, 400, False),
        ("AccessDenied", "Access Denied", 403, False),
        ("ResourceLimitExceeded", "Too many.", 400, False),
    ],
)
def test_the_target_is_unavailable(code: str, said: str, status: int, transient: bool) -> None:
    error = _mapped(code, said, status)
    assert isinstance(error, TargetUnavailable)
    assert error.transient is transient
    assert error.where == "iris"
    assert transient or error.hint


def test_a_permission_is_told_with_its_action() -> None:
    error = _mapped("AccessDeniedException", DENIED)
    assert (
        "sagemaker:CreateModel is not allowed on arn:aws:sagemaker:eu-west-1:123456789012:model/iris" in error.message
    )
    assert Code.PERMISSION in error.message
    assert "ada" not in error.message
    assert "CreateModel" in _mapped("AccessDenied", "Access Denied", 403).message


def test_credentials_are_told_apart_from_permissions() -> None:
    assert Code.CREDENTIALS in _mapped("ExpiredToken", "expired", 400).message
    assert Code.CREDENTIALS in _mapped("SignatureDoesNotMatch", "no match", 403).message


def test_what_the_release_itself_fails_at_carries_its_diagnosis() -> None:
    error = _mapped("ResourceLimitExceeded", QUOTA)
    assert isinstance(error, DeploymentFailed)
    assert error.diagnosis is not None
    assert (error.diagnosis.code, error.diagnosis.is_verdict) == (Code.QUOTA, False)
    manifest = _mapped(
        "ValidationException", "Unsupported manifest media type application/vnd.oci.image.manifest.v1+json"
    )
    assert isinstance(manifest, DeploymentFailed)
    assert manifest.diagnosis is not None
    assert manifest.diagnosis.code is Code.IMAGE_MANIFEST


def test_what_is_there_is_a_conflict_and_what_is_wrong_the_spec_s() -> None:
    assert isinstance(_mapped("ValidationException", 'Cannot create already existing model "arn".'), Conflict)
    assert isinstance(_mapped("ValidationException", "1 validation error detected: ..."), SpecError)


@pytest.mark.parametrize(
    ("code", "said", "missing"),
    [
        ("ValidationException", 'Could not find endpoint "arn:aws:sagemaker:eu-west-1:1:endpoint/x".', True),
        ("ValidationException", "Cannot update in-progress endpoint.", False),
        ("ValidationException", "1 validation error detected", False),
        ("ValidationError", "Endpoint iris of account 123456789012 not found.", True),
        ("NoSuchKey", "The specified key does not exist.", True),
        ("NoSuchBucket", "", True),
        ("404", "Not Found", True),
        ("RepositoryNotFoundException", "", True),
        ("ResourceNotFoundException", "The specified log group does not exist.", True),
        ("ObjectNotFoundException", "", True),
        ("NoSuchEntity", "", True),
        ("AccessDenied", "Could not find out", False),
    ],
)
def test_only_could_not_find_is_not_found(code: str, said: str, missing: bool) -> None:
    assert Refused(code, said).missing is missing


def test_what_else_an_answer_tells() -> None:
    assert Refused("PreconditionFailed", "", 412).overtaken
    assert Refused("RepositoryAlreadyExistsException", "").there
    assert Refused("ValidationException", 'Cannot create already existing endpoint "arn".').there
    assert Refused("ValidationException", 'Cannot update in-progress endpoint "arn".').busy
    assert str(Refused("A", "b")) == "A: b"
    assert str(Refused("A", "")) == "A"


def test_an_answer_is_read_from_what_the_sdk_s_error_carries() -> None:
    answer = {"Error": {"Code": "AccessDenied", "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
    found = refused_of(answer, "GetObject")
    assert (found.code, found.said, found.status, found.operation) == ("AccessDenied", "no", 403, "GetObject")
    silent = refused_of(
        {"Error": {"Code": "Unknown", "Message": "Unknown"}, "ResponseMetadata": {"HTTPStatusCode": 400}}, "x"
    )
    assert silent.throttled
    assert refused_of({}, "x").status == 0


def _exceptions() -> list[type[Exception]]:
    found = vars(botocore.exceptions).values()
    return [each for each in found if inspect.isclass(each) and issubclass(each, Exception)]


class _Words(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return key


def _made(kind: type[Exception]) -> Exception:
    """One of them, whatever it wants to be told."""
    if kind is botocore.exceptions.ClientError or issubclass(kind, botocore.exceptions.ClientError):
        return kind({"Error": {"Code": "A", "Message": "b"}}, "X")
    error = kind.__new__(kind)
    Exception.__init__(error, getattr(kind, "fmt", kind.__name__).format_map(_Words()))
    return error


@pytest.mark.parametrize("kind", _exceptions(), ids=lambda each: each.__name__)
def test_every_exception_of_the_sdk_is_one_of_ours(kind: type[Exception]) -> None:
    error = unreachable(_made(kind), "read the endpoint", "iris")
    assert isinstance(error, TargetUnavailable | SpecError)
    assert error.hint


@pytest.mark.parametrize(
    ("kind", "words", "transient"),
    [
        (botocore.exceptions.NoCredentialsError, "no credentials", False),
        (botocore.exceptions.ProfileNotFound, "no credentials", False),
        (botocore.exceptions.UnauthorizedSSOTokenError, "no credentials", False),
        (botocore.exceptions.EndpointConnectionError, "cannot read", True),
        (botocore.exceptions.ReadTimeoutError, "cannot read", True),
        (botocore.exceptions.ConnectTimeoutError, "cannot read", True),
        (botocore.exceptions.SSLError, "is not trusted", False),
    ],
)
def test_what_stands_in_the_way_to_aws(kind: type[Exception], words: str, transient: bool) -> None:
    error = unreachable(_made(kind), "read the endpoint")
    assert isinstance(error, TargetUnavailable)
    assert words in error.message
    assert error.transient is transient


def test_no_region_and_wrong_parameters_are_the_spec_s() -> None:
    assert isinstance(unreachable(botocore.exceptions.NoRegionError(), "x"), SpecError)
    assert isinstance(unreachable(botocore.exceptions.ParamValidationError(report="r"), "x"), SpecError)
