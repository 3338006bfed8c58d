"""From a request to InvokeEndpoint, and back."""

from __future__ import annotations

import pytest

from deployer.errors import NotFound, PredictionError, TargetUnavailable
from deployer.target import Request
from deployer_sagemaker.errors import Refused
from deployer_sagemaker.invoking import (
    answer_of,
    answer_of_model_error,
    async_invocation,
    failure_of,
    invocation,
    stream_of,
)

BODY = b'{"inputs": [1]}'
HEADERS = {"Content-Type": "application/json", "Accept": "text/csv", "Deployer-Revision": "r1a2b3c4", "X-Other": "x"}


def test_a_request_is_carried_as_far_as_aws_carries_it() -> None:
    assert invocation("iris", Request(body=BODY, headers=HEADERS)) == {
        "EndpointName": "iris",
        "Body": BODY,
        "ContentType": "application/json",
        "Accept": "text/csv",
        "CustomAttributes": "deployer-revision=r1a2b3c4",
    }


def test_variant_and_container_are_asked_by_name() -> None:
    found = invocation("iris", Request(body=BODY), variant="candidate", container="model")
    assert (found["TargetVariant"], found["TargetContainerHostname"]) == ("candidate", "model")
    headers = {"X-Amzn-SageMaker-Target-Variant": "primary", "X-Amzn-SageMaker-Inference-Id": "7"}
    found = invocation("iris", Request(body=BODY, headers=headers))
    assert (found["TargetVariant"], found["InferenceId"]) == ("primary", "7")


def test_our_server_s_other_paths_are_named_in_the_attributes() -> None:
    found = invocation("iris", Request(path="/ready", method="GET", headers={"Deployer-Revision": "r1a2b3c4"}))
    assert found["CustomAttributes"] == "deployer-revision=r1a2b3c4,deployer-path=/ready"
    assert found["Body"]
    with pytest.raises(NotFound, match="/v2/models"):
        invocation("iris", Request(path="/v2/models"))


def test_what_is_too_large_is_not_sent() -> None:
    assert invocation("iris", Request(body=b"x" * 10), largest=10)
    with pytest.raises(PredictionError, match="the service takes 10") as caught:
        invocation("iris", Request(body=b"x" * 11), largest=10)
    assert caught.value.status == 413
    assert "async_inference" in (caught.value.hint or "")


def test_a_queue_takes_a_body_or_its_place() -> None:
    request = Request(body=BODY, headers=HEADERS)
    assert async_invocation("iris", request)["Body"] == BODY
    found = async_invocation("iris", request, location="s3://b/k", seconds=90.4)
    assert "Body" not in found
    assert (found["InputLocation"], found["InvocationTimeoutSeconds"]) == ("s3://b/k", 90)


def test_an_answer_names_its_revision() -> None:
    output = {
        "ContentType": "application/json", "CustomAttributes": "deployer-revision=r1a2b3c4,deployer-parity=equal",
        "InvokedProductionVariant": "primary",
    }  # fmt: skip
    found = answer_of(output, b"{}")
    assert (found.status, found.revision, found.headers["deployer-parity"]) == (200, "r1a2b3c4", "equal")
    assert found.headers["content-type"] == "application/json"
    assert answer_of({}, b"").revision is None


def test_an_error_answer_is_an_answer() -> None:
    response = {"OriginalStatusCode": 400, "OriginalMessage": '{"error_code": "BAD_REQUEST"}'}
    found = answer_of_model_error(response, "r1a2b3c4")
    assert found is not None
    assert (found.status, found.revision, found.headers["content-type"]) == (400, "r1a2b3c4", "application/json")
    plain = answer_of_model_error({"OriginalStatusCode": 500, "OriginalMessage": "oh"})
    assert plain is not None
    assert (plain.body, plain.revision) == (b"oh", None)
    assert answer_of_model_error({"OriginalStatusCode": 0}) is None


def test_the_log_stream_of_an_error() -> None:
    arn = "arn:aws:logs:eu-west-1:1:log-group:/aws/sagemaker/Endpoints/iris:log-stream:primary/i-01"
    assert stream_of({"LogStreamArn": arn}) == "primary/i-01"
    assert stream_of({}) == ""


@pytest.mark.parametrize(
    "code", ["ModelNotReadyException", "ServiceUnavailable", "InternalDependencyException", "ModelError"]
)
def test_what_is_not_ready_is_asked_again(code: str) -> None:
    found = failure_of(Refused(code, "", 429), "iris")
    assert isinstance(found, TargetUnavailable)
    assert found.transient


def test_what_is_not_there_is_not_found() -> None:
    gone = Refused("ValidationError", "Endpoint iris of account 123456789012 not found.", 400)
    assert isinstance(failure_of(gone, "iris"), NotFound)
    assert failure_of(Refused("AccessDeniedException", "no"), "iris") is None
