"""The objects of an endpoint's activator, and the Service by which it leads to the revision that is served. Pure."""

from __future__ import annotations

import math
from typing import Any

from deployer.manifests import read_manifest
from deployer.spec import DeploymentSpec
from deployer.value import JSON, digest
from deployer_kubernetes.config import KubernetesOptions
from deployer_kubernetes.gateway.objects import SHAPE
from deployer_kubernetes.marks import PREFIX, Marks, Role
from deployer_kubernetes.requests import base_object, config_of, pod_labels, pull_secrets, traffic_selector
from deployer_kubernetes.scaling.scaled import activator_ports
from deployer_kubernetes.scaling.wish import ACTIVATORS, activator_labels, activator_name, served_name

__all__ = [
    "activator_budget",
    "activator_deployment",
    "activator_files",
    "activator_policy",
    "activator_service",
    "served_service",
]

_LIMITS = (90, 300, 900, 3700)
"""Seconds that an answer is waited for, so that few changes of the server's own limit are new pods."""
_WINDOW = 30.0
"""Seconds in which a request that was answered still tells that somebody asks: KEDA looks but now and then."""
_KEDA = {"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "keda-operator"}}}
"""Who asks what it tells, as KEDA's own manifests and its chart label it; in which namespace is not known."""


def served_service(spec: DeploymentSpec, revision: str | None, owner: str) -> dict[str, JSON]:
    """Leads to the revision that is served; to nobody, so that requests wait, for None."""
    found = base_object("service", served_name(spec.name), _marks(spec, owner), spec)
    found["spec"]["selector"] = traffic_selector(spec.name, revision)
    return found


def activator_service(spec: DeploymentSpec, owner: str) -> dict[str, JSON]:
    """Where KEDA asks one of its pods."""
    found = base_object("service", activator_name(spec.name), _marks(spec, owner), spec)
    found["spec"] |= {
        "selector": activator_labels(spec.name),
        "ports": [{"name": "probe", "port": activator_ports(spec)[1], "targetPort": "probe", "protocol": "TCP"}],
    }
    return found


def activator_files(spec: DeploymentSpec, address: str, owner: str) -> dict[str, JSON]:
    """What its pods run by.

    Args:
        spec: The wish.
        address: Of the Service by which it leads on, ``10.96.3.4:80``; "" where that is not made yet.
        owner: Whose it is.
    """
    config = config_of(spec)
    ipv6, (port, probe) = address.startswith("["), activator_ports(spec)
    text = read_manifest("kubernetes/activator.cfg")
    for name, value in {
        "server": str(next(each for each in _LIMITS if each >= config.timeout + 15 or each == _LIMITS[-1])),
        "port": str(port),
        "probe": str(probe),
        "window": str(math.ceil(min(_WINDOW, config.idle))),
        "hold": str(math.ceil(config.probes.startup)),
        "address": "[::]" if ipv6 else "0.0.0.0",  # noqa: S104 - of its pod
        "family": " v4v6" if ipv6 else "",
        "member": f"    server served {address}\n" if address else "",
    }.items():
        text = text.replace("{{" + name + "}}", value)
    meta = {"name": activator_name(spec.name), "labels": {**spec.labels, **_marks(spec, owner).labels()}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"haproxy.cfg": text}}


def activator_deployment(
    spec: DeploymentSpec, options: KubernetesOptions, files: dict[str, Any], owner: str
) -> dict[str, JSON]:
    """Its pods: those of a gateway, with other files.

    Args:
        spec: The wish.
        options: The target's.
        files: As `activator_files`.
        owner: Whose it is.
    """
    config, marks, name = config_of(spec), _marks(spec, owner), activator_name(spec.name)
    found = base_object("gateway-deployment", name, marks, spec)
    image = config.gateway_image or options.gateway_image
    account = config.service_account or spec.name
    ports = activator_ports(spec)
    how = digest([files["data"], image, account, pull_secrets(spec)])[:16]
    found["metadata"]["annotations"] = {SHAPE: digest([how, spec.labels])[:16]}
    whole = found["spec"]
    whole["replicas"] = ACTIVATORS
    whole["selector"] = {"matchLabels": activator_labels(spec.name)}
    pod = whole["template"]["spec"]
    # It reads its files once: other ones are other pods.
    whole["template"] = {
        "metadata": {"labels": marks.labels(), "annotations": {f"{PREFIX}settings": how}}, "spec": pod,
    }  # fmt: skip
    pod["volumes"][0]["configMap"]["name"] = name
    rest = {key: value for key, value in pod["containers"][0].items() if key != "name"}
    pod["containers"][0] = {"name": "activator", "image": image, **rest}
    for each, number in zip(pod["containers"][0]["ports"], ports, strict=True):
        each["containerPort"] = number
    pod |= {
        "serviceAccountName": account,
        "topologySpreadConstraints": [
            {
                "maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": activator_labels(spec.name)},
            }
            for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
        ],
    }  # fmt: skip
    if pulled := pull_secrets(spec):
        pod["imagePullSecrets"] = pulled
    return found


def activator_budget(spec: DeploymentSpec, owner: str) -> dict[str, JSON]:
    """What a node that is drained has to heed."""
    found = base_object("poddisruptionbudget", activator_name(spec.name), _marks(spec, owner), spec)
    found["spec"]["selector"] = {"matchLabels": activator_labels(spec.name)}
    return found


def activator_policy(spec: DeploymentSpec, owner: str) -> dict[str, JSON]:
    """Who may ask it, that KEDA may see how many requests there are, and that it reaches its servers alone."""
    found = base_object("activator-networkpolicy", activator_name(spec.name), _marks(spec, owner), spec)
    asking, (port, probe) = [dict(each) for each in config_of(spec).allow_from], activator_ports(spec)
    found["spec"] |= {
        "podSelector": {"matchLabels": activator_labels(spec.name)},
        "ingress": [
            # From nobody is no rule: an empty list would be everybody.
            *([{"from": asking, "ports": [{"port": port, "protocol": "TCP"}]}] if asking else ()),
            {"from": [_KEDA], "ports": [{"port": probe, "protocol": "TCP"}]},
        ],
        "egress": [{"to": [{"podSelector": {"matchLabels": pod_labels(spec.name)}}]}],
    }
    return found


def _marks(spec: DeploymentSpec, owner: str) -> Marks:
    return Marks(owner, spec.name, Role.ACTIVATOR)
