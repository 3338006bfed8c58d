"""The policy: what it says, and that every call is held to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from deployer.testing.sagemaker.policy import Policy
from tests.unit.testing.sagemaker.conftest import ROLE

OURS = {"Key": "deployer:managed-by", "Value": "deployer"}
DOCUMENT: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "Create",
            "Effect": "Allow",
            "Action": ["sagemaker:CreateModel", "sagemaker:AddTags"],
            "Resource": "arn:aws:sagemaker:*:123456789012:model/*",
            "Condition": {"StringEquals": {"aws:RequestTag/deployer:managed-by": "deployer"}},
        },
        {
            "Sid": "Change",
            "Effect": "Allow",
            "Action": "sagemaker:Delete*",
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:ResourceTag/deployer:managed-by": "deployer"}},
        },
        {
            "Sid": "Pass",
            "Effect": "Allow",
            "Action": "iam:PassRole",
            "Resource": ROLE,
            "Condition": {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
        },
        {"Sid": "Look", "Effect": "Allow", "Action": ["sagemaker:Describe*", "s3:ListBucket"], "Resource": "*"},
        {"Sid": "Never", "Effect": "Deny", "Action": "sagemaker:DescribeModel", "Resource": "*:model/secret"},
    ],
}


@pytest.mark.parametrize(
    ("action", "resource", "context", "allowed"),
    [
        ("sagemaker:CreateModel", "arn:aws:sagemaker:us-east-1:123456789012:model/m", {}, None),
        (
            "sagemaker:CreateModel",
            "arn:aws:sagemaker:us-east-1:123456789012:model/m",
            {"aws:RequestTag/deployer:managed-by": "deployer"},
            "Create",
        ),
        (
            "sagemaker:CreateModel",
            "arn:aws:sagemaker:us-east-1:999999999999:model/m",
            {"aws:RequestTag/deployer:managed-by": "deployer"},
            None,
        ),
        ("sagemaker:describemodel", "arn:x:model/m", {}, "Look"),
        ("sagemaker:DescribeModel", "arn:x:model/secret", {}, None),
        ("iam:PassRole", ROLE, {"iam:PassedToService": "sagemaker.amazonaws.com"}, "Pass"),
        ("iam:PassRole", ROLE, {"iam:PassedToService": "ec2.amazonaws.com"}, None),
        ("iam:PassRole", ROLE + "2", {"iam:PassedToService": "sagemaker.amazonaws.com"}, None),
    ],
)
def test_what_a_policy_allows(action: str, resource: str, context: Any, allowed: str | None) -> None:
    assert Policy(DOCUMENT).allowing(action, resource, context) == allowed


@pytest.mark.parametrize(
    ("condition", "context", "holds"),
    [
        ({"StringLike": {"k": "a*"}}, {"k": "abc"}, True),
        ({"StringNotEquals": {"k": "a"}}, {}, True),
        ({"StringEqualsIfExists": {"k": "a"}}, {}, True),
        ({"StringEquals": {"k": ["a", "b"]}}, {"K": "b"}, True),
        ({"Null": {"k": "true"}}, {}, True),
        ({"Null": {"k": "false"}}, {}, False),
        ({"ForAllValues:StringLike": {"k": "deployer:*"}}, {"k": ["deployer:a", "other"]}, False),
        ({"ForAnyValue:StringEquals": {"k": "x"}}, {"k": ["x", "y"]}, True),
        ({"Bool": {"k": "true"}}, {"k": "True"}, True),
    ],
)
def test_conditions(condition: Any, context: Any, holds: bool) -> None:
    statement = {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition}
    assert (Policy({"Statement": statement}).allowing("a:B", "*", context) is not None) is holds


@pytest.mark.parametrize("wrong", [{"Principal": "*"}, {"Condition": {"DateLessThan": {"aws:CurrentTime": "x"}}}])
def test_what_cannot_be_evaluated_is_not_loaded(wrong: Any) -> None:
    with pytest.raises(ValueError, match="cannot evaluate"):
        Policy({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", **wrong}})


def test_every_call_is_held_to_the_policy(new_place: Callable[..., Any]) -> None:
    place = new_place()
    place.role()
    place.double.tell("PUT", "policy", DOCUMENT)
    with pytest.raises(ClientError) as refused:
        place.model()
    told = refused.value.response["Error"]
    assert told["Code"] == "AccessDeniedException"
    assert told["Message"] == (
        "User: arn:aws:iam::123456789012:user/deployer is not authorized to perform: sagemaker:CreateModel on "
        "resource: arn:aws:sagemaker:us-east-1:123456789012:model/m1 because no identity-based policy allows the "
        "sagemaker:CreateModel action"
    )
    container = {"Image": "good:1"}
    client = place.sagemaker
    client.create_model(ModelName="m1", ExecutionRoleArn=ROLE, PrimaryContainer=container, Tags=[OURS])
    with pytest.raises(ClientError, match="iam:PassRole"):
        client.create_model(ModelName="m2", ExecutionRoleArn=ROLE + "2", PrimaryContainer=container, Tags=[OURS])
    with pytest.raises(ClientError) as hidden:
        place.client("s3").list_buckets()
    assert hidden.value.response["Error"]["Code"] == "AccessDenied"
    place.double.tell("DELETE", "policy")
    place.model("theirs")
    place.double.tell("PUT", "policy", DOCUMENT)
    with pytest.raises(ClientError, match="sagemaker:DeleteModel"):
        client.delete_model(ModelName="theirs")
    client.delete_model(ModelName="m1")
    told = place.double.tell("GET", "policy")
    assert (told["used"], told["unused"]) == (["Change"], ["Create", "Pass", "Look"])
    assert told["actions"] == ["Change sagemaker:DeleteModel"]
    (reason,) = told["refused"]
    assert "sagemaker:DeleteModel on resource: arn:aws:sagemaker:us-east-1:123456789012:model/theirs" in reason
    deleted = [call for call in place.double.tell("GET", "calls") if call["operation"] == "DeleteModel"]
    assert [call["statements"] for call in deleted] == [[], ["Change"]]


def test_permissions_can_be_simulated(new_place: Callable[..., Any]) -> None:
    document = {"Statement": [*DOCUMENT["Statement"], {"Effect": "Allow", "Action": "iam:Simulate*", "Resource": "*"}]}
    place = new_place(policy=document)
    told = place.client("iam").simulate_principal_policy(
        PolicySourceArn="arn:aws:iam::123456789012:user/deployer",
        ActionNames=["iam:PassRole", "s3:PutObject"],
        ResourceArns=[ROLE],
        ContextEntries=[
            {
                "ContextKeyName": "iam:PassedToService",
                "ContextKeyValues": ["sagemaker.amazonaws.com"],
                "ContextKeyType": "string",
            }
        ],
    )["EvaluationResults"]
    assert [(each["EvalActionName"], each["EvalDecision"]) for each in told] == [
        ("iam:PassRole", "allowed"),
        ("s3:PutObject", "implicitDeny"),
    ]


def test_whoever_assumed_a_role_is_named_by_it(new_place: Callable[..., Any]) -> None:
    place = new_place()
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}
    place.client("iam").create_role(RoleName="ci", AssumeRolePolicyDocument=json.dumps(trust))
    given = place.client("sts").assume_role(RoleArn="arn:aws:iam::210987654321:role/ci", RoleSessionName="run")
    keys = given["Credentials"]
    client = boto3.client(
        "sagemaker",
        endpoint_url=place.double.url,
        region_name="us-east-1",
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )
    with pytest.raises(ClientError, match="arn:aws:sagemaker:us-east-1:210987654321:model/none"):
        client.describe_model(ModelName="none")
    assert place.double.tell("GET", "calls")[-1]["principal"].endswith(":assumed-role/ci/run")
    identity = boto3.client(
        "sts", endpoint_url=place.double.url, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    ).get_caller_identity()
    assert (identity["Arn"], identity["Account"]) == ("arn:aws:iam::123456789012:user/deployer", "123456789012")


def test_repositories_and_objects_are_asked_about_with_their_tags(new_place: Callable[..., Any]) -> None:
    place = new_place()
    repository = "arn:aws:ecr:us-east-1:123456789012:repository/deployer/*"
    ours = {"StringEquals": {"aws:ResourceTag/deployer:managed-by": "deployer"}}
    place.double.tell(
        "PUT",
        "policy",
        {
            "Statement": [
                {"Sid": "Make", "Effect": "Allow", "Action": "ecr:CreateRepository", "Resource": repository},
                {"Sid": "Tag", "Effect": "Allow", "Action": "ecr:TagResource", "Resource": repository},
                {"Sid": "Own", "Effect": "Allow", "Action": "ecr:Delete*", "Resource": "*", "Condition": ours},
                {"Sid": "Put", "Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::records/*"},
                {"Sid": "Bucket", "Effect": "Allow", "Action": "s3:CreateBucket", "Resource": "*"},
            ]
        },
    )
    ecr, s3 = place.client("ecr"), place.client("s3")
    ecr.create_repository(repositoryName="deployer/fraud", tags=[OURS])
    ecr.create_repository(repositoryName="deployer/theirs")
    ecr.delete_repository(repositoryName="deployer/fraud")
    with pytest.raises(ClientError, match="ecr:DeleteRepository"):
        ecr.delete_repository(repositoryName="deployer/theirs")
    s3.create_bucket(Bucket="records")
    s3.put_object(Bucket="records", Key="a", Body=b"1")
    with pytest.raises(ClientError, match="s3:PutObjectTagging"):
        s3.put_object(Bucket="records", Key="a", Body=b"1", Tagging="a=b")
    assert place.double.tell("GET", "policy")["unused"] == []


def test_whoever_sets_the_account_up_is_not_held_to_it(new_place: Callable[..., Any]) -> None:
    place = new_place(policy=DOCUMENT, trusted=frozenset({"a"}))
    place.endpoint()
    told = place.double.tell("GET", "policy")
    assert (told["used"], told["refused"]) == ([], [])


def test_marks_of_what_is_made_are_told_from_those_of_what_is_there(new_place: Callable[..., Any]) -> None:
    place, model = new_place(), "arn:aws:sagemaker:us-east-1:123456789012:model/*"
    place.role()
    place.model("theirs")
    making = {"StringEquals": {"sagemaker:TaggingAction": "CreateModel"}}
    statements = [
        {"Sid": "Make", "Effect": "Allow", "Action": "sagemaker:CreateModel", "Resource": model},
        {"Sid": "Pass", "Effect": "Allow", "Action": "iam:PassRole", "Resource": ROLE},
        {"Sid": "Mark", "Effect": "Allow", "Action": "sagemaker:AddTags", "Resource": model, "Condition": making},
    ]
    place.double.tell("PUT", "policy", {"Statement": statements})
    place.sagemaker.create_model(
        ModelName="m1", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": "good:1"}, Tags=[OURS]
    )
    with pytest.raises(ClientError, match="sagemaker:AddTags"):
        place.sagemaker.add_tags(ResourceArn=model.replace("*", "theirs"), Tags=[OURS])
    assert place.double.tell("GET", "policy")["unused"] == []


def test_a_range_asks_for_what_aws_does_in_the_caller_s_name(new_place: Callable[..., Any]) -> None:
    place = new_place()
    place.endpoint()
    scaling = place.client("application-autoscaling")
    known = {
        "ServiceNamespace": "sagemaker", "ResourceId": "endpoint/fraud/variant/primary",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }  # fmt: skip
    policy = {
        "TargetValue": 10.0,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
    }
    sagemakers = {"StringEquals": {"application-autoscaling:service-namespace": "sagemaker"}}
    steps: dict[str, list[dict[str, Any]]] = {
        "Own": [{"Action": "application-autoscaling:*Scal*", "Condition": sagemakers}],
        "Tags": [{"Action": "application-autoscaling:TagResource"}],
        "Linked": [{"Action": "iam:CreateServiceLinkedRole", "Resource": "*/AWSServiceRoleFor*_SageMakerEndpoint"}],
        "Alarms": [{"Action": "cloudwatch:*Alarm*"}],
    }

    def life() -> None:
        scaling.register_scalable_target(**known, MinCapacity=1, MaxCapacity=2, Tags={"a": "b"})
        scaling.register_scalable_target(**known, MinCapacity=1, MaxCapacity=3)
        scaling.put_scaling_policy(
            **known, PolicyName="p", PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration=policy,
        )  # fmt: skip
        scaling.delete_scaling_policy(**known, PolicyName="p")
        scaling.deregister_scalable_target(**known)

    def statements(*left: str) -> list[dict[str, Any]]:
        return [
            {"Sid": sid, "Effect": "Allow", "Resource": "*", **each}
            for sid, found in steps.items()
            for each in found
            if sid not in left
        ]

    for sid, action in (
        ("Own", "application-autoscaling:RegisterScalableTarget"),
        ("Tags", "application-autoscaling:TagResource"),
        ("Linked", "iam:CreateServiceLinkedRole"),
        ("Alarms", "cloudwatch:DescribeAlarms"),
    ):
        place.double.tell("PUT", "policy", {"Statement": statements(sid)})
        place.double.world.scaled.clear()
        with pytest.raises(ClientError, match=f"not authorized to perform: {action}"):
            life()
    place.double.tell("PUT", "policy", {"Statement": statements()})
    place.double.world.scaled.clear()
    life()
    assert place.double.tell("GET", "policy")["unused"] == []
