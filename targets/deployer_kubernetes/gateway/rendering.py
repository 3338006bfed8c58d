"""What shares an endpoint's traffic, as documents. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from deployer.endpoint import Release, Traffic
from deployer.gateway import Member, Pool, Routing
from deployer.spec import DeploymentSpec
from deployer.target.container import asked_of
from deployer.value import JSON
from deployer_kubernetes.config import GatewayRef, KubernetesOptions
from deployer_kubernetes.gateway.objects import (
    SERVICE_PORT,
    gateway_budget,
    gateway_deployment,
    gateway_files,
    gateway_policy,
    revision_service,
    settings_for,
)
from deployer_kubernetes.gateway.routes import http_route
from deployer_kubernetes.gateway.survey import ROUTED
from deployer_kubernetes.requests import config_of, gateway_labels

__all__ = ["led_by_gateway", "sharing"]


def led_by_gateway(service: dict[str, JSON], spec: DeploymentSpec) -> dict[str, JSON]:
    """The endpoint's Service as it leads where the wish says; changed."""
    gateway = config_of(spec).gateway
    if gateway == "own":
        service["spec"]["selector"] = gateway_labels(spec.name)
    elif gateway != "none":
        service["metadata"]["annotations"] = {**service["metadata"].get("annotations", {}), ROUTED: "true"}
    return service


def sharing(
    spec: DeploymentSpec, release: Release, options: KubernetesOptions, owner: str, address: str | None
) -> Iterator[dict[str, JSON]]:
    """What a gateway needs, with all traffic on the revision.

    Args:
        spec: The wish.
        release: The revision.
        options: The target's.
        owner: Whose it is.
        address: Of the revision's Service, by which its own gateway knows it; None before the cluster has given one:
            then the gateway's files lead nowhere.
    """
    config, traffic = config_of(spec), Traffic.all_to(release.revision)
    if config.gateway == "none":
        return
    yield revision_service(spec, release.revision, owner)
    if isinstance(config.gateway, GatewayRef):
        yield http_route(spec, config.gateway, traffic, owner)
        return
    asked, settings = asked_of(spec, config), settings_for(config.timeout, ipv6=":" in (address or ""))
    members = (Member(address, SERVICE_PORT),) if address is not None else ()
    pool = Pool(release.revision, members, asked.ready, asked.invocations)
    yield gateway_files(spec, Routing((pool,), dict(traffic.items())), settings, owner)
    yield gateway_policy(spec, owner)
    yield gateway_budget(spec, owner)
    yield gateway_deployment(spec, options, settings, owner)
