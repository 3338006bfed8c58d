"""CreateModel and its kin."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from deployer.testing.sagemaker import artifacts, images, tags
from deployer.testing.sagemaker.answers import Refusal
from deployer.testing.sagemaker.listing import listed
from deployer.testing.sagemaker.state import Model, Region

if TYPE_CHECKING:
    from deployer.testing.sagemaker.world import World

__all__ = ["create", "delete", "describe", "listing"]

_KEPT = (
    "PrimaryContainer",
    "Containers",
    "InferenceExecutionConfig",
    "ExecutionRoleArn",
    "VpcConfig",
    "EnableNetworkIsolation",
)


def create(world: World, region: Region, asked: Mapping[str, Any]) -> dict[str, Any]:
    """CreateModel."""
    name = str(asked["ModelName"])
    arn = region.arn("model", name)
    if name in region.models:
        raise Refusal("ValidationException", f'Cannot create already existing model "{arn}".')
    containers = [each for each in (asked.get("PrimaryContainer"), *(asked.get("Containers") or [])) if each]
    if not containers or (asked.get("PrimaryContainer") and asked.get("Containers")):
        raise Refusal("ValidationException", "Exactly one of PrimaryContainer and Containers must be specified.")
    for container in containers:
        _possible(container)
    if asked.get("ExecutionRoleArn"):
        _role(world, region, str(asked["ExecutionRoleArn"]))
    elif any(artifacts.locate(each) for each in containers):
        raise Refusal("ValidationException", "ExecutionRoleArn must be specified.")
    made_of = tags.given(asked)
    found = tuple(images.check(world, region, str(each["Image"])) for each in containers)
    if world.guesses["model-data-checked-at-create-model"]:
        for container in containers:
            _data(world, region, container)
    with world.lock:
        if name in region.models:
            raise Refusal("ValidationException", f'Cannot create already existing model "{arn}".')
        request = {key: asked[key] for key in _KEPT if asked.get(key) is not None}
        region.models[name] = Model(name, arn, world.clock.now(), request, made_of, found)
    return {"ModelArn": arn}


def _possible(container: Mapping[str, Any]) -> None:
    if not container.get("Image"):
        raise Refusal("DoubleCannot", "this double hosts containers with an Image only, no model packages", 501)
    if container.get("Mode") == "MultiModel" or container.get("AdditionalModelDataSources"):
        raise Refusal("DoubleCannot", "this double hosts no multi-model containers and no additional model data", 501)
    if container.get("ModelDataUrl") and container.get("ModelDataSource"):
        raise Refusal("ValidationException", "Only one of ModelDataUrl and ModelDataSource can be specified.")


def _role(world: World, region: Region, arn: str) -> None:
    """Recorded: one text for a role that is not there and for one that SageMaker may not assume."""
    iam = world.inside.client("iam", region.name, region.account)
    text = (
        f"Could not assume role {arn}. Please ensure that the role exists and allows principal "
        "'sagemaker.amazonaws.com' to assume the role."
    )
    try:
        role = iam.get_role(RoleName=arn.rpartition("/")[2])["Role"]
    except iam.exceptions.ClientError as error:
        raise Refusal("ValidationException", text) from error
    trust = role["AssumeRolePolicyDocument"]
    if role["Arn"] != arn or not _trusts(json.loads(trust) if isinstance(trust, str) else trust):
        raise Refusal("ValidationException", text)


def _trusts(document: Mapping[str, Any]) -> bool:
    for statement in _list(document.get("Statement")):
        principal = statement.get("Principal")
        services = _list(principal.get("Service")) if isinstance(principal, Mapping) else [principal]
        actions = [str(each).lower() for each in _list(statement.get("Action"))]
        if (
            statement.get("Effect") == "Allow"
            and {"sagemaker.amazonaws.com", "*"} & set(services)
            and {"sts:assumerole", "sts:*", "*"} & set(actions)
        ):
            return True
    return False


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _data(world: World, region: Region, container: Mapping[str, Any]) -> None:
    located = artifacts.locate(container)
    if located is None:
        return
    s3 = world.inside.client("s3", region.name, region.account)
    url, packed, prefix = located
    if not url.startswith("s3://"):
        return  # `https://` is allowed by the model, and cannot be looked at here
    if container.get("ModelDataUrl") and packed and not url.endswith(".tar.gz"):
        # Documented: ModelDataUrl is a .tar.gz.
        raise Refusal("ValidationException", f"Invalid ModelDataUrl {url}: it must end with .tar.gz")
    if prefix and not url.endswith("/"):
        # Documented: ModelDataSource, S3Prefix.
        raise Refusal("ValidationException", f"S3Uri {url} of type S3Prefix must end with a forward slash")
    try:
        if prefix:
            artifacts.listed(s3, url)
        else:
            bucket, key = artifacts.place(url)
            s3.head_object(Bucket=bucket, Key=key)
    except (artifacts.Missing, s3.exceptions.ClientError) as error:
        raise Refusal("ValidationException", f"Could not find model data at {url}.") from error


def describe(world: World, region: Region, asked: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeModel."""
    del world
    model = region.model(str(asked["ModelName"]))
    return {
        "ModelName": model.name,
        "ModelArn": model.arn,
        "CreationTime": model.created,
        "EnableNetworkIsolation": False,
        **model.request,
    }


def delete(world: World, region: Region, asked: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteModel."""
    model = region.model(str(asked["ModelName"]))
    if not world.guesses["delete-config-in-use"]:
        for endpoint in region.endpoints.values():
            if any(variant.model is model for fleet in endpoint.fleets for variant in fleet.variants):
                raise Refusal(
                    "ValidationException", f'Cannot delete model "{model.arn}", which endpoint "{endpoint.arn}" uses.'
                )
    del region.models[model.name]
    return {}


def listing(world: World, region: Region, asked: Mapping[str, Any]) -> dict[str, Any]:
    """ListModels."""
    del world
    found, token = listed(list(region.models.values()), asked)
    rows = [{"ModelName": each.name, "ModelArn": each.arn, "CreationTime": each.created} for each in found]
    return {"Models": rows, "NextToken": token}
