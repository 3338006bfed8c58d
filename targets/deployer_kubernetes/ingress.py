"""An endpoint's Ingress: the host by which a controller that the cluster has leads requests to its Service. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from deployer.spec import DeploymentSpec
from deployer.value import JSON
from deployer_kubernetes.config import GatewayRef, IngressWish, KubernetesConfig
from deployer_kubernetes.marks import Marks, Role
from deployer_kubernetes.patching import patched
from deployer_kubernetes.requests import base_object, config_of, service

__all__ = ["ingress", "ingress_url", "refused_ingress"]


def ingress(spec: DeploymentSpec, owner: str) -> dict[str, JSON] | None:
    """The Ingress of a wish; None when it wants none."""
    config = config_of(spec)
    wish = config.ingress
    if wish is None:
        return None
    found = base_object("ingress", spec.name, Marks(owner, spec.name, Role.ENDPOINT), spec)
    if wish.annotations:
        found["metadata"]["annotations"] = dict(wish.annotations)
    backend = {"service": {"name": spec.name, "port": {"number": _port(service(spec, owner))}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    found["spec"] = {
        **({"ingressClassName": wish.class_name} if wish.class_name is not None else {}),
        "rules": [{"host": wish.host, "http": {"paths": [path]}}],
        **({"tls": [{"hosts": [wish.host], "secretName": wish.tls_secret}]} if wish.tls_secret is not None else {}),
    }
    return patched(found, config.patches)


def _port(document: Mapping[str, Any]) -> int:
    """The Service's main port, which a patch may have changed."""
    ports = [int(each["port"]) for each in document["spec"]["ports"]]
    return 80 if 80 in ports else ports[0]


def ingress_url(wish: Mapping[str, JSON] | None) -> str:
    """Where an endpoint of a recorded wish is asked from outside; "" where it has no Ingress."""
    given = ((wish or {}).get("config") or {}).get("ingress")
    try:
        found = IngressWish.model_validate(given) if given else None
    except ValidationError:
        return ""
    return f"{'http' if found.tls_secret is None else 'https'}://{found.host}" if found is not None else ""


def refused_ingress(spec: DeploymentSpec) -> Iterator[tuple[str, str]]:
    """What would not be reached by it."""
    try:
        config = KubernetesConfig.model_validate(spec.config)
    except ValidationError:
        return  # told by whoever reads the config
    if config.ingress is None:
        return
    if isinstance(config.gateway, GatewayRef):
        yield "config.ingress", "config.gateway leads requests from outside already; leave one of them out"
    if "allow_from" not in config.model_fields_set:
        yield (
            "config.allow_from",
            (
                "where does the Ingress controller run? by default only the namespace's pods may ask; give "
                "[{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ingress-nginx}}}]"
            ),
        )
