"""Environments, models, codes and data: versions that are registered once and not changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from deployer.testing.azureml import views
from deployer.testing.azureml.answers import Answer, Refusal, told
from deployer.testing.azureml.state import PROVIDER, Asset, Workspace

if TYPE_CHECKING:
    from deployer.testing.azureml.wire import Asked
    from deployer.testing.azureml.world import World

__all__ = ["container", "containers", "delete", "get", "listed", "put"]

_FIXED = {
    "environments": ("image", "build", "condaFile", "inferenceConfig", "osType"),
    "models": ("modelUri", "modelType"),
    "codes": ("codeUri",),
    "data": ("dataUri", "dataType"),
}
"""What of a version cannot be changed; its description, tags, properties and isArchived can (documented)."""


def _where(world: World, asked: Asked) -> tuple[Workspace, str, str]:
    workspace = world.workspace(asked.names["group"], asked.names["workspace"])
    return workspace, asked.names["kind"].lower(), asked.names["name"]


def get(world: World, asked: Asked) -> Answer:
    """GET of a version."""
    with world.lock:
        workspace, kind, name = _where(world, asked)
        return told(views.asset(workspace, workspace.asset(kind, name, asked.names["version"])))


def put(world: World, asked: Asked) -> Answer:
    """PUT of a version; other content under the same version is refused."""
    body, version = asked.call.document(), asked.names["version"]
    sent = body.get("properties")
    if not isinstance(sent, dict):
        raise Refusal(400, "UserError", "The property properties is required.", inner=("BadArgument",))
    with world.lock:
        workspace, kind, name = _where(world, asked)
        if kind == "environments":
            _routes(sent)
        there = workspace.assets.get((kind, name, version))
        if there is not None:
            for key in _FIXED.get(kind, ()):
                if sent.get(key) is not None and sent[key] != there.properties.get(key):
                    raise Refusal(
                        409,
                        "UserError",
                        f"{kind} {name}:{version} exists already, and {key} cannot be changed.",
                        inner=("Conflict", "Immutable"),
                    )
            there.properties |= {
                key: value for key, value in sent.items() if key in ("tags", "description", "properties", "isArchived")
            }
            return told(views.asset(workspace, there))
        made = Asset(kind, name, version, world.now(), {**_defaults(kind), **sent})
        workspace.assets[kind, name, version] = made
        return told(views.asset(workspace, made), 201)


def _defaults(kind: str) -> dict[str, Any]:
    more: dict[str, Any] = {"isArchived": False, "isAnonymous": False, "provisioningState": "Succeeded"}
    if kind == "environments":
        more["environmentType"] = "UserCreated"
    if kind == "models":
        more["flavors"] = {}
    return more


def _routes(sent: dict[str, Any]) -> None:
    """Refuse routes that are no routes: each has a port and a path that begins with a slash (documented)."""
    routes = sent.get("inferenceConfig") or {}
    ports = set()
    for name, route in routes.items():
        port, path = (route or {}).get("port"), str((route or {}).get("path") or "")
        if not isinstance(port, int) or not 0 < port < 65536 or not path.startswith("/"):
            raise Refusal(400, "UserError", f"{name} needs a port and a path.", inner=("BadArgument",))
        ports.add(port)
    if len(ports) > 1:
        raise Refusal(501, "NotImplemented", "the double: the routes of an environment have one port here")
    if not sent.get("image") and not sent.get("build") and not sent.get("condaFile"):
        raise Refusal(400, "UserError", "An environment needs an image or a build.", inner=("BadArgument",))


def delete(world: World, asked: Asked) -> Answer:
    """DELETE of a version."""
    with world.lock:
        workspace, kind, name = _where(world, asked)
        gone = workspace.assets.pop((kind, name, asked.names["version"]), None)
    return Answer(204 if gone is None else 200)


def listed(world: World, asked: Asked) -> Answer:
    """GET of all versions, with ``$orderBy`` (createdtime asc or desc) and ``$top``."""
    with world.lock:
        workspace, kind, name = _where(world, asked)
        found = workspace.versions(kind, name)
    query = asked.call.query
    most = int(query.get("$top") or len(found))
    if query.get("$orderBy", "").lower().endswith("desc"):
        found = found[::-1]
    return told({"value": [views.asset(workspace, each) for each in found[:most]]})


def container(world: World, asked: Asked) -> Answer:
    """GET of an asset without version: which versions there are."""
    with world.lock:
        workspace, kind, name = _where(world, asked)
        found = workspace.versions(kind, name)
    if not found:
        raise Refusal(404, "UserError", f"{kind} container {name} not found.", inner=("NotFound",))
    return told(_container(workspace, found))


def containers(world: World, asked: Asked) -> Answer:
    """GET of all assets of a kind, without their versions."""
    kind = asked.names["kind"].lower()
    with world.lock:
        workspace = world.workspace(asked.names["group"], asked.names["workspace"])
        names = sorted({name for of, name, _ in workspace.assets if of == kind})
        return told({"value": [_container(workspace, workspace.versions(kind, name)) for name in names]})


def _container(workspace: Workspace, found: Sequence[Asset]) -> dict[str, Any]:
    kind, name = found[0].kind, found[0].name
    numbers = [int(each.version) for each in found if each.version.isdigit()]
    return {
        "id": f"{workspace.id}/{kind}/{name}",
        "name": name,
        "type": f"{PROVIDER}/workspaces/{kind}",
        "properties": {
            "description": None,
            "tags": {},
            "properties": {},
            "isArchived": False,
            "latestVersion": found[-1].version,
            "nextVersion": str(max(numbers, default=0) + 1),
        },
        "systemData": views.system(found[0].created, found[-1].created),
    }
