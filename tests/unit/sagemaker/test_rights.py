"""What must be allowed."""

from __future__ import annotations

from typing import Any

import pytest

from deployer_sagemaker.rights import DEPLOYING, EXECUTION, trusts
from tests.unit.sagemaker.cloud import Cloud


def test_each_action_is_named_once() -> None:
    for rights in (DEPLOYING, EXECUTION):
        actions = [each.action for each in rights]
        assert len(actions) == len(set(actions))
        assert all(each.why for each in rights)


def test_every_call_that_is_due_of_a_verb_is_among_them() -> None:
    operations = {name[1:] for name in vars(Cloud) if name.startswith("_") and name[1:2].isupper()}
    allowed = {each.action.partition(":")[2] for each in DEPLOYING}
    assert operations <= allowed


def _policy(**statement: Any) -> dict[str, Any]:
    base = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [{**base, **statement}]}


@pytest.mark.parametrize(
    ("policy", "trusted"),
    [
        (_policy(), True),
        (_policy(Principal={"Service": ["ec2.amazonaws.com", "sagemaker.amazonaws.com"]}), True),
        (_policy(Action=["sts:TagSession", "sts:AssumeRole"]), True),
        (_policy(Principal={"Service": "ec2.amazonaws.com"}), False),
        (_policy(Principal={"AWS": "arn:aws:iam::123456789012:root"}), False),
        (_policy(Action="sts:TagSession"), False),
        (_policy(Effect="Deny"), False),
        ({"Statement": [*_policy()["Statement"], *_policy(Effect="Deny")["Statement"]]}, False),
        ({"Statement": _policy()["Statement"][0]}, True),
        ({}, False),
    ],
)
def test_whether_a_role_trusts_the_service(policy: dict[str, Any], trusted: bool) -> None:
    assert trusts(policy) is trusted
