"""What the one who deploys must be allowed to do, and the execution role. Data, for ``doctor`` and infra/aws. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["DEPLOYING", "EXECUTION", "SERVICE", "Right", "trusts"]

SERVICE = "sagemaker.amazonaws.com"


@dataclass(frozen=True)
class Right:
    """One action.

    Attributes:
        action: ``sagemaker:CreateModel``.
        of: The kind of thing that it is asked of, as infra/aws names it; "*" where IAM knows none.
        why: For people.
        always: Whether every release needs it; else only a wish that says so.
    """

    action: str
    of: str
    why: str
    always: bool = True


DEPLOYING: tuple[Right, ...] = (
    Right("sts:GetCallerIdentity", "*", "which account it is"),
    Right("sagemaker:CreateModel", "model", "a revision"),
    Right("sagemaker:CreateEndpointConfig", "endpoint-config", "a revision"),
    Right("sagemaker:CreateEndpoint", "endpoint", "the endpoint, and the one to verify on"),
    Right("sagemaker:UpdateEndpoint", "endpoint", "traffic to another revision"),
    Right("sagemaker:UpdateEndpointWeightsAndCapacities", "endpoint", "another count, or shares of traffic"),
    Right("sagemaker:DeleteEndpoint", "endpoint", "what is not wished any more"),
    Right("sagemaker:DeleteEndpointConfig", "endpoint-config", "what is not wished any more"),
    Right("sagemaker:DeleteModel", "model", "what is not wished any more"),
    Right("sagemaker:DescribeEndpoint", "endpoint", "how it is"),
    Right("sagemaker:DescribeEndpointConfig", "endpoint-config", "what it runs"),
    Right("sagemaker:DescribeModel", "model", "whether it is what was asked for; import"),
    Right("sagemaker:ListEndpoints", "*", "list"),
    Right("sagemaker:ListEndpointConfigs", "*", "its revisions; gc"),
    Right("sagemaker:ListModels", "*", "its models; gc"),
    Right("sagemaker:ListTags", "any", "whose it is"),
    Right("sagemaker:AddTags", "any", "marks, with each creation, too"),
    Right("sagemaker:DeleteTags", "any", "labels that are not wished any more", always=False),
    Right("sagemaker:InvokeEndpoint", "endpoint", "to verify, and predict"),
    Right("sagemaker:InvokeEndpointAsync", "endpoint", "config.async_inference", always=False),
    Right("iam:PassRole", "execution-role", "to SageMaker alone"),
    Right("iam:GetRole", "execution-role", "whether SageMaker may act as it"),
    Right("iam:SimulatePrincipalPolicy", "principal", "doctor, where it is allowed", always=False),
    Right("s3:GetObject", "bucket-objects", "records"),
    Right("s3:PutObject", "bucket-objects", "records, and models of image.weights: mount"),
    Right("s3:DeleteObject", "bucket-objects", "records, and models that nothing needs"),
    Right("s3:ListBucket", "bucket", "records; without it what is not there is told as forbidden"),
    Right("s3:CreateBucket", "bucket", "the first endpoint, where no bucket is named", always=False),
    Right("ecr:GetAuthorizationToken", "*", "to push"),
    Right("ecr:DescribeRepositories", "repository", "where to push"),
    Right("ecr:CreateRepository", "repository", "an endpoint's first image", always=False),
    Right("ecr:TagResource", "repository", "marks of a repository", always=False),
    Right("ecr:BatchCheckLayerAvailability", "repository", "to push what is missing alone"),
    Right("ecr:InitiateLayerUpload", "repository", "to push"),
    Right("ecr:UploadLayerPart", "repository", "to push"),
    Right("ecr:CompleteLayerUpload", "repository", "to push"),
    Right("ecr:PutImage", "repository", "to push"),
    Right("ecr:BatchGetImage", "repository", "whether it is there, in a form that AWS takes"),
    Right("ecr:GetDownloadUrlForLayer", "repository", "its architecture"),
    Right("ecr:DescribeImages", "repository", "gc", always=False),
    Right("ecr:BatchDeleteImage", "repository", "gc", always=False),
    Right("logs:DescribeLogStreams", "log-group", "logs, and why it does not start"),
    Right("logs:GetLogEvents", "log-group", "logs, and why it does not start"),
    Right("logs:DeleteLogGroup", "log-group", "delete", always=False),
    Right("cloudwatch:GetMetricData", "*", "figures", always=False),
    Right("application-autoscaling:DescribeScalableTargets", "*", "whether an autoscaler has its count"),
    Right("application-autoscaling:RegisterScalableTarget", "scalable-target", "a range", always=False),
    Right("application-autoscaling:DeregisterScalableTarget", "scalable-target", "a range that ends", always=False),
    Right("application-autoscaling:PutScalingPolicy", "scalable-target", "a range", always=False),
    Right("application-autoscaling:DeleteScalingPolicy", "scalable-target", "a range that ends", always=False),
    Right("application-autoscaling:TagResource", "scalable-target", "marks of a range", always=False),
    Right("iam:CreateServiceLinkedRole", "autoscaling-role", "the account's first range", always=False),
    Right("servicequotas:ListServiceQuotas", "*", "doctor, and how much a quota is", always=False),
)
"""Of the one who runs deployer."""

EXECUTION: tuple[Right, ...] = (
    Right("ecr:GetAuthorizationToken", "*", "its image"),
    Right("ecr:BatchCheckLayerAvailability", "repository", "its image"),
    Right("ecr:BatchGetImage", "repository", "its image"),
    Right("ecr:GetDownloadUrlForLayer", "repository", "its image"),
    Right("logs:CreateLogGroup", "log-group", "what it writes"),
    Right("logs:CreateLogStream", "log-group", "what it writes"),
    Right("logs:DescribeLogStreams", "log-group", "what it writes"),
    Right("logs:PutLogEvents", "log-group", "what it writes"),
    Right("cloudwatch:PutMetricData", "*", "figures of its instances"),
    Right("s3:GetObject", "bucket-objects", "a model of image.weights: mount", always=False),
    Right("s3:ListBucket", "bucket", "a model of image.weights: mount", always=False),
    Right("s3:PutObject", "output-objects", "config.async_inference, config.data_capture", always=False),
    Right("sns:Publish", "topic", "config.async_inference with topics", always=False),
    Right("secretsmanager:GetSecretValue", "secret", "secrets", always=False),
    Right("kms:Decrypt", "key", "a key of its own", always=False),
    Right("kms:GenerateDataKey", "key", "a key of its own", always=False),
    Right("kms:CreateGrant", "key", "config.kms_key", always=False),
    Right("ec2:CreateNetworkInterface", "*", "config.vpc", always=False),
    Right("ec2:CreateNetworkInterfacePermission", "*", "config.vpc", always=False),
    Right("ec2:DeleteNetworkInterface", "*", "config.vpc", always=False),
    Right("ec2:DeleteNetworkInterfacePermission", "*", "config.vpc", always=False),
    Right("ec2:DescribeNetworkInterfaces", "*", "config.vpc", always=False),
    Right("ec2:DescribeVpcs", "*", "config.vpc", always=False),
    Right("ec2:DescribeDhcpOptions", "*", "config.vpc", always=False),
    Right("ec2:DescribeSubnets", "*", "config.vpc", always=False),
    Right("ec2:DescribeSecurityGroups", "*", "config.vpc", always=False),
)
"""Of the execution role, as SageMaker acts in its name (Developer Guide, sagemaker-roles: CreateModel)."""


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
