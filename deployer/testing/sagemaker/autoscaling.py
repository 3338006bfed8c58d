"""application-autoscaling that acts: targets and policies are moto's, the figures are the double's own.

Documented: Application Auto Scaling User Guide, target tracking: the count follows the metric in proportion, out at
once and in only after a while, within the target's range.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from deployer.testing.sagemaker import capacity
from deployer.testing.sagemaker.answers import Refusal

if TYPE_CHECKING:
    from deployer.testing.sagemaker.state import Endpoint, Region, Variant
    from deployer.testing.sagemaker.wire import Call
    from deployer.testing.sagemaker.world import World

__all__ = ["check", "deregister", "look", "wished"]

_MINUTE = 60.0
_COUNT = "sagemaker:variant:DesiredInstanceCount"
_METRIC = "SageMakerVariantInvocationsPerInstance"


def check(world: World, account: str, call: Call) -> None:
    """Refuse a scalable target of what is not there, which moto accepts.

    Raises:
        Refusal: No such endpoint or variant (documented code; the wording is guessed).
    """
    asked = call.parameters
    if call.operation != "RegisterScalableTarget" or asked.get("ServiceNamespace") != "sagemaker":
        return
    endpoint, variant = _named(world.region(account, call.region), str(asked.get("ResourceId", "")))
    if variant is None:
        what = "endpoint" if endpoint is None else "variant"
        raise Refusal("ValidationException", f"No such {what}: {asked.get('ResourceId')}")
    if variant.type.startswith(("ml.t2.", "ml.t3.")):
        # Documented: Developer Guide, endpoint-auto-scaling-prerequisites: no burstable types.
        raise Refusal("ValidationException", f"Autoscaling does not support {variant.type}")


def _named(region: Region, resource: str) -> tuple[Endpoint | None, Variant | None]:
    parts = resource.split("/")
    if len(parts) != 4 or parts[0] != "endpoint" or parts[2] != "variant":
        return None, None
    endpoint = region.endpoints.get(parts[1])
    if endpoint is None or endpoint.fleet is None:
        return endpoint, None
    return endpoint, next((each for each in endpoint.fleet.variants if each.name == parts[3]), None)


def wished(count: int, per_instance: float, target: float, low: int, high: int, *, scale_in: bool) -> int:
    """The count that target tracking asks for. Pure.

    Args:
        count: Now.
        per_instance: The metric's value: invocations of an instance in a minute.
        target: What it should be.
        low: The least.
        high: The most.
        scale_in: Whether it may become fewer.
    """
    needed = math.ceil(count * per_instance / target - 1e-9)
    if needed < count and not scale_in:
        needed = count
    return max(low, min(high, needed))


def look(world: World) -> list[dict[str, Any]]:
    """Look at every scalable target once, and change what its policy asks for.

    Returns:
        What was changed: resource, from, to.
    """
    changed = []
    with world.lock:
        regions = list(world.regions.values())
    for region in regions:
        client = world.inside.client("application-autoscaling", region.name, region.account)
        targets = client.describe_scalable_targets(ServiceNamespace="sagemaker", ScalableDimension=_COUNT)[
            "ScalableTargets"
        ]
        for target in targets:
            policies = client.describe_scaling_policies(ServiceNamespace="sagemaker", ResourceId=target["ResourceId"])
            changed += _follow(world, region, target, policies["ScalingPolicies"])
    return changed


def _follow(
    world: World, region: Region, target: Mapping[str, Any], policies: list[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    endpoint, variant = _named(region, target["ResourceId"])
    if endpoint is None or variant is None or endpoint.status != "InService":
        return []
    low, high, now = int(target["MinCapacity"]), int(target["MaxCapacity"]), world.clock.now()
    times = [at for at in endpoint.invoked.get(variant.name, []) if now - at <= _MINUTE]
    counts = [max(low, min(high, variant.count))]
    tracking = [
        each["TargetTrackingScalingPolicyConfiguration"]
        for each in policies
        if each["PolicyType"] == "TargetTrackingScaling"
    ]
    if tracking:
        counts = []
    for policy in tracking:
        if (policy.get("PredefinedMetricSpecification") or {}).get("PredefinedMetricType") != _METRIC:
            counts.append(max(low, min(high, variant.count)))  # a customised metric is not looked at here
            continue
        value = len(times) / max(1, variant.count)
        counts.append(
            wished(
                variant.count, value, float(policy["TargetValue"]), low, high, scale_in=not policy.get("DisableScaleIn")
            )
        )
    count = max(counts)
    if count == variant.count:
        return []
    before = variant.count
    wish = {"VariantName": variant.name, "DesiredInstanceCount": count}
    capacity.change(world, region, {"EndpointName": endpoint.name, "DesiredWeightsAndCapacities": [wish]}, None)
    return [{"resource": target["ResourceId"], "from": before, "to": count}]


def deregister(world: World, region: Region, endpoint: str) -> None:
    """Forget the scalable targets of an endpoint."""
    client = world.inside.client("application-autoscaling", region.name, region.account)
    for target in client.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]:
        if target["ResourceId"].startswith(f"endpoint/{endpoint}/"):
            client.deregister_scalable_target(
                ServiceNamespace="sagemaker",
                ResourceId=target["ResourceId"],
                ScalableDimension=target["ScalableDimension"],
            )
