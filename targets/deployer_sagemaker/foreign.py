"""What can be told of an endpoint that somebody else made, such as MLflow's own client or the console. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from deployer.endpoint import ImageRef
from deployer.target import Adoption, told_variables
from deployer.value import JSON

__all__ = ["adoption_of", "identity_of", "unadoptable"]

_GIB = 2**30


def identity_of(endpoint: Mapping[str, Any]) -> str:
    """Exactly this endpoint, as it runs now: another one has another creation, a changed one another configuration."""
    created = endpoint["CreationTime"].timestamp()
    return f"{endpoint['EndpointArn']}@{created:.3f}/{endpoint.get('EndpointConfigName', '')}"


def unadoptable(endpoint: Mapping[str, Any], config: Mapping[str, Any], model: Mapping[str, Any]) -> str | None:
    """Why it cannot be taken over, as a sentence; None when it can."""
    variants: Sequence[Mapping[str, Any]] = config.get("ProductionVariants") or ()
    if endpoint.get("EndpointStatus") != "InService":
        return f"it is {endpoint.get('EndpointStatus')}; only what is InService is taken over"
    if len(variants) != 1 or config.get("ShadowProductionVariants"):
        return f"it has {len(variants)} variants, and one is taken over"
    if not variants[0].get("ModelName"):
        return "its models are inference components, which are managed elsewhere"
    if len(_containers(model)) != 1:
        return "it is a pipeline of several containers"
    container = _containers(model)[0]
    if container.get("Mode") == "MultiModel" or not container.get("Image"):
        return "its container is a multi-model one, or a model package"
    return None


def adoption_of(
    endpoint: Mapping[str, Any],
    config: Mapping[str, Any],
    model: Mapping[str, Any],
    bounds: tuple[int, int] | None = None,
) -> Adoption:
    """Its wish, as far as it can be told.

    Args:
        endpoint: DescribeEndpoint's answer.
        config: DescribeEndpointConfig's.
        model: DescribeModel's.
        bounds: Least and most of its autoscaler, where it has one.
    """
    variant, container = config["ProductionVariants"][0], _containers(model)[0]
    image = str(container["Image"])
    variables, hidden = told_variables({str(k): str(v) for k, v in (container.get("Environment") or {}).items()})
    count = _count(endpoint, variant)
    found: dict[str, JSON] = {
        "image": {"use": image},
        "replicas": count if bounds is None else {"min": bounds[0], "max": bounds[1]},
        "network": {"egress": "none" if model.get("EnableNetworkIsolation") else "internet"},
        "config": {**_of_variant(variant), **_of_config(config), **_of_model(model, container)},
    }
    if variables:
        found["env"] = variables
    untold: dict[str, str] = {f"env.{name}": "its value looks secret, and is not told" for name in hidden}
    data = container.get("ModelDataUrl") or ((container.get("ModelDataSource") or {}).get("S3DataSource") or {}).get(
        "S3Uri"
    )
    if data:
        untold["model"] = f"its model lies at {data}, where only what runs already finds it"
    if bounds is not None:
        untold["replicas.value"] = "what its autoscaler keeps is its policies' own"
    kind = variant.get("InstanceType")
    what = (
        f"endpoint {endpoint['EndpointName']} ({count} of {kind})" if kind else f"endpoint {endpoint['EndpointName']}"
    )
    return Adoption(
        identity=identity_of(endpoint), what=what, spec=found, untold=untold,
        image=ImageRef(id=_digest(endpoint), reference=image),
    )  # fmt: skip


def _containers(model: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    primary = model.get("PrimaryContainer")
    return [primary] if primary else list(model.get("Containers") or ())


def _count(endpoint: Mapping[str, Any], variant: Mapping[str, Any]) -> int:
    """As it is now, which an autoscaler or a person may have changed."""
    told: Mapping[str, Any] = next(iter(endpoint.get("ProductionVariants") or ()), {})
    return max(1, int(told.get("DesiredInstanceCount") or variant.get("InitialInstanceCount") or 1))


def _digest(endpoint: Mapping[str, Any]) -> str:
    told: Mapping[str, Any] = next(iter(endpoint.get("ProductionVariants") or ()), {})
    images = told.get("DeployedImages") or ()
    resolved = str(images[0].get("ResolvedImage") or "") if images else ""
    return resolved.rpartition("@")[2] if "@" in resolved else ""


def _of_variant(variant: Mapping[str, Any]) -> dict[str, JSON]:
    found: dict[str, JSON] = {}
    if variant.get("InstanceType"):
        found["instance_type"] = variant["InstanceType"]
    serverless = variant.get("ServerlessConfig")
    if serverless:
        found["serverless"] = {
            "memory": f"{int(serverless['MemorySizeInMB']) // 1024}Gi",
            "max_concurrency": serverless["MaxConcurrency"],
            **({"provisioned": kept} if (kept := serverless.get("ProvisionedConcurrency")) else {}),
        }
    seconds = {
        "startup": "ContainerStartupHealthCheckTimeoutInSeconds",
        "download": "ModelDataDownloadTimeoutInSeconds",
        "provision": "VariantInstanceProvisionTimeoutInSeconds",
    }
    found |= {field: f"{variant[name]}s" for field, name in seconds.items() if variant.get(name)}
    if variant.get("VolumeSizeInGB"):
        found["volume"] = f"{variant['VolumeSizeInGB']}Gi"
    strategy = str((variant.get("RoutingConfig") or {}).get("RoutingStrategy") or "")
    if strategy in ("LEAST_OUTSTANDING_REQUESTS", "RANDOM"):
        found["routing"] = strategy.lower().replace("_", "-")
    if variant.get("InferenceAmiVersion"):
        found["ami_version"] = variant["InferenceAmiVersion"]
    if (variant.get("CapacityReservationConfig") or {}).get("MlReservationArn"):
        found["capacity_reservation"] = variant["CapacityReservationConfig"]["MlReservationArn"]
    if variant.get("EnableSSMAccess"):
        found["shell"] = True
    return found


def _of_config(config: Mapping[str, Any]) -> dict[str, JSON]:
    found: dict[str, JSON] = {"kms_key": config["KmsKeyId"]} if config.get("KmsKeyId") else {}
    capture = config.get("DataCaptureConfig") or {}
    if capture.get("EnableCapture"):
        modes = {each.get("CaptureMode") for each in capture.get("CaptureOptions") or ()}
        both = "InputAndOutput" in modes or {"Input", "Output"} <= modes
        types = capture.get("CaptureContentTypeHeader") or {}
        found["data_capture"] = {
            "to": capture["DestinationS3Uri"],
            "percent": capture["InitialSamplingPercentage"],
            "what": "both" if both else "input" if "Input" in modes else "output",
            "csv_types": [*(types.get("CsvContentTypes") or ())],
            "json_types": [*(types.get("JsonContentTypes") or ())],
            **({"kms_key": capture["KmsKeyId"]} if capture.get("KmsKeyId") else {}),
        }
    queue = config.get("AsyncInferenceConfig") or {}
    if queue:
        output, topics = queue["OutputConfig"], queue["OutputConfig"].get("NotificationConfig") or {}
        told = {
            "output": output.get("S3OutputPath"),
            "failures": output.get("S3FailurePath"),
            "kms_key": output.get("KmsKeyId"),
            "success_topic": topics.get("SuccessTopic"),
            "error_topic": topics.get("ErrorTopic"),
            "concurrency": (queue.get("ClientConfig") or {}).get("MaxConcurrentInvocationsPerInstance"),
        }
        found["async_inference"] = {name: value for name, value in told.items() if value}
    return found


def _of_model(model: Mapping[str, Any], container: Mapping[str, Any]) -> dict[str, JSON]:
    found: dict[str, JSON] = {"role": model["ExecutionRoleArn"]} if model.get("ExecutionRoleArn") else {}
    vpc = model.get("VpcConfig") or {}
    if vpc.get("Subnets"):
        found["vpc"] = {"subnets": [*vpc["Subnets"]], "security_groups": [*vpc.get("SecurityGroupIds", ())]}
    access = container.get("ImageConfig") or {}
    if access.get("RepositoryAccessMode") == "Vpc":
        login = (access.get("RepositoryAuthConfig") or {}).get("RepositoryCredentialsProviderArn")
        found["image_access"] = {"mode": "vpc", **({"credentials": login} if login else {})}
    return found
