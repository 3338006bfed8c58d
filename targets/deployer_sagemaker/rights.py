"""What the one who deploys must be allowed to do, and the execution role. Data, for ``doctor`` and infra/aws. Pure.

`deployer_sagemaker.policies` makes IAM's documents of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["DEPLOYING", "EXECUTION", "MAY_DEPLOY", "MAY_RUN", "SERVICE", "Right", "Statement", "trusts"]

SERVICE = "sagemaker.amazonaws.com"
_SCALING = "sagemaker.application-autoscaling.amazonaws.com"


@dataclass(frozen=True)
class Right:
    """One action.

    Attributes:
        action: ``sagemaker:CreateModel``.
        why: For people.
        always: Whether every release needs it; else only a wish that says so.
        on: The one kind of the statement's things that it is asked about; "" for the first.
    """

    action: str
    why: str
    always: bool = True
    on: str = ""


@dataclass(frozen=True)
class Statement:
    """Rights on the same things, under the same conditions.

    Attributes:
        sid: Its name in the policy.
        rights: What may be done.
        of: Kinds of things (`deployer_sagemaker.policies.THINGS`); none, where they are given by a variable of
            infra/aws alone.
        when: IAM's conditions: operator, key, value.
        wished: Whether it is there only where a variable of infra/aws asks for it.
    """

    sid: str
    rights: tuple[Right, ...]
    of: tuple[str, ...] = ("all",)
    when: Mapping[str, Mapping[str, str | list[str]]] = field(default_factory=dict)
    wished: bool = False


_HOSTED = ("model", "endpoint-config", "endpoint")
_MANAGED = "deployer:managed-by"
_OURS = {f"aws:ResourceTag/{_MANAGED}": "deployer"}
_MARKED: dict[str, str | list[str]] = {f"aws:RequestTag/{_MANAGED}": "deployer"}
_MAKERS = ["CreateEndpoint", "CreateEndpointConfig", "CreateModel"]

MAY_DEPLOY: tuple[Statement, ...] = (
    Statement(
        "Make",
        (
            Right("sagemaker:CreateModel", "a revision"),
            Right("sagemaker:CreateEndpointConfig", "a revision", on="endpoint-config"),
            Right("sagemaker:CreateEndpoint", "the endpoint, and the one to verify on", on="endpoint"),
        ),
        of=_HOSTED,
        when={"StringEquals": _MARKED},
    ),
    Statement(
        "MarkNew",
        (Right("sagemaker:AddTags", "marks, with each creation"),),
        of=_HOSTED,
        when={"StringEquals": {**_MARKED, "sagemaker:TaggingAction": _MAKERS}},
    ),
    Statement(
        "ChangeOurs",
        (
            Right("sagemaker:UpdateEndpoint", "traffic to another revision", on="endpoint"),
            Right("sagemaker:UpdateEndpointWeightsAndCapacities", "another count, or shares of traffic", on="endpoint"),
            Right("sagemaker:DeleteEndpoint", "what is not wished any more", on="endpoint"),
            Right("sagemaker:DeleteEndpointConfig", "what is not wished any more", on="endpoint-config"),
            Right("sagemaker:DeleteModel", "what is not wished any more"),
            Right("sagemaker:AddTags", "marks"),
            Right("sagemaker:DeleteTags", "labels that are not wished any more", always=False),
            Right("sagemaker:InvokeEndpoint", "to verify, and predict", on="endpoint"),
            Right("sagemaker:InvokeEndpointWithResponseStream", "predict --stream", always=False, on="endpoint"),
            Right("sagemaker:InvokeEndpointAsync", "config.async_inference", always=False, on="endpoint"),
        ),
        of=_HOSTED,
        when={"StringEquals": _OURS},
    ),
    Statement(
        "TakeOver",
        (Right("sagemaker:AddTags", "apply --adopt", always=False),),
        of=_HOSTED,
        when={"StringEquals": _MARKED, "Null": {"sagemaker:TaggingAction": "true"}},
        wished=True,
    ),
    Statement(
        "Look",
        (
            Right("sagemaker:DescribeEndpoint", "how it is", on="endpoint"),
            Right("sagemaker:DescribeEndpointConfig", "what it runs", on="endpoint-config"),
            Right("sagemaker:DescribeModel", "import", always=False),
            Right("sagemaker:ListTags", "whose it is"),
        ),
        of=_HOSTED,
    ),
    Statement(
        "List",
        (
            Right("sagemaker:ListEndpoints", "list"),
            Right("sagemaker:ListEndpointConfigs", "its revisions; gc"),
            Right("sagemaker:ListModels", "its models; gc"),
            Right("application-autoscaling:DescribeScalableTargets", "whether an autoscaler has its count"),
            Right("cloudwatch:GetMetricData", "figures", always=False),
            Right("cloudwatch:DescribeAlarms", "a range: AWS asks in the caller's name", always=False),
            Right("ecr:GetAuthorizationToken", "to push"),
            Right("ecr:DescribeRepositories", "where to push; gc, which asks for all"),
            Right("servicequotas:ListServiceQuotas", "doctor, and how much a quota is", always=False),
        ),
    ),
    Statement(
        "PassRole",
        (Right("iam:PassRole", "to SageMaker alone"),),
        of=("role",),
        when={"StringEquals": {"iam:PassedToService": SERVICE}},
    ),
    Statement("LookAtRole", (Right("iam:GetRole", "whether SageMaker may act as it"),), of=("role",)),
    Statement(
        "Simulate",
        (Right("iam:SimulatePrincipalPolicy", "doctor", always=False),),
        of=("users", "roles"),
    ),
    Statement(
        "Objects",
        (
            Right("s3:GetObject", "records, and answers of config.async_inference"),
            Right("s3:PutObject", "records, models of image.weights: mount, large asynchronous requests"),
            Right("s3:DeleteObject", "records, and what nothing needs"),
            Right("s3:AbortMultipartUpload", "a large model of image.weights: mount that is broken off", always=False),
        ),
        of=("objects",),
    ),
    Statement(
        "Bucket",
        (Right("s3:ListBucket", "records; without it what is not there is told as forbidden"),),
        of=("bucket",),
    ),
    Statement(
        "Images",
        (
            Right("ecr:BatchCheckLayerAvailability", "to push what is missing alone"),
            Right("ecr:InitiateLayerUpload", "to push"),
            Right("ecr:UploadLayerPart", "to push"),
            Right("ecr:CompleteLayerUpload", "to push"),
            Right("ecr:PutImage", "to push"),
            Right("ecr:BatchGetImage", "whether it is there, in a form that AWS takes"),
            Right("ecr:GetDownloadUrlForLayer", "its architecture"),
            Right("ecr:DescribeImages", "gc, delete", always=False),
            Right("ecr:ListTagsForResource", "gc, delete: whose it is", always=False),
        ),
        of=("repositories",),
    ),
    Statement(
        "MakeRepository",
        (
            Right("ecr:CreateRepository", "an endpoint's first image", always=False),
            Right("ecr:TagResource", "marks of a repository", always=False),
        ),
        of=("repositories",),
        when={"StringEquals": _MARKED},
    ),
    Statement(
        "RemoveImages",
        (Right("ecr:BatchDeleteImage", "gc, delete", always=False),),
        of=("repositories",),
        when={"StringEquals": _OURS},
    ),
    Statement(
        "Logs",
        (
            Right("logs:DescribeLogStreams", "logs, and why it does not start"),
            Right("logs:GetLogEvents", "logs, and why it does not start"),
            Right("logs:DeleteLogGroup", "delete", always=False),
        ),
        of=("log-groups",),
    ),
    Statement(
        "Scale",
        (
            Right("application-autoscaling:RegisterScalableTarget", "a range", always=False),
            Right("application-autoscaling:DeregisterScalableTarget", "a range that ends", always=False),
            Right("application-autoscaling:PutScalingPolicy", "a range", always=False),
            Right("application-autoscaling:DeleteScalingPolicy", "a range that ends", always=False),
        ),
        of=("scalable-targets",),
        when={"StringEquals": {"application-autoscaling:service-namespace": "sagemaker"}},
    ),
    Statement(
        "MarkRange",
        (Right("application-autoscaling:TagResource", "marks of a range", always=False),),
        of=("scalable-targets",),
        when={"StringEquals": _MARKED},
    ),
    Statement(
        "Alarms",
        (
            Right("cloudwatch:PutMetricAlarm", "a range: AWS makes its alarms in the caller's name", always=False),
            Right("cloudwatch:DeleteAlarms", "a range that ends", always=False),
        ),
        of=("alarms",),
    ),
    Statement(
        "FirstRange",
        (Right("iam:CreateServiceLinkedRole", "the account's first range", always=False),),
        of=("autoscaling-role",),
        when={"StringEquals": {"iam:AWSServiceName": _SCALING}},
    ),
)
"""Of the one who runs deployer. ``sts:GetCallerIdentity`` is everybody's (API reference)."""

MAY_RUN: tuple[Statement, ...] = (
    Statement("Login", (Right("ecr:GetAuthorizationToken", "its image"),)),
    Statement(
        "Images",
        (
            Right("ecr:BatchCheckLayerAvailability", "its image"),
            Right("ecr:BatchGetImage", "its image"),
            Right("ecr:GetDownloadUrlForLayer", "its image"),
        ),
        of=("repositories",),
    ),
    Statement(
        "Logs",
        (
            Right("logs:CreateLogGroup", "what it writes"),
            Right("logs:CreateLogStream", "what it writes"),
            Right("logs:DescribeLogStreams", "what it writes"),
            Right("logs:PutLogEvents", "what it writes"),
        ),
        of=("log-groups",),
    ),
    Statement("Metrics", (Right("cloudwatch:PutMetricData", "figures of its instances"),)),
    Statement(
        "Inputs",
        (Right("s3:GetObject", "a model of image.weights: mount, a large asynchronous request", always=False),),
        of=("models", "requests"),
    ),
    Statement(
        "Bucket",
        (Right("s3:ListBucket", "a model of image.weights: mount", always=False),),
        of=("bucket",),
        when={"StringLike": {"s3:prefix": ["${prefix}/*/models/*", "${prefix}/*/requests/*"]}},
    ),
    Statement(
        "Outputs",
        (Right("s3:PutObject", "config.async_inference, config.data_capture", always=False),),
        of=("outputs",),
    ),
    Statement("Topics", (Right("sns:Publish", "config.async_inference with topics", always=False),), of=()),
    Statement("Secrets", (Right("secretsmanager:GetSecretValue", "secrets", always=False),), of=()),
    Statement(
        "Keys",
        (
            Right("kms:Decrypt", "a key of its own", always=False),
            Right("kms:GenerateDataKey", "a key of its own", always=False),
            Right("kms:CreateGrant", "config.kms_key", always=False),
        ),
        of=(),
    ),
    Statement(
        "Network",
        (
            Right("ec2:CreateNetworkInterface", "config.vpc", always=False),
            Right("ec2:CreateNetworkInterfacePermission", "config.vpc", always=False),
            Right("ec2:DeleteNetworkInterface", "config.vpc", always=False),
            Right("ec2:DeleteNetworkInterfacePermission", "config.vpc", always=False),
            Right("ec2:DescribeNetworkInterfaces", "config.vpc", always=False),
            Right("ec2:DescribeVpcs", "config.vpc", always=False),
            Right("ec2:DescribeDhcpOptions", "config.vpc", always=False),
            Right("ec2:DescribeSubnets", "config.vpc", always=False),
            Right("ec2:DescribeSecurityGroups", "config.vpc", always=False),
        ),
        wished=True,
    ),
)
"""Of the execution role, as SageMaker acts in its name (Developer Guide, sagemaker-roles: CreateModel)."""


def _each(statements: tuple[Statement, ...]) -> tuple[Right, ...]:
    found: dict[str, Right] = {}
    for right in (each for statement in statements for each in statement.rights):
        found.setdefault(right.action, right)
    return tuple(found.values())


DEPLOYING: tuple[Right, ...] = _each(MAY_DEPLOY)
EXECUTION: tuple[Right, ...] = _each(MAY_RUN)


def trusts(policy: Mapping[str, Any], service: str = SERVICE) -> bool:
    """Whether a role's trust policy lets a service act as it.

    Args:
        policy: AssumeRolePolicyDocument, as IAM's GetRole has it.
        service: Its principal.
    """
    statements = [*_listed(policy.get("Statement"))]
    allowed = any(each.get("Effect") == "Allow" and _names(each, service) for each in statements)
    return allowed and not any(
        each.get("Effect") == "Deny" and _names(each, service) and not each.get("Condition") for each in statements
    )


def _names(statement: Mapping[str, Any], service: str) -> bool:
    principal = statement.get("Principal")
    services = _listed(principal.get("Service")) if isinstance(principal, Mapping) else _listed(principal)
    actions = [str(each) for each in _listed(statement.get("Action"))]
    return any(each in (service, "*") for each in services) and any(
        each in ("sts:AssumeRole", "sts:*", "*") for each in actions
    )


def _listed(value: Any) -> Iterator[Any]:
    if isinstance(value, list | tuple):
        yield from value
    elif value is not None:
        yield value
