"""CreateEndpointConfig and its kin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from deployer.testing.sagemaker import tags
from deployer.testing.sagemaker.answers import Refusal
from deployer.testing.sagemaker.listing import listed
from deployer.testing.sagemaker.state import EndpointConfig, Region

if TYPE_CHECKING:
    from deployer.testing.sagemaker.world import World

__all__ = ["create", "delete", "describe", "listing"]


def create(world: World, region: Region, asked: Mapping[str, Any]) -> dict[str, Any]:
    """CreateEndpointConfig."""
    name = str(asked["EndpointConfigName"])
    arn = region.arn("endpoint-config", name)
    if name in region.configs:
        raise Refusal("ValidationException", f'Cannot create already existing endpoint configuration "{arn}".')
    if ((asked.get("AsyncInferenceConfig") or {}).get("OutputConfig") or {}).get("NotificationConfig"):
        raise Refusal("DoubleCannot", "this double sends no SNS notifications of asynchronous endpoints", 501)
    variants = [*asked["ProductionVariants"], *(asked.get("ShadowProductionVariants") or [])]
    for variant in variants:
        _variant(region, variant)
    names = [each["VariantName"] for each in variants]
    if len(names) != len(set(names)):
        raise Refusal("ValidationException", "Variant names must be unique.")
    if any(each.get("ServerlessConfig") for each in variants) and (
        len(variants) > 1 or asked.get("AsyncInferenceConfig")
    ):
        # Documented: Developer Guide, serverless-endpoints: one variant, and no asynchronous one.
        raise Refusal("ValidationException", "A serverless endpoint has one variant, and cannot be asynchronous.")
    if not any(float(each.get("InitialVariantWeight", 1.0)) for each in asked["ProductionVariants"]):
        raise Refusal("ValidationException", "At least one variant must have a weight above 0.")
    request = {
        key: each for key, each in asked.items() if key not in ("EndpointConfigName", "Tags") and each is not None
    }
    made_of = tags.given(asked)
    with world.lock:
        region.configs[name] = EndpointConfig(name, arn, world.clock.now(), request, made_of)
    return {"EndpointConfigArn": arn}


def _variant(region: Region, variant: Mapping[str, Any]) -> None:
    """Documented: API reference, ProductionVariant. The wording is guessed."""
    name = variant["VariantName"]
    if not variant.get("ModelName") or variant.get("InstancePools"):
        raise Refusal("DoubleCannot", "this double has no inference components and no instance pools", 501)
    region.model(str(variant["ModelName"]))
    serverless = variant.get("ServerlessConfig")
    if serverless and (variant.get("InstanceType") or variant.get("InitialInstanceCount")):
        raise Refusal(
            "ValidationException", f"Variant {name}: ServerlessConfig excludes InstanceType and InitialInstanceCount."
        )
    if serverless and int(serverless["MemorySizeInMB"]) % 1024:
        raise Refusal("ValidationException", f"Variant {name}: MemorySizeInMB must be a multiple of 1024.")
    if serverless and int(serverless.get("ProvisionedConcurrency") or 0) > int(serverless["MaxConcurrency"]):
        raise Refusal("ValidationException", f"Variant {name}: ProvisionedConcurrency must not exceed MaxConcurrency.")
    if not serverless and not (variant.get("InstanceType") and variant.get("InitialInstanceCount")):
        raise Refusal(
            "ValidationException", f"Variant {name}: InstanceType and InitialInstanceCount must be specified."
        )


def describe(world: World, region: Region, asked: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeEndpointConfig; what a variant does not say is told with its default (documented: a weight of 1)."""
    del world
    config = region.config(str(asked["EndpointConfigName"]))
    told = {**config.request}
    for key in ("ProductionVariants", "ShadowProductionVariants"):
        if config.request.get(key):
            told[key] = [{"InitialVariantWeight": 1.0, **variant} for variant in config.request[key]]
    return {
        "EndpointConfigName": config.name,
        "EndpointConfigArn": config.arn,
        "CreationTime": config.created,
        "EnableNetworkIsolation": False,
        **told,
    }


def delete(world: World, region: Region, asked: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteEndpointConfig."""
    config = region.config(str(asked["EndpointConfigName"]))
    used = region.using(config.name)
    if used and not world.guesses["delete-config-in-use"]:
        text = f'Cannot delete endpoint configuration "{config.arn}", which endpoint "{used[0].arn}" uses.'
        raise Refusal("ValidationException", text)
    del region.configs[config.name]
    return {}


def listing(world: World, region: Region, asked: Mapping[str, Any]) -> dict[str, Any]:
    """ListEndpointConfigs."""
    del world
    found, token = listed(list(region.configs.values()), asked)
    rows = [
        {"EndpointConfigName": each.name, "EndpointConfigArn": each.arn, "CreationTime": each.created} for each in found
    ]
    return {"EndpointConfigs": rows, "NextToken": token}
