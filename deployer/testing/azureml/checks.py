"""What a PUT is refused for: names, tags, traffic, sizes, settings. Documented unless said otherwise.

Online endpoint and deployment YAML schema; Manage resources and quotas, limits of online endpoints; ARM, tag limits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from deployer.testing.azureml.answers import Refusal
from deployer.testing.azureml.periods import seconds
from deployer.testing.azureml.reasons import client_error
from deployer.testing.azureml.sizes import SIZES, reserved

if TYPE_CHECKING:
    from deployer.testing.azureml.state import Endpoint
    from deployer.testing.azureml.world import World

__all__ = ["check_deployment", "check_endpoint", "check_name", "check_quota", "check_resource", "check_traffic"]

_NAME = re.compile(r"[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?")
_MODES = ("Key", "AMLToken", "AADToken")
_IDENTITIES = ("SystemAssigned", "UserAssigned", "SystemAssigned,UserAssigned", "None")
_REQUEST_SECONDS = 180.0
_DEPLOYMENTS, _INSTANCES, _ENDPOINTS = 20, 50, 100
_TAGS, _TAG_NAME, _TAG_VALUE = 50, 512, 256


def _bad(message: str) -> Refusal:
    return Refusal(400, "UserError", message, inner=("BadArgument",))


def check_name(kind: str, name: str) -> None:
    """Refuse a name that the service does not take."""
    if not _NAME.fullmatch(name) or not 3 <= len(name) <= 32:
        raise _bad(
            f"The {kind} name '{name}' is invalid. It must begin with a letter, consist of letters, digits and "
            "hyphens, not end with a hyphen, and be 3 to 32 characters long."
        )


def check_resource(body: Mapping[str, Any], location: str) -> None:
    """Refuse what every resource of ARM must have: a location, properties, tags that are not too many or too long."""
    if not body.get("location"):
        raise Refusal(400, "LocationRequired", "The location property is required for this definition.")
    if str(body["location"]).replace(" ", "").lower() != location:
        raise _bad(f"The location {body['location']} is not the workspace's, which is {location}.")
    if not isinstance(body.get("properties"), dict):
        raise _bad("The property properties is required.")
    tags = body.get("tags") or {}
    if len(tags) > _TAGS or any(len(key) > _TAG_NAME or len(str(value)) > _TAG_VALUE for key, value in tags.items()):
        raise Refusal(
            400,
            "InvalidTagNameOrValue",
            f"A resource has {_TAGS} tags at most, names up to {_TAG_NAME}, values up to {_TAG_VALUE} characters.",
        )
    if any(not isinstance(value, str) for value in tags.values()):
        raise Refusal(400, "InvalidRequestContent", "The value of a tag is a text.")


def check_endpoint(world: World, name: str, body: Mapping[str, Any], there: Endpoint | None) -> None:
    """Refuse an endpoint that cannot be created, or not be changed like this."""
    check_name("endpoint", name)
    check_resource(body, world.options.location)
    properties, kind = body["properties"], str((body.get("identity") or {}).get("type") or "SystemAssigned")
    if properties.get("authMode") not in _MODES:
        raise _bad(f"The authMode '{properties.get('authMode')}' is invalid; it is one of {', '.join(_MODES)}.")
    if kind.replace(" ", "") not in _IDENTITIES:
        raise _bad(f"The identity type '{kind}' is invalid.")
    if "UserAssigned" in kind.replace("SystemAssigned", "") and not body["identity"].get("userAssignedIdentities"):
        raise _bad("userAssignedIdentities is required of identity type UserAssigned.")
    compute = str(properties.get("compute") or "").rpartition("/")[2].removeprefix("azureml:")
    if compute and compute not in world.options.computes:
        raise _bad(f"The compute {compute} was not found, or is no Kubernetes cluster.")
    if there is None:
        count = sum(len(each.endpoints) for each in world.workspaces.values())
        if count >= _ENDPOINTS:
            raise _bad(f"The subscription has {count} endpoints; the limit is {_ENDPOINTS}.")
        return
    if kind != there.identity.get("type", "SystemAssigned") or set(
        (body.get("identity") or {}).get("userAssignedIdentities") or {}
    ) != set(there.identity.get("userAssignedIdentities") or {}):
        raise _bad("The identity of an endpoint cannot be changed.")
    if properties["authMode"] != there.mode and world.guesses["auth-mode-immutable"]:
        raise _bad("The authMode of an endpoint cannot be changed.")
    if bool(compute) == there.managed:
        raise _bad("The compute of an endpoint cannot be changed.")


def check_traffic(world: World, properties: Mapping[str, Any], there: Endpoint | None) -> None:
    """Refuse traffic and mirror traffic that the service does not route."""
    traffic, mirror = properties.get("traffic") or {}, properties.get("mirrorTraffic") or {}
    deployments = there.deployments if there is not None else {}
    for name, share in [*traffic.items(), *mirror.items()]:
        if not isinstance(share, int) or isinstance(share, bool) or not 0 <= share <= 100:
            raise _bad(f"The traffic of {name} is a whole number from 0 to 100.")
        if name.lower() not in deployments:
            raise _bad(f"Traffic rules refer to the deployment {name}, which does not exist.")
        state = deployments[name.lower()].state
        if share and state == "Deleting":
            raise _bad(f"Traffic cannot be given to deployment {name}, which is in state {state}.")
        if share and not world.guesses["traffic-to-failed"] and not deployments[name.lower()].ready:
            raise _bad(f"Traffic cannot be given to deployment {name}, which is in state {state}.")
    if sum(traffic.values()) not in (0, 100):
        raise Refusal(
            400,
            "UserError",
            "Sum of traffic must be 0 or 100.",
            inner=("BadArgument", "InvalidTraffic"),
        )
    mirrored = {name.lower() for name, share in mirror.items() if share}
    if len(mirrored) > 1:
        raise _bad("Mirror traffic is of one deployment alone.")
    if any(share > 50 for share in mirror.values()):
        raise _bad("Mirror traffic is at most 50 percent.")
    if mirrored & {name.lower() for name, share in traffic.items() if share}:
        raise _bad("A deployment has either live or mirror traffic.")
    if mirrored and there is not None and not there.managed:
        raise _bad("Kubernetes online endpoints have no mirror traffic.")


def check_deployment(world: World, endpoint: Endpoint, name: str, body: Mapping[str, Any], *, new: bool) -> None:
    """Refuse a deployment that cannot be created or changed."""
    check_name("deployment", name)
    check_resource(body, world.options.location)
    properties, sku = body["properties"], body.get("sku") or {}
    if new and len(endpoint.deployments) >= _DEPLOYMENTS:
        raise _bad(f"The endpoint has {_DEPLOYMENTS} deployments, which is the limit.")
    wanted = "Managed" if endpoint.managed else "Kubernetes"
    if properties.get("endpointComputeType") != wanted:
        raise _bad(f"endpointComputeType is {properties.get('endpointComputeType')}; the endpoint is {wanted}.")
    capacity = sku.get("capacity")
    if endpoint.managed and (sku.get("name") != "Default" or not isinstance(capacity, int)):
        raise _bad("sku is required, with name Default and a capacity.")
    if endpoint.managed and not 1 <= int(capacity or 0) <= _INSTANCES:
        raise _bad(f"The instance count is 1 to {_INSTANCES}, not {capacity}.")
    if endpoint.managed and str(properties.get("instanceType", "")).lower() not in SIZES:
        raise client_error(
            400,
            "InferencingClientCreateDeploymentFailed",
            {"VmSize": [f"Unsupported VM size '{properties.get('instanceType', '')}'."]},
        )
    if not properties.get("environmentId") and not properties.get("model"):
        raise _bad("A deployment needs an environment, or a model that one can be built of.")
    if not properties.get("environmentId") and properties.get("codeConfiguration"):
        raise _bad("A deployment with a scoring script needs an environment.")
    _settings(endpoint, properties)


def _settings(endpoint: Endpoint, properties: Mapping[str, Any]) -> None:
    settings, scale = properties.get("requestSettings") or {}, properties.get("scaleSettings") or {}
    try:
        timeout = seconds(str(settings.get("requestTimeout") or "PT5S"))
        for probe in (properties.get("livenessProbe"), properties.get("readinessProbe")):
            for key in ("initialDelay", "period", "timeout"):
                if (probe or {}).get(key) is not None and seconds(str((probe or {})[key])) <= 0:
                    raise ValueError(f"{key} is above 0")
    except ValueError as error:
        raise _bad(f"The settings are invalid: {error}.") from error
    limit = _REQUEST_SECONDS if endpoint.managed else 300.0
    if not 0 < timeout <= limit:
        raise _bad(f"The requestTimeout is at most {limit:g} seconds.")
    if int(settings.get("maxConcurrentRequestsPerInstance") or 1) < 1:
        raise _bad("maxConcurrentRequestsPerInstance is at least 1.")
    if endpoint.managed and scale.get("scaleType", "Default") != "Default":
        raise _bad("Managed online deployments have scale settings of type Default alone.")
    if not endpoint.managed and scale.get("scaleType") == "TargetUtilization":
        least, most = int(scale.get("minInstances") or 1), int(scale.get("maxInstances") or 1)
        if not 1 <= least <= most:
            raise _bad("minInstances is at least 1, and at most maxInstances.")


def check_quota(world: World, kind: str, count: int, own: str) -> None:
    """Refuse what the quota of a VM family does not cover (recorded: at the PUT, with a fifth more instances)."""
    size = SIZES[kind.lower()]
    used, limit, needed = world.cores(size.family, without=own), world.quota(size.family), reserved(size, count)
    if used + needed <= limit:
        return
    text = (
        f"Not enough quota available for {size.name} in SubscriptionId {world.options.subscription}. "
        f"Current usage/limit: {used}/{limit}. Additional needed: {needed} Please see troubleshooting guide, available "
        "here: https://aka.ms/oe-tsg#error-outofquota"
    )
    raise client_error(400, "InferencingClientCreateDeploymentFailed", {"VmSize": [text]})
