"""The objects of an endpoint's own gateway, and the Service of each revision that it sends requests to. Pure.

A gateway knows a revision as one member, its Service's address: behind that, the cluster itself spreads connections
over pods that come and go, also while nobody of ours looks. So each request has a connection of its own, and a health
check that meets a pod which has just died does not stand for the others (``GatewaySettings.services``).
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from deployer.gateway import GatewaySettings, Routing, files
from deployer.manifests import read_manifest
from deployer.spec import DeploymentSpec
from deployer.value import JSON, digest
from deployer_kubernetes.config import KubernetesOptions
from deployer_kubernetes.gateway.wish import STATE, write_wish
from deployer_kubernetes.marks import PREFIX, Marks, Role, object_name
from deployer_kubernetes.requests import (
    base_object,
    config_of,
    deployment_name,
    gateway_labels,
    pod_labels,
    pull_secrets,
)

__all__ = [
    "ADMIN_PORT",
    "GATEWAY_PORT",
    "MADE",
    "SERVICE_PORT",
    "SHAPE",
    "gateway_budget",
    "gateway_deployment",
    "gateway_files",
    "gateway_name",
    "gateway_policy",
    "revision_service",
    "settings_for",
]

GATEWAY_PORT, PROBE_PORT, ADMIN_PORT = 8080, 8081, 8404
SERVICE_PORT = 80
"""The port of every Service of ours."""
SHAPE = f"{PREFIX}shape"
MADE = f"{PREFIX}made"
"""Annotation of its pods: what they were made of, so that those of an earlier template are known."""
_FOLDER = "/etc/haproxy"
_LEAVE = 7
"""Seconds that a gateway which is to end goes on, until the cluster sends it nothing any more."""
_LIMITS = (90, 300, 900, 3700)
"""What it waits for an answer, so that few changes of the server's own limit are new pods."""


def gateway_name(endpoint: str) -> str:
    """Its Deployment, and all that belongs to it."""
    return object_name(endpoint, "gateway")


def settings_for(timeout: float, *, ipv6: bool = False) -> GatewaySettings:
    """How it runs in its pod.

    Args:
        timeout: The server's own limit for a prediction, seconds.
        ipv6: Whether the cluster's Services have addresses of that kind.
    """
    server = next(limit for limit in _LIMITS if limit >= timeout + 15 or limit == _LIMITS[-1])
    return GatewaySettings(
        port=GATEWAY_PORT, probe=PROBE_PORT, admin=f"127.0.0.1:{ADMIN_PORT}", folder=_FOLDER, server=server,
        address="::" if ipv6 else "0.0.0.0",  # noqa: S104 - of its pod
        services=True, members=2, leave=_LEAVE,
    )  # fmt: skip


def revision_service(spec: DeploymentSpec, revision: str, owner: str) -> dict[str, JSON]:
    """The address of one revision's pods."""
    marks = Marks(owner, spec.name, Role.SERVER, revision)
    found = base_object("service", deployment_name(spec.name, revision), marks, spec)
    found["spec"]["selector"] = pod_labels(spec.name, revision)
    return found


def gateway_files(spec: DeploymentSpec, routing: Routing, settings: GatewaySettings, owner: str) -> dict[str, JSON]:
    """What its pods begin from.

    Raises:
        SpecError: There are more revisions than it has room for.
    """
    made = {path.removeprefix(f"{_FOLDER}/"): data.decode() for path, data in files(settings, routing).items()}
    made[settings.lua_path.removeprefix(f"{_FOLDER}/")] += read_manifest("kubernetes/gateway-wish.lua")
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": gateway_name(spec.name), "labels": {**spec.labels, **_marks(spec, owner).labels()}},
        "data": {**made, STATE: write_wish(routing)},
    }


def gateway_deployment(
    spec: DeploymentSpec, options: KubernetesOptions, settings: GatewaySettings, owner: str
) -> dict[str, JSON]:
    """Its pods."""
    config, marks, name = config_of(spec), _marks(spec, owner), gateway_name(spec.name)
    found = base_object("gateway-deployment", name, marks, spec)
    image = config.gateway_image or options.gateway_image
    how = digest(asdict(settings))[:16]
    made = digest([how, image, config.service_account, pull_secrets(spec)])[:16]
    shape = digest([how, image, config.service_account, pull_secrets(spec), spec.labels])[:16]
    found["metadata"]["annotations"] = {SHAPE: shape}
    whole = found["spec"]
    whole["selector"] = {"matchLabels": gateway_labels(spec.name)}
    pod = whole["template"]["spec"]
    # Other settings are other pods; other files alone are not.
    meta = {"labels": marks.labels(), "annotations": {f"{PREFIX}settings": how, MADE: made}}
    whole["template"] = {"metadata": meta, "spec": pod}
    pod["volumes"][0]["configMap"]["name"] = name
    pod["containers"][0] = {"name": "gateway", "image": image, **pod["containers"][0]}
    pod |= {
        "serviceAccountName": config.service_account or spec.name,
        "topologySpreadConstraints": [
            {
                "maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": gateway_labels(spec.name)},
            }
            for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
        ],
    }  # fmt: skip
    if pulled := pull_secrets(spec):
        pod["imagePullSecrets"] = pulled
    return found


def gateway_budget(spec: DeploymentSpec, owner: str) -> dict[str, JSON]:
    """What a node that is drained has to heed."""
    found = base_object("poddisruptionbudget", gateway_name(spec.name), _marks(spec, owner), spec)
    found["spec"]["selector"] = {"matchLabels": gateway_labels(spec.name)}
    return found


def gateway_policy(spec: DeploymentSpec, owner: str) -> dict[str, JSON]:
    """Who may ask it, and that it reaches the endpoint's servers alone."""
    config = config_of(spec)
    found = base_object("gateway-networkpolicy", gateway_name(spec.name), _marks(spec, owner), spec)
    port: dict[str, Any] = {"port": GATEWAY_PORT, "protocol": "TCP"}
    found["spec"] |= {
        "podSelector": {"matchLabels": gateway_labels(spec.name)},
        # From nobody is no rule: an empty list would be everybody.
        "ingress": [{"from": [*map(dict, config.allow_from)], "ports": [port]}] if config.allow_from else [],
        "egress": [{"to": [{"podSelector": {"matchLabels": pod_labels(spec.name)}}]}],
    }
    return found


def _marks(spec: DeploymentSpec, owner: str) -> Marks:
    return Marks(owner, spec.name, Role.GATEWAY)
