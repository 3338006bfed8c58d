"""What DescribeEndpoint and ListEndpoints tell. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from deployer.testing.sagemaker.listing import listed
from deployer.testing.sagemaker.state import Endpoint, Fleet, Region, Variant

if TYPE_CHECKING:
    from deployer.testing.sagemaker.world import World

__all__ = ["describe", "listing"]

_ECHOED = ("ManagedInstanceScaling", "RoutingConfig")


def describe(world: World, region: Region, asked: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeEndpoint."""
    endpoint = region.endpoint(str(asked["EndpointName"]))
    told: dict[str, Any] = {
        "EndpointName": endpoint.name,
        "EndpointArn": endpoint.arn,
        "EndpointConfigName": endpoint.serves,
        "EndpointStatus": endpoint.status,
        "FailureReason": endpoint.reason,
        "CreationTime": endpoint.created,
        "LastModifiedTime": endpoint.modified,
        "LastDeploymentConfig": endpoint.last,
    }
    shown = endpoint.fleet
    if shown is None and endpoint.status == "Creating" and world.guesses["variants-while-creating"]:
        shown = endpoint.coming
    if shown is not None:
        told |= _variants(shown)
        for key in ("DataCaptureConfig", "AsyncInferenceConfig", "ExplainerConfig"):
            told[key] = _echoed(key, shown.config.request.get(key))
    if endpoint.coming is not None:
        # Documented: only while the endpoint is created or updated to another configuration.
        told["PendingDeploymentSummary"] = {
            "EndpointConfigName": endpoint.coming.config.name,
            "StartTime": endpoint.pending_since,
            **_variants(endpoint.coming),
        }
    return told


def _echoed(key: str, config: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """DescribeEndpoint has a DataCaptureConfigSummary of other members than the configuration (recorded: the model)."""
    if config is None or key != "DataCaptureConfig":
        return config
    return {
        "EnableCapture": bool(config.get("EnableCapture")),
        "CaptureStatus": "Started" if config.get("EnableCapture") else "Stopped",
        "CurrentSamplingPercentage": config["InitialSamplingPercentage"],
        "DestinationS3Uri": config["DestinationS3Uri"],
        "KmsKeyId": config.get("KmsKeyId", ""),
    }


def _variants(fleet: Fleet) -> dict[str, Any]:
    kinds = {"ProductionVariants": False, "ShadowProductionVariants": True}
    found = {key: [_variant(each) for each in fleet.variants if each.shadow is shadow] for key, shadow in kinds.items()}
    return {key: variants for key, variants in found.items() if variants}


def _variant(variant: Variant) -> dict[str, Any]:
    told: dict[str, Any] = {
        "VariantName": variant.name,
        "CurrentWeight": variant.weight,
        "DesiredWeight": variant.weight,
        **{key: variant.wish[key] for key in _ECHOED if key in variant.wish},
    }
    if variant.serverless is None:
        told |= {"CurrentInstanceCount": len(variant.ready), "DesiredInstanceCount": variant.count}
    else:
        told |= {"CurrentServerlessConfig": variant.serverless, "DesiredServerlessConfig": variant.serverless}
    if variant.model is not None:
        told["DeployedImages"] = [
            {"SpecifiedImage": each.specified, "ResolvedImage": each.resolved, "ResolutionTime": variant.model.created}
            for each in variant.model.images
        ]
    if variant.status is not None:
        status, message, since = variant.status
        told["VariantStatus"] = [{"Status": status, "StatusMessage": message, "StartTime": since}]
    return told


def listing(world: World, region: Region, asked: Mapping[str, Any]) -> dict[str, Any]:
    """ListEndpoints; its summaries have no FailureReason (recorded: the service model)."""
    del world
    found, token = listed(list(region.endpoints.values()), asked)
    return {"Endpoints": [_summary(each) for each in found], "NextToken": token}


def _summary(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "EndpointName": endpoint.name,
        "EndpointArn": endpoint.arn,
        "CreationTime": endpoint.created,
        "LastModifiedTime": endpoint.modified,
        "EndpointStatus": endpoint.status,
    }
