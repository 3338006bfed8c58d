"""Wishes that cannot be met."""

from __future__ import annotations

from typing import Any

import pytest

from deployer_sagemaker.refusing import ECR, refuse, unmet_platform
from tests.unit.sagemaker.values import config, spec

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:token-AbCdEf"
VPC = {"subnets": ["subnet-1"], "security_groups": ["sg-1"]}
OPEN: dict[str, Any] = {"network": {"egress": "internet"}}


def _refused(**fields: Any) -> dict[str, str]:
    return dict(refuse(spec(**fields)))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"resources": {"cpu": 2, "memory": "4Gi"}},
        {"secrets": {"TOKEN": {"ref": ARN}}, **OPEN},
        {"secrets": {"TOKEN": {"ref": f"{ARN}:key::"}}, **OPEN},
        {"labels": {"team": "risk"}},
        {"replicas": {"min": 1, "max": 4, "value": 100}},
        {"replicas": {"min": 1, "max": 4, "metric": "cpu", "value": 70}},
        {"replicas": {"min": 0, "max": 4, "value": 5}, "config": {"async_inference": {"output": "s3://models/out"}}},
        {"config": {"serverless": {}}, **OPEN},
        {"config": {"instance_type": "ml.p3.2xlarge"}, "resources": {"gpu": 1}},
        {"config": {"timeout": "10m", "async_inference": {"output": "s3://models/out"}}},
        {"image": {"use": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/vllm:1"}},
        {
            "image": {"registry": "https://registry.example.com/ml"},
            "config": {"image_access": {"mode": "vpc"}, "vpc": VPC},
        },
        {"config": {"verify": "variant"}},
    ],
)
def test_what_can_be_met(fields: dict[str, Any]) -> None:
    assert _refused(**fields) == {}


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"secrets": {"TOKEN": {"env": "T"}}, **OPEN}, "secrets.TOKEN", "keeps no values"),
        ({"secrets": {"TOKEN": {"ref": "vault://x"}}, **OPEN}, "secrets.TOKEN", "no ARN of Secrets Manager"),
        ({"secrets": {"TOKEN": {"ref": ARN}}}, "network.egress", "say internet"),
        ({"secrets": {"TOKEN": {"ref": ARN}}, "image": {"use": "vllm:1"}, **OPEN}, "secrets", "a ready image"),
        ({"auth": {"api_keys": [{"env": "K"}]}}, "auth.api_keys", "IAM"),
        ({"network": {"expose": "0.0.0.0"}}, "network.expose", "AWS's own address"),
        ({"network": {"tls": {"cert": "c", "key": "k"}}}, "network.tls", "certificate"),
        ({"network": {"egress": ["example.com"]}}, "network.egress", "tell hosts apart"),
        ({"labels": {"aws:x": "y"}}, "labels.aws:x", "no such tag"),
        ({"labels": {f"l{n}": "" for n in range(41)}}, "labels", "at most 40"),
        ({"env": {f"V{n}": "" for n in range(86)}}, "env", "at most 85"),
        (
            {"env": {f"V{n}": "" for n in range(80)}, "secrets": {f"S{n}": {"ref": ARN} for n in range(6)}, **OPEN},
            "env",
            "at most 85",
        ),
        ({"env": {"LONG": "x" * 1025}}, "env.LONG", "1025 characters"),
        ({"image": {"registry": "https://ghcr.io/ml"}}, "image.registry", "ECR only"),
        ({"image": {"use": "vllm/vllm-openai:1"}}, "image.use", "ECR only"),
        ({"config": {"image_access": {"mode": "vpc"}}}, "config.image_access", "which VPC"),
        ({"config": {"timeout": "2m"}}, "config.timeout", "after 60s"),
        ({"resources": {"memory": "9Ti"}}, "resources", "no instance type"),
        (
            {"resources": {"memory": "16Gi"}, "config": {"instance_type": "ml.m5.large"}},
            "config.instance_type",
            "not fit",
        ),
        (
            {"image": {"platform": "linux/amd64"}, "config": {"instance_type": "ml.m6g.large"}},
            "image.platform",
            "arm64",
        ),
        ({"config": {"instance_type": "ml.m5.large", "families": ["m5"]}}, "config.families", "one of them"),
        ({"config": {"instance_type": "ml.g5.xlarge", "kms_key": "k"}}, "config.kms_key", "local disk"),
        ({"config": {"instance_type": "ml.m5d.large", "volume": "30Gi"}}, "config.volume", "local disk"),
        ({"replicas": {"min": 1, "max": 4, "metric": "invocations"}}, "replicas.value", "which mean of invocations"),
        (
            {"replicas": {"min": 1, "max": 4}, "config": {"instance_type": "ml.p2.xlarge"}},
            "replicas.value",
            "which mean",
        ),
        ({"replicas": {"min": 1, "max": 4, "metric": "rps", "value": 1}}, "replicas.metric", "there is no metric rps"),
        ({"replicas": {"min": 1, "max": 4, "metric": "backlog", "value": 1}}, "replicas.metric", "asynchronous"),
        ({"replicas": {"min": 0, "max": 4, "value": 1}}, "replicas.min", "1 or more"),
        ({"replicas": 2, "config": {"serverless": {}}, **OPEN}, "replicas", "max_concurrency"),
        ({"config": {"serverless": {}}}, "network.egress", "cut off"),
        ({"config": {"serverless": {}, "vpc": VPC}, **OPEN}, "config.vpc", "no VPC"),
        (
            {"config": {"serverless": {}, "instance_type": "ml.m5.large"}, **OPEN},
            "config.instance_type",
            "no instances",
        ),
        (
            {"config": {"serverless": {}, "data_capture": {"to": "s3://models/c"}}, **OPEN},
            "config.data_capture",
            "keeps no",
        ),
        ({"config": {"serverless": {}}, "resources": {"gpu": 1}, **OPEN}, "resources.gpu", "no GPU"),
        ({"config": {"serverless": {}}, "resources": {"memory": "7Gi"}, **OPEN}, "resources.memory", "at most 6Gi"),
        (
            {"config": {"serverless": {"memory": "1Gi"}}, "resources": {"memory": "2Gi"}, **OPEN},
            "config.serverless.memory",
            "less than",
        ),
        ({"config": {"serverless": {}, "verify": "variant"}, **OPEN}, "config.verify", "one variant"),
        ({"config": {"verify": "variant", "guardrails": {"kind": "canary"}}}, "config.guardrails", "variants change"),
        ({"config": {"verify": "variant"}, "replicas": {"min": 1, "max": 2, "value": 1}}, "replicas", "two counts"),
        (
            {"config": {"verify": "variant", "pipeline": {"after": [{"image": "a"}]}}},
            "config.verify",
            "serial pipeline",
        ),
        (
            {"config": {"instance_type": "ml.inf1.xlarge", "guardrails": {"kind": "canary"}}},
            "config.guardrails",
            "inf1",
        ),
    ],
)
def test_what_cannot_be_met_is_told_with_its_field(fields: dict[str, Any], field: str, words: str) -> None:
    found = _refused(**fields)
    assert words in found.get(field, ""), found


def test_a_config_that_cannot_be_read_is_told_by_whoever_reads_it() -> None:
    assert _refused(config={"nonsense": 1}) == {}


@pytest.mark.parametrize(
    ("name", "is_ecr"),
    [
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com/x", True),
        ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/x", True),
        ("123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com/x", True),
        ("ghcr.io/x", False),
        ("evil.example.com/123456789012.dkr.ecr.eu-west-1.amazonaws.com/x", False),
    ],
)
def test_which_registries_are_ecr(name: str, is_ecr: bool) -> None:
    assert bool(ECR.match(name)) is is_ecr


def test_the_image_is_built_for_the_named_type() -> None:
    found = config(instance_type="ml.m6g.large")
    told = dict(unmet_platform(spec(), found, "linux/amd64"))
    assert "say image.platform: linux/arm64" in told["config.instance_type"]
    assert not [*unmet_platform(spec(), found, "linux/arm64")]
    assert not [*unmet_platform(spec(image={"platform": "linux/arm64"}), found, "linux/amd64")]
    assert not [*unmet_platform(spec(), config(), "linux/arm64")]
