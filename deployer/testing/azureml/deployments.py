"""Online deployments: create or replace, scale, read, delete; their logs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deployer.testing.azureml import views
from deployer.testing.azureml.answers import Answer, Refusal, told
from deployer.testing.azureml.checks import check_deployment, check_quota
from deployer.testing.azureml.endpoints import begin, busy, find
from deployer.testing.azureml.life import Rollout, remove
from deployer.testing.azureml.operations import headers, stamp
from deployer.testing.azureml.serving import Serving, serving
from deployer.testing.azureml.state import BUSY, Deployment, Endpoint, Workspace, no_deployment

if TYPE_CHECKING:
    from deployer.testing.azureml.wire import Asked
    from deployer.testing.azureml.world import World

__all__ = ["delete", "get", "listed", "logs", "patch", "put", "skus", "vanish"]


def get(world: World, asked: Asked) -> Answer:
    """GET of one."""
    with world.lock:
        _, endpoint = find(world, asked)
        found = endpoint.deployment(asked.names["deployment"])
        if found.seen > world.clock.monotonic():
            raise no_deployment(found.name, endpoint.name)
        return told(views.deployment(found))


def listed(world: World, asked: Asked) -> Answer:
    """GET of all."""
    with world.lock:
        _, endpoint = find(world, asked)
        now = world.clock.monotonic()
        return told({"value": [views.deployment(each) for each in endpoint.deployments.values() if each.seen <= now]})


def _count(body: dict[str, Any], endpoint: Endpoint) -> int:
    scale = body["properties"].get("scaleSettings") or {}
    least = int(scale.get("minInstances") or 1) if not endpoint.managed else 1
    return int((body.get("sku") or {}).get("capacity") or least)


def put(world: World, asked: Asked) -> Answer:
    """PUT: create it, or replace all of it."""
    body, name, now = asked.call.document(), asked.names["deployment"], world.now()
    with world.lock:
        workspace, endpoint = find(world, asked)
        there = endpoint.deployments.get(name.lower())
        if endpoint.state in BUSY or endpoint.state == "Failed":
            raise busy(
                world,
                f"Cannot create a deployment in endpoint {endpoint.name} because it is in {endpoint.state} "
                "provisioning state.",
            )
        check_deployment(world, endpoint, name, body, new=there is None)
        if there is not None and there.state in BUSY:
            raise busy(world, f"The deployment {there.name} is in {there.state} provisioning state.")
        wanted = serving(world, workspace, body["properties"])
        count = _count(body, endpoint)
        if endpoint.managed:
            own = there.id if there is not None else ""
            check_quota(world, str(body["properties"]["instanceType"]), count, own)
        status = 200
        if there is None:
            status = 201
            there = Deployment(
                name,
                endpoint.name,
                f"{endpoint.id}/deployments/{name}",
                now,
                now,
                str(body["location"]),
                {},
                {},
                count,
                "Creating",
                world.clock.signal(),
            )
            endpoint.deployments[name.lower()] = there
            there.become("Updating" if world.guesses["created-as-updating"] else "Creating", now)
        else:
            there.become("Updating", now)
        there.tags = {str(key): str(value) for key, value in (body.get("tags") or {}).items()}
        there.properties, there.count = dict(body["properties"]), count
        return _begin(world, asked, (workspace, endpoint, there), wanted, status)


def patch(world: World, asked: Asked) -> Answer:
    """PATCH: tags, and ``sku.capacity``, which scales it."""
    body, now = asked.call.document(), world.now()
    with world.lock:
        workspace, endpoint = find(world, asked)
        there = endpoint.deployment(asked.names["deployment"])
        if there.state in BUSY:
            raise busy(world, f"The deployment {there.name} is in {there.state} provisioning state.")
        count = int((body.get("sku") or {}).get("capacity") or there.count)
        whole = {
            "location": there.location,
            "tags": body.get("tags", there.tags),
            "properties": there.properties,
            "sku": {"name": "Default", "capacity": count},
        }
        check_deployment(world, endpoint, there.name, whole, new=False)
        if endpoint.managed:
            check_quota(world, str(there.properties["instanceType"]), count, there.id)
        there.tags, there.count = dict(whole["tags"] or {}), count
        there.become("Scaling", now)
        return _begin(world, asked, (workspace, endpoint, there), serving(world, workspace, there.properties), 202)


def _begin(
    world: World, asked: Asked, about: tuple[Workspace, Endpoint, Deployment], wanted: Serving, status: int
) -> Answer:
    workspace, endpoint, there = about
    there.stopped = world.clock.signal()
    operation, there.operation_url = begin(world, asked, "odidp", workspace)
    there.operation = operation
    fault = asked.outcome
    if fault is not None and fault.unseen:
        there.seen = world.clock.monotonic() + fault.unseen
    rollout = Rollout(world, (endpoint, there), wanted, operation, fault)
    world.spawn(rollout.run, f"deployment {endpoint.name}/{there.name}")
    location = f"{asked.base}{there.id}?api-version={asked.version}" if asked.call.method == "PUT" else ""
    return told(views.deployment(there), status, headers(world, asked, operation, location=location))


def delete(world: World, asked: Asked) -> Answer:
    """DELETE; refused while traffic goes to it (guessed, ``delete-with-traffic``)."""
    with world.lock:
        workspace = world.workspace(asked.names["group"], asked.names["workspace"])
        endpoint = workspace.endpoints.get(asked.names["endpoint"].lower())
        there = endpoint.deployments.get(asked.names["deployment"].lower()) if endpoint is not None else None
        if endpoint is None or there is None:
            return Answer(204)
        if not world.guesses["delete-with-traffic"]:
            traffic, mirror = endpoint.told_traffic
            if any(name.lower() == there.name.lower() and share for name, share in {**mirror, **traffic}.items()):
                raise Refusal(
                    400,
                    "UserError",
                    f"Cannot delete deployment {there.name} that has traffic; set that to 0 first.",
                    inner=("BadArgument",),
                )
        going = there.state in BUSY
        if endpoint.state in BUSY or there.state == "Deleting":
            raise busy(world, f"The endpoint {endpoint.name} is in {endpoint.state} provisioning state.")
        if going and not world.guesses["delete-deployment-in-progress"]:
            raise busy(world, f"The deployment {there.name} is in {there.state} provisioning state.")
        there.stopped.set()
        operation, there.operation_url = begin(world, asked, "odidp", workspace)
        there.operation = operation
        there.become("Deleting", world.now())
    fault = asked.outcome

    def work() -> None:
        world.clock.wait(world.options.durations.delete + (fault.delay if fault is not None else 0), world.closing)
        error = fault.failure() if fault is not None else None
        while fault is not None and fault.outcome == "Stuck" and not world.clock.wait(86400.0, world.closing):
            pass
        if error is None:
            vanish(world, endpoint, there)
        else:
            there.become("Failed", world.now())
        world.operations.finish(operation, world.now(), error)

    world.spawn(work, f"deletion of {endpoint.name}/{there.name}")
    return Answer(202, {"Content-Type": "application/json; charset=utf-8", **headers(world, asked, operation)}, b"null")


def vanish(world: World, endpoint: Endpoint, deployment: Deployment) -> None:
    """Let a deployment be gone with all that it runs; its traffic goes to nobody."""
    with world.lock:
        endpoint.deployments.pop(deployment.name.lower(), None)
        for routed in (endpoint.traffic, endpoint.mirror, *endpoint.told_traffic):
            for name in [each for each in routed if each.lower() == deployment.name.lower()]:
                del routed[name]
    remove(deployment)


def skus(world: World, asked: Asked) -> Answer:
    """GET skus: how far it can be scaled."""
    with world.lock:
        _, endpoint = find(world, asked)
        found = endpoint.deployment(asked.names["deployment"])
    capacity = {"minimum": 1, "maximum": 50, "default": found.count, "scaleType": "Automatic"}
    about = {"resourceType": f"{found.id}/skus", "sku": {"name": "Default", "tier": "Standard"}, "capacity": capacity}
    return told({"value": [about]})


def logs(world: World, asked: Asked) -> Answer:
    """POST getLogs: ``{"containerType": "InferenceServer", "tail": 50}`` (recorded: the layout)."""
    body = asked.call.document()
    kind, tail = str(body.get("containerType") or "InferenceServer"), int(body.get("tail") or 500)
    if kind not in ("InferenceServer", "StorageInitializer"):
        raise Refusal(
            400, "UserError", f"containerType {kind} is InferenceServer or StorageInitializer.", inner=("BadArgument",)
        )
    with world.lock:
        _, endpoint = find(world, asked)
        found = endpoint.deployment(asked.names["deployment"])
        instances = [*found.instances, *found.coming]
    written = sorted([*found.kept, *(line for each in instances for line in each.lines())], key=lambda line: line[0])
    if kind == "StorageInitializer":
        written = [(at, message) for at, name, message in found.events if name.startswith("Download")]
    parts = ["Instance status:", *(f"{step}: {state}" for step, state in found.steps.items()), "", "Container events:"]
    parts += [
        f"Kind: Pod, Name: {name}, Type: {'Warning' if name.endswith(('Failed', 'BackOff')) else 'Normal'}, "
        f"Time: {stamp(at)}, Message: {message}"
        for at, name, message in found.events
    ]
    parts += ["", "Container logs:", *(line for _, line in written[-tail:])]
    return told({"content": "\n".join(parts) + "\n"})
