"""What Azure Monitor's autoscale does here: bring a deployment within the limits of its setting. Rules are not read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deployer.testing.azureml.life import Rollout

if TYPE_CHECKING:
    from deployer.testing.azureml.world import World

__all__ = ["look"]


def look(world: World) -> dict[str, int]:
    """Look once at every setting that is enabled; the id of each deployment that is scaled, with its new count."""
    changed: dict[str, int] = {}
    for setting in list(world.autoscale.values()):
        properties = setting["properties"]
        if not properties.get("enabled"):
            continue
        target = str(properties["targetResourceUri"]).rstrip("/").split("/")
        found = world.endpoint(target[-3])
        deployment = found[1].deployments.get(target[-1].lower()) if found is not None else None
        if found is None or deployment is None or deployment.state != "Succeeded" or deployment.serving is None:
            continue
        limits = properties["profiles"][0]["capacity"]
        count = min(max(deployment.count, int(limits["minimum"])), int(limits["maximum"]))
        if count == deployment.count:
            continue
        with world.lock:
            deployment.count, deployment.stopped = count, world.clock.signal()
            deployment.become("Scaling", world.now())
            operation = world.operations.begin("odidp", found[0].guid, world.now())
        world.spawn(
            Rollout(world, (found[1], deployment), deployment.serving, operation, None).run,
            f"autoscaling of {deployment.name}",
        )
        changed[deployment.id] = count
    return changed
