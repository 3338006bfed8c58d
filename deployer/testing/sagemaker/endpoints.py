"""CreateEndpoint, UpdateEndpoint, DeleteEndpoint: what is checked at once, and what then goes on beside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from deployer.testing.sagemaker import tags
from deployer.testing.sagemaker.answers import Refusal
from deployer.testing.sagemaker.guardrails import Rollout, rollout
from deployer.testing.sagemaker.life import Deployment, end, fleet
from deployer.testing.sagemaker.quotas import exceeded
from deployer.testing.sagemaker.state import Endpoint, EndpointConfig, Fleet, Region

if TYPE_CHECKING:
    from deployer.testing.sagemaker.faults import Fault
    from deployer.testing.sagemaker.world import World

__all__ = ["create", "delete", "remove", "update"]


def create(world: World, region: Region, asked: Mapping[str, Any], fault: Fault | None) -> dict[str, Any]:
    """CreateEndpoint."""
    name, arn = str(asked["EndpointName"]), region.arn("endpoint", str(asked["EndpointName"]))
    with world.lock:
        if name in region.endpoints:
            raise Refusal("ValidationException", f'Cannot create already existing endpoint "{arn}".')
        config = region.config(str(asked["EndpointConfigName"]))
        _models(region, config)
        coming = fleet(region, config, {})
        plan = rollout(asked.get("DeploymentConfig"), max(1, coming.variants[0].count))
        _quota(world, coming, plan, replaces=False)
        now, made_of = world.clock.now(), tags.given(asked)
        endpoint = Endpoint(name, arn, now, now, made_of, config.name, "Creating", world.clock.signal())
        endpoint.history.append((now, "Creating"))
        _begin(endpoint, coming, asked, now)
        region.endpoints[name] = endpoint
    world.spawn(Deployment(world, region, endpoint, plan, fault).run, f"create {name}")
    return {"EndpointArn": arn}


def update(world: World, region: Region, asked: Mapping[str, Any], fault: Fault | None) -> dict[str, Any]:
    """UpdateEndpoint: the whole fleet is replaced (documented)."""
    with world.lock:
        endpoint = region.endpoint(str(asked["EndpointName"]))
        endpoint.idle()
        if endpoint.status in ("Failed", "OutOfService"):
            raise Refusal("ValidationException", f'Cannot update {endpoint.status.lower()} endpoint "{endpoint.arn}".')
        config = region.config(str(asked["EndpointConfigName"]))
        _models(region, config)
        deployment = asked.get("DeploymentConfig") or (endpoint.last if asked.get("RetainDeploymentConfig") else None)
        coming = fleet(region, config, _kept(endpoint, asked))
        if deployment and endpoint.fleet is not None:
            _guardable(endpoint.fleet, coming, deployment)
        plan = rollout(deployment, max(1, coming.variants[0].count))
        if world.guesses["quota-counts-old-fleet"]:
            _quota(world, coming, plan, replaces=True)
        now = world.clock.now()
        _begin(endpoint, coming, {**asked, "DeploymentConfig": deployment}, now)
        endpoint.become("Updating", now)
    world.spawn(Deployment(world, region, endpoint, plan, fault).run, f"update {endpoint.name}")
    return {"EndpointArn": endpoint.arn}


def _begin(endpoint: Endpoint, coming: Fleet, asked: Mapping[str, Any], now: float) -> None:
    for variant in coming.variants:
        variant.status = "Creating", "Provisioning instances", now
    endpoint.coming, endpoint.pending_since, endpoint.reason = coming, now, None
    endpoint.last = asked.get("DeploymentConfig")


def _models(region: Region, config: EndpointConfig) -> None:
    for variant in config.variants:
        region.model(str(variant["ModelName"]))


def _kept(endpoint: Endpoint, asked: Mapping[str, Any]) -> dict[str, tuple[int | None, float | None]]:
    """Count and weight of each variant that stay (documented: RetainAllVariantProperties and its exclusions)."""
    if not asked.get("RetainAllVariantProperties") or endpoint.fleet is None:
        return {}
    without = {each["VariantPropertyType"] for each in asked.get("ExcludeRetainedVariantProperties") or []}
    return {
        variant.name: (
            None if "DesiredInstanceCount" in without or variant.serverless else variant.count,
            None if "DesiredWeight" in without else variant.weight,
        )
        for variant in endpoint.fleet.variants
    }


def _guardable(old: Fleet, new: Fleet, deployment: Mapping[str, Any]) -> None:
    """Documented: Developer Guide, deployment-guardrails-exclusions. The wording is guessed."""
    names = [sorted(each.name for each in about.variants) for about in (old, new)]
    if names[0] != names[1]:
        raise Refusal(
            "ValidationException",
            f"DeploymentConfig needs the same variants in both configurations: {names[0]} and {names[1]}.",
        )
    if deployment.get("RollingUpdatePolicy") and (
        len(new.variants) > 1 or any(each.serverless for each in new.variants)
    ):
        raise Refusal("ValidationException", "RollingUpdatePolicy needs one variant, and no serverless one.")


def _quota(world: World, coming: Fleet, plan: Rollout, *, replaces: bool) -> None:
    """Refuse what would exceed the quota of a type, in AWS's own words (recorded)."""
    wanted: Counter[str] = Counter()
    for variant in coming.variants:
        if variant.type:
            wanted[variant.type] += plan.extra if replaces and plan.rolling else variant.count
    for kind, count in wanted.items():
        if world.ledger.count(kind) + count > world.quota(kind):
            raise exceeded(world, kind, count)


def delete(world: World, region: Region, asked: Mapping[str, Any], fault: Fault | None) -> dict[str, Any]:
    """DeleteEndpoint: Deleting until its containers are gone, then not found."""
    with world.lock:
        endpoint = region.endpoint(str(asked["EndpointName"]))
        if endpoint.status in ("Deleting", "SystemUpdating") or not world.guesses["delete-in-progress"]:
            endpoint.idle()
        endpoint.become("Deleting", world.clock.now())
        endpoint.stopped.set()
    seconds = world.options.durations.delete + (fault.delay if fault is not None else 0)

    def work() -> None:
        world.clock.wait(seconds, world.closing)
        if fault is not None and fault.outcome == "Failed":
            with world.lock:
                endpoint.reason = fault.reason or "Request to service failed."
                endpoint.become("Failed", world.clock.now())
                endpoint.stopped = world.clock.signal()
            return
        remove(world, region, endpoint)

    world.spawn(work, f"delete {endpoint.name}")
    return {}


def remove(world: World, region: Region, endpoint: Endpoint) -> None:
    """Away with it, whatever it is doing: the end of DeleteEndpoint, or somebody deleted it under us."""
    endpoint.stopped.set()
    for about in endpoint.fleets:
        end(about)
    with world.lock:
        if region.endpoints.get(endpoint.name) is endpoint:
            del region.endpoints[endpoint.name]
    if world.guesses["delete-deregisters"]:
        from deployer.testing.sagemaker import autoscaling

        autoscaling.deregister(world, region, endpoint.name)
