"""Resources as a GET tells them (recorded, where no other source is said)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deployer.testing.azureml.identity import object_id
from deployer.testing.azureml.operations import stamp
from deployer.testing.azureml.state import PROVIDER

if TYPE_CHECKING:
    from deployer.testing.azureml.state import Asset, Deployment, Endpoint, Workspace
    from deployer.testing.azureml.wire import Asked
    from deployer.testing.azureml.world import World

__all__ = ["asset", "deployment", "endpoint", "scoring_base", "system"]

_PROBE = {"failureThreshold": 30, "successThreshold": 1, "timeout": "PT2S", "period": "PT10S", "initialDelay": "PT10S"}
_REQUESTS = {"maxQueueWait": "PT0.5S", "requestTimeout": "PT5S", "maxConcurrentRequestsPerInstance": 1}


def system(created: float, modified: float) -> dict[str, Any]:
    """``systemData``."""
    return {
        "createdAt": stamp(created),
        "createdBy": "double",
        "createdByType": "Application",
        "lastModifiedAt": stamp(modified),
    }


def scoring_base(world: World, asked: Asked, name: str) -> str:
    """What an endpoint's scoring URI begins with, as whoever asks can reach it."""
    if asked.call.real:
        return f"https://{name}.{world.options.location}.inference.ml.azure.com"
    return f"https://{world.authority}/scoring/{name}"


def endpoint(world: World, asked: Asked, about: Endpoint) -> dict[str, Any]:
    """An endpoint."""
    base, (traffic, mirror) = scoring_base(world, asked, about.name), about.told_traffic
    known = about.state not in ("Creating", "Failed") or bool(about.route)
    more = {key: str(value) for key, value in (about.properties.get("properties") or {}).items()}
    return {
        "id": about.id,
        "name": about.name,
        "type": f"{PROVIDER}/workspaces/onlineEndpoints",
        "location": about.location,
        "tags": dict(about.tags),
        "kind": "Managed" if about.managed else "K8S",
        "identity": _identity(world, about),
        "systemData": system(about.created, about.modified),
        "properties": {
            "description": about.properties.get("description"),
            "properties": {
                **more,
                "azureml.onlineendpointid": about.id.lower(),
                "AzureAsyncOperationUri": about.operation_url,
            },
            "scoringUri": f"{base}{about.route or '/score'}" if known else None,
            "swaggerUri": f"{base}/swagger.json" if known else None,
            "authMode": about.mode,
            "compute": about.properties.get("compute"),
            "traffic": dict(traffic),
            "mirrorTraffic": dict(mirror),
            "publicNetworkAccess": about.properties.get("publicNetworkAccess") or "Enabled",
            "provisioningState": about.state,
        },
    }


def _identity(world: World, about: Endpoint) -> dict[str, Any]:
    told: dict[str, Any] = {"type": about.identity.get("type") or "SystemAssigned"}
    if "SystemAssigned" in told["type"]:
        told |= {"principalId": object_id(about.id), "tenantId": world.options.tenant}
    if users := about.identity.get("userAssignedIdentities"):
        told["userAssignedIdentities"] = {
            each: {"principalId": object_id(each), "clientId": object_id(f"{each}/client")} for each in users
        }
    return told


def deployment(about: Deployment) -> dict[str, Any]:
    """A deployment."""
    sent = about.properties
    more = {key: str(value) for key, value in (sent.get("properties") or {}).items()}
    return {
        "id": about.id,
        "name": about.name,
        "type": f"{PROVIDER}/workspaces/onlineEndpoints/deployments",
        "location": about.location,
        "tags": dict(about.tags),
        "kind": "Managed" if about.managed else "Kubernetes",
        "sku": {"name": "Default", "tier": "Standard", "capacity": about.count},
        "systemData": system(about.created, about.modified),
        "properties": {
            "appInsightsEnabled": False,
            "description": None,
            "environmentVariables": {},
            "model": None,
            "modelMountPath": None,
            "codeConfiguration": None,
            "egressPublicNetworkAccess": "Enabled",
            **sent,
            "scaleSettings": sent.get("scaleSettings") or {"scaleType": "Default"},
            "requestSettings": _filled(_REQUESTS, sent.get("requestSettings")),
            "livenessProbe": _filled(_PROBE, sent.get("livenessProbe")),
            "readinessProbe": _filled(_PROBE, sent.get("readinessProbe")),
            "properties": {**more, "AzureAsyncOperationUri": about.operation_url},
            "provisioningState": about.state,
        },
    }


def _filled(usual: dict[str, Any], sent: Any) -> dict[str, Any]:
    return {**usual, **{key: value for key, value in (sent or {}).items() if value is not None}}


def asset(workspace: Workspace, about: Asset) -> dict[str, Any]:
    """A version of an asset; its ``name`` is the version."""
    return {
        "id": f"{workspace.id}/{about.kind}/{about.name}/versions/{about.version}",
        "name": about.version,
        "type": f"{PROVIDER}/workspaces/{about.kind}/versions",
        "properties": dict(about.properties),
        "systemData": system(about.created, about.created),
    }
