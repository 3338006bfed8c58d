"""A line for a shell that asks an endpoint."""

from __future__ import annotations

import shlex

import pytest

from deployer.endpoint import Endpoint, Phase
from deployer_sagemaker import kind
from deployer_sagemaker.calling import call
from tests.unit.sagemaker.values import spec

PATH = "endpoints/iris/invocations"
URL = f"https://runtime.sagemaker.eu-west-1.amazonaws.com/{PATH}"
QUEUE = {"async_inference": {"output": "s3://answers/iris"}}


def _endpoint(url: str | None = URL) -> Endpoint:
    return Endpoint(name="iris", target="sagemaker", phase=Phase.HEALTHY, url=url)


def _words(line: str | None) -> list[str]:
    assert line is not None
    return shlex.split(line)


def test_it_is_signed_for_the_endpoints_region() -> None:
    words = _words(call(_endpoint(), spec(), '{"inputs": "it\'s"}'))
    assert words[words.index("--aws-sigv4") + 1] == "aws:amz:eu-west-1:sagemaker"
    assert words[words.index("-d") + 1] == '{"inputs": "it\'s"}'
    assert URL in words


@pytest.mark.parametrize(
    ("url", "region"),
    [
        (f"http://127.0.0.1:5000/{PATH}", "${AWS_REGION:-$AWS_DEFAULT_REGION}"),
        (f"https://runtime-fips.sagemaker.us-gov-west-1.amazonaws.com/{PATH}", "us-gov-west-1"),
        (f"https://runtime.sagemaker.cn-north-1.amazonaws.com.cn/{PATH}", "cn-north-1"),
        (f"https://vpce-0a.runtime.sagemaker.us-east-1.vpce.amazonaws.com/{PATH}", "us-east-1"),
    ],
)
def test_a_region_is_read_from_the_address_else_the_shells(url: str, region: str) -> None:
    words = _words(call(_endpoint(url), None, None))
    assert words[words.index("--aws-sigv4") + 1] == f"aws:amz:{region}:sagemaker"
    assert words[-1] == "@request.json"


def test_a_queue_has_a_path_of_its_own() -> None:
    words = _words(call(_endpoint(), spec(config=QUEUE), "{}"))
    assert URL.replace("/invocations", "/async-invocations") in words
    assert "X-Amzn-SageMaker-Content-Type: application/json" in words
    assert "-sSi" in words  # a header tells where the answer will be


def test_what_has_no_address_has_no_line() -> None:
    assert kind.call is not None
    assert kind.call(_endpoint(None), spec(), "{}") is None
