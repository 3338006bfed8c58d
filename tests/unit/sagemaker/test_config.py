"""What the target is told, held against AWS's own limits."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from deployer.errors import SpecError
from deployer.spec import Scope, scope_of
from deployer_sagemaker.config import SageMakerConfig, SageMakerOptions
from deployer_sagemaker.shapes import enum, problem
from tests.unit.sagemaker.values import config


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"instance_type": "ml.m5.larg"}, r"none that AWS has \(did you mean ml.m5.large\?\)"),
        ({"families": ["m99"]}, "no sizes of m99"),
        ({"startup": "10s"}, "is not 60 to 3600"),
        ({"download": "2h"}, "is not 60 to 3600"),
        ({"provision": "1m"}, "is not 300 to 3600"),
        ({"volume": "1Ti"}, "less than or equal to"),
        ({"drain": "1m"}, "less than or equal to 30"),
        ({"serverless": {"memory": "1536Mi"}}, "whole Gi"),
        ({"serverless": {"memory": "7Gi"}}, "less than or equal"),
        ({"serverless": {"max_concurrency": 201}}, "less than or equal to 200"),
        ({"serverless": {"max_concurrency": 2, "provisioned": 3}}, "more than max_concurrency"),
        ({"async_inference": {}}, "required"),
        ({"async_inference": {"output": "https://x/y"}}, "no place in S3"),
        ({"async_inference": {"output": "s3://models/out", "success_topic": "topic"}}, "does not match"),
        ({"data_capture": {"to": "s3://models/c", "percent": 101}}, "less than or equal to 100"),
        ({"data_capture": {"to": "s3://models/c", "csv_types": ["text csv"]}}, "does not match"),
        ({"vpc": {"subnets": [], "security_groups": ["sg-1"]}}, "at least 1"),
        ({"vpc": {"subnets": ["subnet 1"], "security_groups": ["sg-1"]}}, "does not match"),
        ({"vpc": {"subnets": ["subnet-1"], "security_groups": [f"sg-{n}" for n in range(6)]}}, "at most 5"),
        ({"kms_key": "key with spaces"}, "does not match"),
        ({"capacity_reservation": "arn"}, "asks for 20"),
        ({"role": "a role"}, "is no role"),
        ({"image_access": {"credentials": "arn:aws:lambda:eu-west-1:123456789012:function:f"}}, "mode: vpc"),
        ({"pipeline": {}}, "1 to 14 containers"),
        ({"pipeline": {"after": [{"image": "a b"}]}}, "does not match"),
        ({"pipeline": {"after": [{"image": "a"}], "mode": "direct"}}, "hostname of its own"),
        ({"pipeline": {"after": [{"image": "a", "hostname": "model"}], "mode": "direct"}}, "hostname of its own"),
        ({"guardrails": {"kind": "canary", "size": "60%"}}, "1 to 50 percent"),
        ({"guardrails": {"kind": "linear", "size": "5%"}}, "10 to 50 percent"),
        ({"guardrails": {"kind": "rolling", "size": "4%"}}, "5 to 50 percent"),
        ({"guardrails": {"kind": "canary", "size": "0"}}, "at least one instance"),
        ({"guardrails": {"kind": "rolling", "termination_wait": "1m"}}, "keeps no old fleet"),
        ({"guardrails": {"deadline": "5m"}}, "is not 600 to 28800"),
        ({"guardrails": {"wait": "2h"}}, "less than or equal to 3600"),
        ({"guardrails": {"alarms": [f"a{n}" for n in range(11)]}}, "at most 10"),
        ({"guardrails": {"alarms": [" "]}}, "does not match"),
        ({"inference_components": []}, "inference components"),
        ({"multi_model": True}, "one model"),
        ({"shadow_variants": []}, "not in this version"),
        ({"accelerator_type": "ml.eia2.medium"}, "Elastic Inference"),
        ({"explainer": {}}, "Clarify"),
        ({"tmp": "1Gi"}, "(?i)extra inputs are not permitted"),
    ],
)
def test_what_aws_would_refuse_is_refused_in_the_plan(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecError, match=words) as caught:
        config(**fields)
    assert (caught.value.where or "").startswith("config")


def test_what_aws_takes_is_taken() -> None:
    found = config(
        instance_type="ml.g5.2xlarge",
        startup="20m",
        vpc={"subnets": ["subnet-1"], "security_groups": ["sg-1"]},
        kms_key="arn:aws:kms:eu-west-1:123456789012:key/0a1b",
        role="service-role/models",
        guardrails={"kind": "linear", "size": "25%", "wait": "5m", "deadline": "1h", "alarms": ["errors"]},
    )
    assert found.startup == 1200
    assert found.guardrails.amount == ("CAPACITY_PERCENT", 25)


def test_each_field_has_a_scope_and_says_what_it_is() -> None:
    for name, field in SageMakerConfig.model_fields.items():
        assert scope_of(SageMakerConfig, name) is not None, name
        assert field.description, name
    assert scope_of(SageMakerConfig, "guardrails.kind") is Scope.CLIENT
    assert scope_of(SageMakerConfig, "data_capture.percent") is Scope.REVISION


def test_the_options_have_defaults() -> None:
    assert SageMakerOptions().prefix == "deployer"


@pytest.mark.parametrize(
    "options",
    [
        {"region": "Frankfurt"},
        {"account": "12"},
        {"bucket": "Not_A_Bucket"},
        {"assume_role": "deployer"},
        {"repository": "Deployer/Iris"},
        {"platform": "linux/s390x"},
    ],
)
def test_options_that_are_none(options: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        SageMakerOptions.model_validate(options)


@pytest.mark.parametrize("region", ["eu-west-1", "us-gov-west-1", "cn-north-1", "ap-southeast-7"])
def test_regions_of_every_partition(region: str) -> None:
    assert SageMakerOptions(region=region, assume_role="arn:aws-cn:iam::123456789012:role/x/y").region == region


def test_the_limits_are_aws_s_own() -> None:
    assert problem("VariantName", "primary") is None
    assert problem("VariantName", "under_score") is not None
    assert problem("ServerlessMaxConcurrency", 201) == "is not 1 to 200"
    assert problem("InitialTaskCount", 0) == "is less than 1"
    assert problem("NoSuchShape", "x") is None
    assert enum("NoSuchShape") == ()
