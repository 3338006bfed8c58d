"""What a call asks of IAM: actions, the resources that they are about, and the condition keys.

Documented: Service Authorization Reference, one page for each service. An action that is not known here is asked about
as ``service:Operation`` on ``*``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from deployer.testing.sagemaker.asking import Asked
from deployer.testing.sagemaker.scaling_rights import scaling_of

if TYPE_CHECKING:
    from deployer.testing.sagemaker.state import Region
    from deployer.testing.sagemaker.wire import Call
    from deployer.testing.sagemaker.world import World

__all__ = ["Asked", "asked_of"]

_PREFIXES = {
    "resourcegroupstaggingapi": "tag",
    "service-quotas": "servicequotas",
    "sagemaker-runtime": "sagemaker",
}
_S3 = {
    "CopyObject": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "HeadObject": "GetObject",
    "HeadBucket": "ListBucket",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListBuckets": "ListAllMyBuckets",
    "DeleteObjects": "DeleteObject",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
}
"""Operations whose action has another name."""

_UNASKED = frozenset({("sts", "GetCallerIdentity")})
"""Documented: allowed to everybody."""

_KINDS = {"EndpointName": "endpoint", "EndpointConfigName": "endpoint-config", "ModelName": "model"}


def asked_of(world: World, call: Call, account: str) -> list[Asked]:
    """All that must be allowed for a call to be done."""
    if (call.service, call.operation) in _UNASKED:
        return []
    if call.service in ("sagemaker", "sagemaker-runtime"):
        return list(_sagemaker(world.region(account, call.region), call))
    common = {"aws:RequestedRegion": call.region, **_request_tags(call)}
    if call.service == "s3":
        return _s3(call, common)
    if call.service == "ecr":
        return _ecr(world, call, account, common)
    if call.service == "application-autoscaling":
        return scaling_of(call, account, common, linked=account in world.scaled)
    resource = _RESOURCES.get(call.service, lambda *_: "*")(call, account)
    return [Asked(f"{_PREFIXES.get(call.service, call.service)}:{call.operation}", resource, common)]


def _request_tags(call: Call) -> dict[str, str | list[str]]:
    given = call.parameters.get("Tags") or call.parameters.get("tags") or []
    pairs: dict[str, str] = {}
    if isinstance(given, list):
        pairs = {str(each.get("Key", each.get("key"))): str(each.get("Value", each.get("value"))) for each in given}
    elif isinstance(given, Mapping):
        pairs = {str(key): str(value) for key, value in given.items()}
    for key, value in call.parameters.items():
        if key.startswith("Tags.member.") and key.endswith(".Key"):
            pairs[str(value)] = str(call.parameters.get(key[: -len("Key")] + "Value", ""))
    found: dict[str, str | list[str]] = {f"aws:RequestTag/{key}": value for key, value in pairs.items()}
    keys = list(pairs) or call.parameters.get("TagKeys")
    return {**found, "aws:TagKeys": [str(each) for each in keys]} if keys else found


def _sagemaker(region: Region, call: Call) -> Iterator[Asked]:
    """Of every resource that a call names one question, with its tags; of a creation also AddTags and PassRole.

    Documented: Actions, resources, and condition keys for Amazon SageMaker.
    """
    asked, context = call.parameters, {"aws:RequestedRegion": call.region, **_request_tags(call)}
    action = f"sagemaker:{call.operation}"
    named = [(key, str(asked[key])) for key in _KINDS if isinstance(asked.get(key), str)]
    if "ResourceArn" in asked:
        arn = str(asked["ResourceArn"])
        tags = _resource_tags(region, arn)
        yield Asked(action, arn, context | (tags or {}), about_nothing=tags is None)
    elif not named:
        yield Asked(action, "*", context)
    creates = call.operation.startswith("Create")
    for key, name in named:
        arn = region.arn(_KINDS[key], name)
        if creates and key == named[0][0]:
            yield Asked(action, arn, context)
        else:
            tags = _resource_tags(region, arn)
            yield Asked(action, arn, context | (tags or {}), about_nothing=tags is None)
    if creates and asked.get("Tags") and named:
        arn = region.arn(_KINDS[named[0][0]], named[0][1])
        yield Asked("sagemaker:AddTags", arn, {**context, "sagemaker:TaggingAction": call.operation})
    if asked.get("ExecutionRoleArn"):
        yield Asked("iam:PassRole", str(asked["ExecutionRoleArn"]), {"iam:PassedToService": "sagemaker.amazonaws.com"})


def _resource_tags(region: Region, arn: str) -> dict[str, str | list[str]] | None:
    """None where there is no such thing."""
    for _, each, tags in region.tagged():
        if each.lower() == arn.lower():
            found: dict[str, str | list[str]] = {}
            for key, value in tags.items():
                found[f"aws:ResourceTag/{key}"] = found[f"sagemaker:ResourceTag/{key}"] = value
            return found
    return None


def _s3(call: Call, context: Mapping[str, str | list[str]]) -> list[Asked]:
    """An object's call, or a bucket's; tags that are sent with an object are a question of their own (documented)."""
    bucket, key = call.parameters.get("Bucket", ""), call.parameters.get("Key")
    resource = "*" if not bucket else f"arn:aws:s3:::{bucket}" + (f"/{key}" if key else "")
    if call.operation == "DeleteObjects":
        resource += "/*"
    more = {"s3:prefix": str(call.parameters["Prefix"])} if "Prefix" in call.parameters else {}
    asked = [Asked(f"s3:{_S3.get(call.operation, call.operation)}", resource, {**context, **more})]
    if call.operation == "CreateBucket" and "ObjectOwnership" in call.parameters:
        # Documented: API reference, CreateBucket, Permissions.
        asked.append(Asked("s3:PutBucketOwnershipControls", resource, context))
    if "Tagging" in call.parameters and key and call.operation != "PutObjectTagging":
        asked.append(Asked("s3:PutObjectTagging", resource, context))
    return asked


def _ecr(world: World, call: Call, account: str, context: Mapping[str, str | list[str]]) -> list[Asked]:
    """A repository's call, with the repository's tags; one that is made with tags asks for TagResource (documented)."""
    if call.operation == "GetAuthorizationToken":
        return [Asked("ecr:GetAuthorizationToken", "*", context)]
    named = call.parameters.get("repositoryName") or next(iter(call.parameters.get("repositoryNames") or []), "")
    arn = str(call.parameters.get("resourceArn") or f"arn:aws:ecr:{call.region}:{account}:repository/{named or '*'}")
    if call.operation == "CreateRepository":
        tagged = [Asked("ecr:TagResource", arn, context)] if call.parameters.get("tags") else []
        return [Asked("ecr:CreateRepository", arn, context), *tagged]
    client = world.inside.client("ecr", call.region, account)
    try:
        tags = (
            client.list_tags_for_resource(resourceArn=arn)["tags"] if named or "resourceArn" in call.parameters else []
        )
    except client.exceptions.ClientError:
        tags = []
    theirs: dict[str, str | list[str]] = {f"aws:ResourceTag/{each['Key']}": each["Value"] for each in tags}
    theirs |= {f"ecr:ResourceTag/{each['Key']}": each["Value"] for each in tags}
    return [Asked(f"ecr:{call.operation}", arn, {**context, **theirs})]


def _iam(call: Call, account: str) -> str:
    if "PolicySourceArn" in call.parameters:
        return str(call.parameters["PolicySourceArn"])
    return f"arn:aws:iam::{account}:role/{call.parameters['RoleName']}" if "RoleName" in call.parameters else "*"


def _logs(call: Call, account: str) -> str:
    group = call.parameters.get("logGroupName") or call.parameters.get("logGroupNamePrefix") or ""
    return f"arn:aws:logs:{call.region}:{account}:log-group:{group}" + (
        "" if call.operation == "DescribeLogGroups" else ":*"
    )


def _secrets(call: Call, account: str) -> str:
    name = str(call.parameters.get("SecretId") or "*")
    return name if name.startswith("arn:") else f"arn:aws:secretsmanager:{call.region}:{account}:secret:{name}"


def _sts(call: Call, account: str) -> str:
    del account
    return str(call.parameters.get("RoleArn") or "*")


def _alarms(call: Call, account: str) -> str:
    name = call.parameters.get("AlarmName") or next(iter(call.parameters.get("AlarmNames") or []), "*")
    alarm = call.operation in ("DescribeAlarms", "PutMetricAlarm", "DeleteAlarms", "SetAlarmState")
    return f"arn:aws:cloudwatch:{call.region}:{account}:alarm:{name}" if alarm else "*"


_RESOURCES: Mapping[str, Any] = {
    "cloudwatch": _alarms,
    "iam": _iam,
    "logs": _logs,
    "secretsmanager": _secrets,
    "sts": _sts,
}
