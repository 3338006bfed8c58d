"""Where somebody else's server is reached in its pods, and what of its Service is kept for its clients. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deployer.value import JSON

__all__ = ["Reached", "service_patch"]

_KEPT = (
    "type", "externalTrafficPolicy", "internalTrafficPolicy", "sessionAffinity", "sessionAffinityConfig",
    "loadBalancerSourceRanges", "loadBalancerClass", "loadBalancerIP", "externalIPs", "trafficDistribution",
    "publishNotReadyAddresses", "healthCheckNodePort",
)  # fmt: skip
"""Fields of a Service's spec that are the person's; the others follow from them, or are ours."""
_DEFAULTS: Mapping[str, JSON] = {
    "type": "ClusterIP", "sessionAffinity": "None", "internalTrafficPolicy": "Cluster",
    "externalTrafficPolicy": "Cluster",
}  # fmt: skip
_HTTP = 80
_OURS = {"name": "http", "port": _HTTP, "targetPort": "http", "protocol": "TCP"}


@dataclass(frozen=True)
class Reached:
    """A server in a pod of several containers.

    Attributes:
        container: Which, as in the pod's template.
        port: That it listens on; None when nothing says so.
        ready: The path where its probe asks whether it is ready; None when that is no question over HTTP at its port.
    """

    container: Mapping[str, Any]
    port: int | None = None
    ready: str | None = None

    @classmethod
    def of(cls, deployment: Mapping[str, Any], service: Mapping[str, Any] | None) -> Reached:
        """Where the Service leads; without one, what its only port or its probe says."""
        containers: list[Mapping[str, Any]] = deployment["spec"]["template"]["spec"]["containers"]
        meant = _first(service)
        for each in containers:
            if (port := _resolved(each, meant)) is not None:
                return cls(each, port, _ready(each, port))
        only = containers[0]
        port = meant if isinstance(meant, int) else _declared(only)
        return cls(only, port, _ready(only, port))

    def is_behind(self, port: Mapping[str, Any]) -> bool:
        """Whether a port of the Service leads to the server."""
        target = port.get("targetPort") or port["port"]
        return self.port is not None and (target == self.port or _resolved(self.container, target) == self.port)


def _first(service: Mapping[str, Any] | None) -> Any:
    """Where the Service's main port leads: one called http, else 80, else the first."""
    ports = service["spec"].get("ports") or [] if service is not None else []
    if not ports:
        return None
    best = min(ports, key=lambda each: (each.get("name") != "http", each["port"] != _HTTP))
    return best.get("targetPort") or best["port"]


def _resolved(container: Mapping[str, Any], target: Any) -> int | None:
    """The number of a port that a container declares."""
    for each in container.get("ports") or ():
        if target in (each.get("name"), each["containerPort"]):
            return int(each["containerPort"])
    return None


def _declared(container: Mapping[str, Any]) -> int | None:
    ports = container.get("ports") or []
    if len(ports) == 1:
        return int(ports[0]["containerPort"])
    probed = _question(container).get("port")
    return probed if isinstance(probed, int) else None


def _question(container: Mapping[str, Any]) -> Mapping[str, Any]:
    """What its probe asks for over HTTP."""
    for name in ("readinessProbe", "startupProbe", "livenessProbe"):
        asked: Mapping[str, Any] | None = (container.get(name) or {}).get("httpGet")
        if asked:
            return asked
    return {}


def _ready(container: Mapping[str, Any], port: int | None) -> str | None:
    asked = _question(container)
    at = asked.get("port")
    there = at == port or _resolved(container, at) == port
    plain = asked.get("scheme", "HTTP") == "HTTP"
    return str(asked.get("path") or "/") if asked and there and plain and port is not None else None


def service_patch(service: Mapping[str, Any], reached: Reached) -> tuple[dict[str, JSON], dict[str, str]]:
    """What ``config.patches.Service`` has to say so that its clients find it as before, and what cannot be kept."""
    spec = service["spec"]
    kept: dict[str, JSON] = {name: spec[name] for name in _KEPT if spec.get(name) not in (None, _DEFAULTS.get(name))}
    ports = [_led(each) for each in spec.get("ports") or () if reached.is_behind(each)]
    lost = [str(each["port"]) for each in spec.get("ports") or () if not reached.is_behind(each)]
    if ports and ports != [_OURS]:
        kept["ports"] = [{"$patch": "replace"}, *ports]
    patch: dict[str, JSON] = {"spec": kept} if kept else {}
    notes = _notes(service)
    if notes:
        patch["metadata"] = {"annotations": notes}
    lead = f"its port {', '.join(lost)} leads to something else than its server, and goes with the first new revision"
    return patch, {"service.ports": lead} if lost else {}


def _led(port: Mapping[str, Any]) -> dict[str, JSON]:
    """One, leading to whatever serves. Its name stays: with another it would lead nowhere for a moment.

    By its name the node's rules find the addresses behind it, which its controller writes down a little later.
    """
    known = {name: port[name] for name in ("name", "port", "protocol", "appProtocol", "nodePort") if port.get(name)}
    return {**known, "targetPort": "http"}


def _notes(service: Mapping[str, Any]) -> dict[str, str]:
    """Annotations, such as a cloud's load balancer goes by."""
    found: dict[str, str] = service["metadata"].get("annotations") or {}
    return {key: value for key, value in found.items() if not key.startswith("kubectl.kubernetes.io/")}
