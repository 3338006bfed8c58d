"""Online endpoints: create or replace, change, read, delete; their keys and tokens."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from deployer.testing.azureml import views
from deployer.testing.azureml.answers import Answer, Refusal, told
from deployer.testing.azureml.checks import check_endpoint, check_traffic
from deployer.testing.azureml.life import remove
from deployer.testing.azureml.operations import Operation, headers, unsigned
from deployer.testing.azureml.reasons import Broken, client_error
from deployer.testing.azureml.state import BUSY, Endpoint, Workspace, no_endpoint

if TYPE_CHECKING:
    from deployer.testing.azureml.wire import Asked
    from deployer.testing.azureml.world import World

__all__ = ["begin", "busy", "delete", "find", "get", "keys", "listed", "patch", "put", "regenerate", "token", "vanish"]

TRAFFIC_BY_PATCH = "2022-02-01-preview"


def find(world: World, asked: Asked) -> tuple[Workspace, Endpoint]:
    """The workspace and the endpoint that a path names.

    Raises:
        Refusal: One of them is not there.
    """
    workspace = world.workspace(asked.names["group"], asked.names["workspace"])
    return workspace, workspace.endpoint(asked.names["endpoint"])


def busy(world: World, text: str) -> Refusal:
    """What a change of what is being changed is refused as."""
    if world.guesses["busy-is-conflict"]:
        return Refusal(409, "Conflict", text)
    return Refusal(400, "UserError", text, inner=("BadArgument",))


def begin(world: World, asked: Asked, kind: str, workspace: Workspace) -> tuple[Operation, str]:
    """A new operation, and what the resource says of it."""
    operation = world.operations.begin(kind, workspace.guid, world.now())
    return operation, unsigned(world, asked, operation)


def get(world: World, asked: Asked) -> Answer:
    """GET of one."""
    with world.lock:
        _, endpoint = find(world, asked)
        if endpoint.seen > world.clock.monotonic():
            raise no_endpoint(endpoint.name)
        return told(views.endpoint(world, asked, endpoint))


def listed(world: World, asked: Asked) -> Answer:
    """GET of all."""
    with world.lock:
        workspace = world.workspace(asked.names["group"], asked.names["workspace"])
        now = world.clock.monotonic()
        return told(
            {"value": [views.endpoint(world, asked, each) for each in workspace.endpoints.values() if each.seen <= now]}
        )


def put(world: World, asked: Asked) -> Answer:
    """PUT: create it, or replace all of it."""
    body, name, now = asked.call.document(), asked.names["endpoint"], world.now()
    with world.lock:
        workspace = world.workspace(asked.names["group"], asked.names["workspace"])
        there = workspace.endpoints.get(name.lower())
        check_endpoint(world, name, body, there)
        check_traffic(world, body["properties"], there)
        if there is None:
            _free(world, name)
            there = _new(world, workspace, name, body, now)
            workspace.endpoints[name.lower()] = there
            there.become("Creating", now)
            status, seconds = 201, world.options.durations.endpoint
        else:
            _idle(world, there)
            there.become("Updating", now)
            status, seconds = 200, world.options.durations.traffic
        there.tags = dict(body.get("tags") or {})
        there.properties = {
            key: value for key, value in body["properties"].items() if key not in ("traffic", "mirrorTraffic")
        }
        properties = body["properties"]
        routed = dict(properties.get("traffic") or {}), dict(properties.get("mirrorTraffic") or {})
        return _change(world, asked, (workspace, there), (status, seconds), routed)


def patch(world: World, asked: Asked) -> Answer:
    """PATCH: tags; of the oldest api-version also traffic."""
    body, now = asked.call.document(), world.now()
    with world.lock:
        workspace, there = find(world, asked)
        _idle(world, there)
        traffic, mirror = there.told_traffic
        properties = body.get("properties") or {}
        if properties and asked.version != TRAFFIC_BY_PATCH:
            raise Refusal(
                400,
                "InvalidRequestContent",
                f"Could not find member 'properties' of api-version {asked.version}.",
            )
        if "traffic" in properties or "mirrorTraffic" in properties:
            routed = {"traffic": traffic, "mirrorTraffic": mirror, **properties}
            check_traffic(world, routed, there)
            traffic, mirror = dict(routed["traffic"]), dict(routed["mirrorTraffic"])
        if "tags" in body:
            there.tags = dict(body["tags"] or {})
        there.become("Updating", now)
        return _change(world, asked, (workspace, there), (202, world.options.durations.traffic), (traffic, mirror))


def _free(world: World, name: str) -> None:
    if name.lower() in world.taken or world.endpoint(name) is not None:
        text = (
            "There is already an endpoint with this name, Endpoint name needs to be unique within a region. Try some "
            "other name."
        )
        raise client_error(400, "InferencingClientCallFailed", {"": [text]})
    if world.lingering.get(name.lower(), 0.0) > world.clock.monotonic():
        raise Refusal(
            404,
            "NotFound",
            "The specified resource was not found.",
            details=[("InferencingClientCallFailed", '{{"title":"Not Found"}}')],
        )


def _idle(world: World, there: Endpoint) -> None:
    if there.state in BUSY:
        raise busy(world, f"The endpoint {there.name} is in {there.state} provisioning state.")
    changing = [each.name for each in there.deployments.values() if each.state in BUSY]
    if changing and not world.guesses["traffic-while-deploying"]:
        raise busy(world, f"The deployment {changing[0]} of endpoint {there.name} is being changed.")


def _new(world: World, workspace: Workspace, name: str, body: dict[str, Any], now: float) -> Endpoint:
    return Endpoint(
        name,
        f"{workspace.id}/onlineEndpoints/{name}",
        now,
        now,
        str(body["location"]),
        {},
        dict(body.get("identity") or {"type": "SystemAssigned"}),
        {},
        "Creating",
        world.clock.signal(),
        {"primaryKey": secrets.token_urlsafe(24), "secondaryKey": secrets.token_urlsafe(24)},
    )


def _change(
    world: World,
    asked: Asked,
    about: tuple[Workspace, Endpoint],
    how: tuple[int, float],
    routed: tuple[dict[str, int], dict[str, int]],
) -> Answer:
    workspace, there = about
    operation, there.operation_url = begin(world, asked, "oeidp", workspace)
    there.operation = operation
    fault = asked.outcome
    if fault is not None and fault.unseen:
        there.seen = world.clock.monotonic() + fault.unseen

    def work() -> None:
        delay = fault.delay if fault is not None else 0.0
        stuck = fault is not None and fault.outcome == "Stuck"
        while world.clock.wait(86400.0 if stuck else how[1] + delay, there.stopped) is False and stuck:
            pass
        error = fault.failure() if fault is not None else None
        with world.lock:
            if there.stopped.is_set():
                world.operations.finish(operation, world.now(), Broken("canceled").error)
                return
            if error is None:
                there.traffic, there.mirror = routed
                there.told_traffic = routed
            there.become("Succeeded" if error is None else "Failed", world.now())
            world.operations.finish(operation, world.now(), error)

    world.spawn(work, f"endpoint {there.name}")
    location = f"{asked.base}{there.id}?api-version={asked.version}" if asked.call.method == "PUT" else ""
    return told(views.endpoint(world, asked, there), how[0], headers(world, asked, operation, location=location))


def delete(world: World, asked: Asked) -> Answer:
    """DELETE; its deployments go with it."""
    workspace = world.workspace(asked.names["group"], asked.names["workspace"])
    with world.lock:
        there = workspace.endpoints.get(asked.names["endpoint"].lower())
        if there is None:
            return Answer(204)
        if there.state in BUSY and there.operation is not None and there.operation.ended == 0:
            raise busy(world, f"The endpoint {there.name} is in {there.state} provisioning state.")
        operation, there.operation_url = begin(world, asked, "oeidp", workspace)
        there.operation = operation
        there.become("Deleting", world.now())
    fault = asked.outcome

    def work() -> None:
        world.clock.wait(world.options.durations.delete + (fault.delay if fault is not None else 0), world.closing)
        error = fault.failure() if fault is not None else None
        if fault is not None and fault.outcome == "Stuck":
            while not world.clock.wait(86400.0, world.closing):
                pass
        if error is None:
            vanish(world, workspace, there, fault.linger if fault is not None else 0.0)
        else:
            there.become("Failed", world.now())
        world.operations.finish(operation, world.now(), error)

    world.spawn(work, f"deletion of {there.name}")
    return Answer(202, {"Content-Type": "application/json; charset=utf-8", **headers(world, asked, operation)}, b"null")


def vanish(world: World, workspace: Workspace, endpoint: Endpoint, linger: float = 0.0) -> None:
    """Let an endpoint be gone with all that it runs.

    Args:
        world: The double.
        workspace: Where it is.
        endpoint: The endpoint.
        linger: Seconds for which its name cannot be used again.
    """
    with world.lock:
        workspace.endpoints.pop(endpoint.name.lower(), None)
        endpoint.stopped.set()
        world.lingering[endpoint.name.lower()] = world.clock.monotonic() + linger
    for each in list(endpoint.deployments.values()):
        remove(each)


def _keyed(world: World, asked: Asked, mode: str) -> tuple[Workspace, Endpoint]:
    workspace, endpoint = find(world, asked)
    if endpoint.mode != mode and not (mode == "Key" and world.guesses["keys-of-other-modes"]):
        raise Refusal(
            400, "UserError", f"The endpoint's authMode is {endpoint.mode}, not {mode}.", inner=("BadArgument",)
        )
    return workspace, endpoint


def keys(world: World, asked: Asked) -> Answer:
    """POST listKeys."""
    with world.lock:
        return told(_keyed(world, asked, "Key")[1].keys)


def regenerate(world: World, asked: Asked) -> Answer:
    """POST regenerateKeys: ``{"keyType": "Primary"}``; see ``regenerated-key-is-given``."""
    body = asked.call.document()
    names = {"Primary": "primaryKey", "Secondary": "secondaryKey"}
    if body.get("keyType") not in names:
        raise Refusal(400, "UserError", "keyType is Primary or Secondary.", inner=("BadArgument",))
    with world.lock:
        workspace, endpoint = _keyed(world, asked, "Key")
        operation, _ = begin(world, asked, "oeidp", workspace)
    given = str(body.get("keyValue") or "") if world.guesses["regenerated-key-is-given"] else ""

    def work() -> None:
        world.clock.wait(world.options.durations.keys, endpoint.stopped)
        with world.lock:
            endpoint.keys = {
                **endpoint.keys,
                names[body["keyType"]]: given or secrets.token_urlsafe(24),
            }
        world.operations.finish(operation, world.now())

    world.spawn(work, f"keys of {endpoint.name}")
    return Answer(202, headers(world, asked, operation))


def token(world: World, asked: Asked) -> Answer:
    """POST token, of an endpoint of authMode AMLToken: times are seconds since the epoch."""
    with world.lock:
        endpoint = _keyed(world, asked, "AMLToken")[1]
    now, long = world.now(), world.options.durations.aml_token
    minted = world.tokens.mint(endpoint.id.lower(), now + long, oid=asked.principal)
    return told(
        {
            "accessToken": minted,
            "tokenType": "Bearer",
            "expiryTimeUtc": int(now + long),
            "refreshAfterTimeUtc": int(now + long / 2),
        }
    )
