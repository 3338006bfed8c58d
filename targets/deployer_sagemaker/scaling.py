"""The autoscaler of an endpoint's variant, where the spec gives a range. Pure.

AWS's Application Auto Scaling has the count then; it is asked by two calls, and by two more lets go of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from deployer.errors import SpecError
from deployer.spec import DeploymentSpec, ReplicaRange
from deployer.value import JSON
from deployer_sagemaker.config import SageMakerConfig
from deployer_sagemaker.configs import instance_type
from deployer_sagemaker.names import PRIMARY
from deployer_sagemaker.sizes import size_of

__all__ = ["NAMESPACE", "identified", "policy_name", "refused_range", "scalable_target", "scaled", "scaling_policy"]

NAMESPACE = "sagemaker"
_DIMENSION = "sagemaker:variant:DesiredInstanceCount"
_PREDEFINED = {
    "invocations": "SageMakerVariantInvocationsPerInstance",
    "concurrency": "SageMakerVariantConcurrentRequestsPerModelHighResolution",
}
"""Requests for each instance in a minute, and at once."""
_OF_INSTANCES = {"cpu": "CPUUtilization", "memory": "MemoryUtilization", "gpu": "GPUUtilization"}
"""Metrics of ``/aws/sagemaker/Endpoints``, in percent; that of the CPU is of one vCPU, so that 4 of them have 400."""
_BUSY = 70.0
"""Percent of each vCPU."""
_BACKLOG = "ApproximateBacklogSizePerInstance"


def scaled(spec: DeploymentSpec) -> ReplicaRange | None:
    """The range, where it has one."""
    return spec.replicas if isinstance(spec.replicas, ReplicaRange) else None


def refused_range(spec: DeploymentSpec, config: SageMakerConfig) -> Iterator[tuple[str, str]]:
    """Ranges that AWS has no autoscaler for, each as (dotted field, sentence)."""
    wish = scaled(spec)
    if wish is None or config.serverless is not None:
        return
    metric = wish.metric or ("backlog" if config.async_inference is not None else "invocations")
    known = (*_PREDEFINED, *_OF_INSTANCES, "backlog")
    if metric not in known:
        yield "replicas.metric", f"there is no metric {metric}; there are {', '.join(known)}"
    elif metric == "backlog" and config.async_inference is None:
        yield "replicas.metric", "only an asynchronous endpoint has a backlog; give config.async_inference"
    elif wish.value is None and _kept(spec, config) is None:
        yield "replicas.value", f"which mean of {metric} for each instance is to be kept? give replicas.value"
    if wish.min == 0 and (config.async_inference is None or metric != "backlog"):
        yield (
            "replicas.min",
            "only an asynchronous endpoint, scaled by its backlog, can have none; give 1 or more",
        )


def _resource(endpoint: str) -> str:
    return f"endpoint/{endpoint}/variant/{PRIMARY}"


def policy_name(endpoint: str) -> str:
    """The scaling policy of an endpoint."""
    return f"deployer--{endpoint}"


def identified(endpoint: str) -> dict[str, JSON]:
    """What DescribeScalableTargets, DeregisterScalableTarget and the others know it by."""
    return {"ServiceNamespace": NAMESPACE, "ResourceId": _resource(endpoint), "ScalableDimension": _DIMENSION}


def scalable_target(spec: DeploymentSpec, tags: Mapping[str, str]) -> dict[str, JSON] | None:
    """RegisterScalableTarget, which also changes the bounds in place; None where the count is a number.

    Args:
        spec: The wish.
        tags: Of the first registration; a later one takes none.
    """
    wish = scaled(spec)
    if wish is None:
        return None
    found = {**identified(spec.name), "MinCapacity": wish.min, "MaxCapacity": wish.max}
    return {**found, "Tags": dict(tags)} if tags else found


def scaling_policy(spec: DeploymentSpec, config: SageMakerConfig) -> dict[str, JSON] | None:
    """PutScalingPolicy, which is written over in place; None where the count is a number."""
    found = _kept(spec, config)
    if found is None:
        return None
    metric, value = found
    kept: dict[str, Any] = {
        "TargetValue": value,
        "ScaleInCooldown": int(config.cooldown),
        "ScaleOutCooldown": int(config.cooldown),
    }
    if metric in _PREDEFINED:
        kept["PredefinedMetricSpecification"] = {"PredefinedMetricType": _PREDEFINED[metric]}
    else:
        kept["CustomizedMetricSpecification"] = _customized(spec.name, metric)
    return {
        **identified(spec.name),
        "PolicyName": policy_name(spec.name),
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": kept,
    }


def _kept(spec: DeploymentSpec, config: SageMakerConfig) -> tuple[str, float] | None:
    """The metric and which mean of it is kept; None where nobody can say.

    Without a wish it is 70 percent of all vCPUs of an instance, where its size is known: what a model takes of
    requests in a minute nobody knows.
    """
    wish = scaled(spec)
    if wish is None:
        return None
    if wish.value is not None:
        return wish.metric or ("backlog" if config.async_inference is not None else "invocations"), wish.value
    if config.async_inference is not None or wish.metric not in (None, "cpu"):
        return None
    try:
        kind = instance_type(spec, config)
    except SpecError:  # told by whoever looks for one
        return None
    size = size_of(kind) if kind is not None else None
    return ("cpu", _BUSY * size.cpu) if size is not None else None


def _customized(endpoint: str, metric: str) -> dict[str, JSON]:
    name: JSON = {"Name": "EndpointName", "Value": endpoint}
    if metric == "backlog":
        return {
            "MetricName": _BACKLOG, "Namespace": "AWS/SageMaker", "Dimensions": [name], "Statistic": "Average",
        }  # fmt: skip
    return {
        "MetricName": _OF_INSTANCES[metric],
        "Namespace": "/aws/sagemaker/Endpoints",
        "Dimensions": [name, {"Name": "VariantName", "Value": PRIMARY}],
        "Statistic": "Average",
    }
