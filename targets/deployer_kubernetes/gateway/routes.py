"""An endpoint's HTTPRoute to a Gateway that somebody runs: shares by weights of the revisions' Services. Pure."""

from __future__ import annotations

from typing import Any

from deployer.endpoint import Traffic
from deployer.spec import DeploymentSpec
from deployer.value import JSON
from deployer_kubernetes.config import GatewayRef
from deployer_kubernetes.gateway.facts import URL
from deployer_kubernetes.gateway.objects import SERVICE_PORT
from deployer_kubernetes.marks import Marks, Role, object_name
from deployer_kubernetes.requests import base_object

__all__ = ["http_route", "url_of"]


def http_route(spec: DeploymentSpec, gateway: GatewayRef, traffic: Traffic, owner: str) -> dict[str, JSON]:
    """The route of some traffic.

    Args:
        spec: The wish.
        gateway: Whose it is attached to.
        traffic: At least one revision has some.
        owner: Whose the endpoint is.
    """
    found = base_object("gateway-httproute", spec.name, Marks(owner, spec.name, Role.ENDPOINT), spec)
    parent: dict[str, Any] = {"name": gateway.ref}
    if gateway.namespace is not None:
        parent["namespace"] = gateway.namespace
    route = found["spec"]
    route["parentRefs"] = [parent]
    if gateway.host is not None:
        found["metadata"]["annotations"] = {URL: url_of(gateway)}
        route["hostnames"] = [gateway.host]
    # By name, so that the same shares are the same object.
    route["rules"][0]["backendRefs"] = [
        {"name": object_name(spec.name, revision), "port": SERVICE_PORT, "weight": percent}
        for revision, percent in sorted(traffic.items())
    ]
    return found


def url_of(gateway: GatewayRef) -> str:
    """Where it is asked; "" where no host is named."""
    return f"{'https' if gateway.tls else 'http'}://{gateway.host}" if gateway.host is not None else ""
