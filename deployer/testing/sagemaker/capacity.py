"""UpdateEndpointWeightsAndCapacities, and what an autoscaler does by it: other weights and counts, the same fleet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from deployer.testing.sagemaker.answers import Refusal
from deployer.testing.sagemaker.faults import REASONS
from deployer.testing.sagemaker.instance import Broken
from deployer.testing.sagemaker.life import launch
from deployer.testing.sagemaker.quotas import exceeded
from deployer.testing.sagemaker.state import Endpoint, Region, Variant

if TYPE_CHECKING:
    from deployer.testing.sagemaker.faults import Fault
    from deployer.testing.sagemaker.world import World

__all__ = ["change"]


def change(world: World, region: Region, asked: Mapping[str, Any], fault: Fault | None) -> dict[str, Any]:
    """UpdateEndpointWeightsAndCapacities: Updating, then InService; RollingBack before where it fails (documented)."""
    with world.lock:
        endpoint = region.endpoint(str(asked["EndpointName"]))
        endpoint.idle()
        if endpoint.status != "InService" or endpoint.fleet is None:
            raise Refusal("ValidationException", f'Endpoint "{endpoint.arn}" is {endpoint.status}, not InService.')
        by_name = {each.name: each for each in endpoint.fleet.variants}
        wishes: list[tuple[Variant, int, float]] = []
        for wish in asked["DesiredWeightsAndCapacities"]:
            variant = by_name.get(str(wish["VariantName"]))
            if variant is None:
                raise Refusal(
                    "ValidationException", f'Variant "{wish["VariantName"]}" not found in endpoint "{endpoint.arn}".'
                )
            count = variant.count if wish.get("DesiredInstanceCount") is None else int(wish["DesiredInstanceCount"])
            weight = variant.weight if wish.get("DesiredWeight") is None else float(wish["DesiredWeight"])
            wishes.append((variant, count, weight))
        _affordable(world, wishes)
        endpoint.become("Updating", world.clock.now())
        endpoint.reason = None
    world.spawn(lambda: _work(world, region, endpoint, wishes, fault), f"scale {endpoint.name}")
    return {"EndpointArn": endpoint.arn}


def _affordable(world: World, wishes: list[tuple[Variant, int, float]]) -> None:
    for variant, count, _ in wishes:
        more = count - variant.count
        if variant.type and more > 0 and world.ledger.count(variant.type) + more > world.quota(variant.type):
            raise exceeded(world, variant.type, more)


def _work(
    world: World, region: Region, endpoint: Endpoint, wishes: list[tuple[Variant, int, float]], fault: Fault | None
) -> None:
    before = [(variant, variant.count, variant.weight) for variant, _, _ in wishes]
    world.clock.wait(world.options.durations.weights + (fault.delay if fault is not None else 0), endpoint.stopped)
    try:
        if fault is not None and fault.outcome not in ("", "InService"):
            raise Broken(REASONS.get(fault.reason, fault.reason) or REASONS["capacity"])
        _apply(world, region, endpoint, wishes)
    except Broken as broken:
        with world.lock:
            if endpoint.stopped.is_set():
                return
            endpoint.reason = str(broken)
            endpoint.become("RollingBack", world.clock.now())
        _apply(world, region, endpoint, before)
        world.clock.wait(world.options.durations.weights, endpoint.stopped)
    with world.lock:
        if not endpoint.stopped.is_set():
            endpoint.become("InService", world.clock.now())


def _apply(world: World, region: Region, endpoint: Endpoint, wishes: list[tuple[Variant, int, float]]) -> None:
    for variant, count, weight in wishes:
        with world.lock:
            variant.count, variant.weight = count, weight
            surplus, variant.instances = variant.instances[count:], variant.instances[:count]
        for instance in surplus:
            instance.stop()
        if count > len(variant.instances):
            launch(world, region, endpoint, variant, count - len(variant.instances))
