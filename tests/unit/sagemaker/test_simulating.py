"""Doctor asks IAM of the very things, as our calls have them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from deployer_sagemaker.rights import MAY_DEPLOY
from deployer_sagemaker.simulating import Question, questions
from tests.unit.sagemaker.living import Living
from tests.unit.sagemaker.shipped import NAMES, SHIPPED

if TYPE_CHECKING:
    from deployer.testing.sagemaker import Double

HERE = "eu-west-1:123456789012"


def test_what_every_release_needs_is_asked_on_what_it_is_about() -> None:
    asked = [*questions(NAMES)]
    assert Question(
        ("sagemaker:CreateModel",), f"arn:aws:sagemaker:{HERE}:model/deployer",
        (("aws:RequestTag/deployer:managed-by", "deployer"),),
    ) in asked  # fmt: skip
    passed = (("iam:PassedToService", "sagemaker.amazonaws.com"),)
    assert Question(("iam:PassRole",), "arn:aws:iam::123456789012:role/hosting", passed) in asked
    needed = {right.action for each in MAY_DEPLOY for right in each.rights if right.always}
    assert {action for each in asked for action in each.actions} == needed
    assert not [each for each in asked if "*" in each.resource and each.resource != "*"]


def test_without_a_role_nothing_is_asked_about_it() -> None:
    assert not [each for each in questions(replace(NAMES, role="")) if "iam:PassRole" in each.actions]


@pytest.mark.parametrize(
    ("sid", "missing"),
    [
        ("Make", "sagemaker:CreateEndpoint, sagemaker:CreateEndpointConfig, sagemaker:CreateModel"),
        ("PassRole", "iam:PassRole"),
    ],
)
def test_doctor_names_the_right_that_is_missing(double: Double, living: Living, sid: str, missing: str) -> None:
    statements = [each for each in SHIPPED["Statement"] if each["Sid"] != sid]
    double.tell("PUT", "policy", {**SHIPPED, "Statement": statements})
    try:
        (found,) = [each for each in living.target.preflight() if each.what == "permissions"]
    finally:
        double.tell("PUT", "policy", SHIPPED)
    assert (found.ok, found.detail) == (None, f"not allowed: {missing}")
    assert "infra/aws" in (found.hint or "")
