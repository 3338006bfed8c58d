"""A real push is allowed by the policy of infra/aws, step by step, and each step of it is needed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from deployer_sagemaker.policies import Names, filled
from deployer_sagemaker.rights import MAY_DEPLOY

NAMES = Names("aws", "123456789012", "us-east-1", "records", "arn:aws:iam::123456789012:role/hosting")
STEPS = ("BatchCheckLayerAvailability", "CompleteLayerUpload", "InitiateLayerUpload", "PutImage", "UploadLayerPart")
MARKS = [{"Key": "deployer:managed-by", "Value": "deployer"}]


def test_a_push_needs_each_step_that_is_allowed(new_place: Callable[..., Any], tmp_path: Path) -> None:
    policy = tmp_path / "policy.json"
    policy.write_text(json.dumps(filled(MAY_DEPLOY, NAMES)))
    place = new_place("--registry-proxy", "--policy", str(policy))
    place.client("ecr").create_repository(repositoryName="deployer/iris", imageTagMutability="IMMUTABLE", tags=MARKS)
    assert place.push("deployer/iris", "r1a2b3c4").endswith("/deployer/iris:r1a2b3c4")
    told = place.tell("GET", "policy")
    assert told["refused"] == []
    assert {f"Images ecr:{each}" for each in STEPS} <= {*told["actions"]}
    with pytest.raises(ClientError, match="ecr:CreateRepository"):
        place.push("elsewhere", "r1a2b3c4")
