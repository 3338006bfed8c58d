"""Counts, and who has them: the spec, Azure Monitor's autoscaler, or Azure ML's own of a Kubernetes compute. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from deployer.spec import DeploymentSpec, ReplicaRange
from deployer.value import JSON, digest
from deployer_azureml.config import AzureMLConfig
from deployer_azureml.marks import PREFIX
from deployer_azureml.wishes import iso

__all__ = ["MOST", "SHAPE", "autoscale_body", "first_count", "own_scaler", "refused_range", "scaled"]

MOST = 50
"""Instances of a deployment ("Manage and increase quotas": limits of online endpoints)."""
SHAPE = f"{PREFIX}shape"
"""A tag of an autoscale setting: a digest of what was wished, since Azure tells it in other words than it was asked."""
_METRICS = {
    "cpu": "CpuUtilizationPercentage",
    "memory": "CpuMemoryUtilizationPercentage",
    "gpu": "GpuUtilizationPercentage",
}
"""Of a deployment, in percent ("Supported metrics for Microsoft.MachineLearningServices/workspaces/onlineEndpoints/
deployments")."""
_BUSY = 70.0
_WINDOW = 300.0
"""Seconds that a rule looks back: metrics come in steps of a minute."""


def scaled(spec: DeploymentSpec) -> ReplicaRange | None:
    """The range, where it has one."""
    return spec.replicas if isinstance(spec.replicas, ReplicaRange) else None


def first_count(spec: DeploymentSpec, serving: int = 0) -> int:
    """How many instances it begins with; of a range what serves now, so that it is not smaller than its load."""
    wish = spec.replicas
    if isinstance(wish, ReplicaRange):
        return min(wish.max, max(wish.min, 1, serving))
    return wish


def refused_range(spec: DeploymentSpec, config: AzureMLConfig) -> Iterator[tuple[str, str]]:
    """Counts and ranges that Azure does not take, each as (dotted field, sentence)."""
    wish = scaled(spec)
    most = wish.max if wish is not None else first_count(spec)
    if config.compute is None and most > MOST:
        yield "replicas", f"Azure takes at most {MOST} instances of a deployment"
    if wish is None:
        return
    if wish.min == 0:
        yield "replicas.min", "an online deployment has at least one instance; give 1 or more"
    known = ("cpu",) if config.compute is not None else tuple(_METRICS)
    if wish.metric is not None and wish.metric not in known:
        yield "replicas.metric", f"there is no {wish.metric} here, but {', '.join(known)}"
    if wish.value is not None and not 1 <= wish.value <= 100:
        yield "replicas.value", "it is in percent: 1 to 100"


def own_scaler(spec: DeploymentSpec, config: AzureMLConfig) -> dict[str, JSON] | None:
    """The part of a deployment's document on a Kubernetes compute that has the count; None where there is none."""
    wish = scaled(spec)
    if wish is None or config.compute is None:
        return None
    return {
        "scaleType": "TargetUtilization",
        "minInstances": max(1, wish.min),
        "maxInstances": wish.max,
        "pollingInterval": "PT1S",
        "targetUtilizationPercentage": round(wish.value or _BUSY),
    }


def autoscale_body(
    spec: DeploymentSpec, config: AzureMLConfig, deployment: str, location: str, tags: Mapping[str, str]
) -> dict[str, JSON] | None:
    """The autoscale setting of Azure Monitor for a deployment; None where Azure's machines have no range.

    One instance more where the mean of five minutes is over the wished value, one less where it is under half of that:
    with half, the load of two instances still fits on one. Settings do not follow a deployment: each has its own.

    Args:
        spec: The wish.
        config: Its own, read.
        deployment: The deployment's id.
        location: The workspace's region.
        tags: Of the setting.
    """
    wish = scaled(spec)
    if wish is None or config.compute is not None:
        return None
    metric, value = _METRICS[wish.metric or "cpu"], wish.value or _BUSY
    least, most = str(max(1, wish.min)), str(wish.max)
    rules = [
        _rule(deployment, metric, "GreaterThan", value, config.cooldown),
        _rule(deployment, metric, "LessThan", value / 2, config.cooldown),
    ]
    profile = {"name": "deployer", "capacity": {"minimum": least, "maximum": most, "default": least}, "rules": rules}
    properties = {"enabled": True, "targetResourceUri": deployment, "profiles": [profile]}
    return {"location": location, "tags": {**tags, SHAPE: digest(properties)[:16]}, "properties": properties}


def _rule(deployment: str, metric: str, operator: str, threshold: float, cooldown: float) -> dict[str, JSON]:
    return {
        "metricTrigger": {
            "metricName": metric,
            "metricResourceUri": deployment,
            "timeGrain": "PT1M",
            "statistic": "Average",
            "timeWindow": iso(_WINDOW),
            "timeAggregation": "Average",
            "operator": operator,
            "threshold": threshold,
        },
        "scaleAction": {
            "direction": "Increase" if operator == "GreaterThan" else "Decrease",
            "type": "ChangeCount",
            "value": "1",
            "cooldown": iso(cooldown),
        },
    }
