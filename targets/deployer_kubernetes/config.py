"""What the Kubernetes target is told: where its cluster is, and a spec's ``config``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from deployer.quantity import Seconds
from deployer.spec import Scope
from deployer.spec.fields import scoped
from deployer.target.container import ContainerConfig
from deployer.value import JSON, Value

__all__ = [
    "GATEWAY_IMAGE",
    "GatewayRef",
    "IngressWish",
    "KubernetesConfig",
    "KubernetesOptions",
    "Probes",
    "WeightsClaim",
]

GATEWAY_IMAGE = "haproxy:2.8"
_IMAGE = r"^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,254}$"
"""What an image's reference is made of; the kubelet judges the rest."""

_LABEL = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"
"""A DNS label, as a namespace's name."""
_SUBDOMAIN = r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$"


class KubernetesOptions(Value):
    """Where a cluster is, and which of its namespaces is meant."""

    kubeconfig: Path | None = Field(
        default=None, description="A kubeconfig file; by default KUBECONFIG, ~/.kube/config, or a pod's own account."
    )
    context: str | None = Field(
        default=None, description="One of its contexts, as `kubectl config get-contexts` lists them."
    )
    namespace: str | None = Field(
        default=None, pattern=_LABEL, description="The namespace of its endpoints; by default the context's."
    )
    registry: str | None = Field(
        default=None, description="Where images are pushed, REGISTRY/PREFIX; the endpoint's name is put behind it."
    )
    gateway_image: str = Field(
        default=GATEWAY_IMAGE, pattern=_IMAGE,
        description="An image with HAProxy 2.6 or newer and a shell, for config.gateway: own and replicas.min 0.",
    )  # fmt: skip
    platform: str = Field(default="linux/amd64", description="What its nodes run: linux/amd64 or linux/arm64.")


class Probes(Value):
    """How long the kubelet waits for a server, and how often it asks."""

    startup: Seconds = Field(default=600.0, gt=0, le=86400, description="The longest that it may take to be ready.")
    period: Seconds = Field(default=2.0, ge=1, le=300, description="Between two looks whether it is ready.")
    timeout: Seconds = Field(default=5.0, ge=1, le=60, description="The longest that it may take to answer one.")
    failures: int = Field(default=3, ge=1, le=100, description="Looks in a row that fail before it counts.")


class GatewayRef(Value):
    """A Gateway of the Gateway API that is there; the endpoint gets an HTTPRoute to it."""

    ref: str = Field(pattern=_SUBDOMAIN, description="Its name.")
    namespace: str | None = Field(
        default=None, pattern=_LABEL, description="Its namespace; by default the endpoint's own."
    )
    host: str | None = Field(
        default=None, pattern=_SUBDOMAIN, description="The host that is asked for; by default all of the Gateway's."
    )
    tls: bool = Field(default=True, description="Whether its listener speaks TLS, so that the endpoint's URL is https.")


class IngressWish(Value):
    """How a controller that the cluster has leads requests from outside to the endpoint."""

    host: str = Field(pattern=_SUBDOMAIN, description="The host that is asked for.")
    class_name: str | None = Field(
        default=None, pattern=_SUBDOMAIN, description="Its IngressClass; by default the cluster's."
    )
    tls_secret: str | None = Field(
        default=None, pattern=_SUBDOMAIN, description="A Secret of the namespace with the host's certificate and key."
    )
    annotations: dict[str, str] = Field(default={}, description="What its controller is told, such as limits.")


class WeightsClaim(Value):
    """A PersistentVolumeClaim that is there, with a model in it."""

    name: str = Field(pattern=_SUBDOMAIN, description="Its name.")
    path: str = Field(
        default="", pattern=r"^([A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*)?$", max_length=256,
        description="The model's folder in it, such as models/iris/4; by default all of it.",
    )  # fmt: skip

    @field_validator("path")
    @classmethod
    def _inside(cls, value: str) -> str:
        if ".." in value.split("/"):
            raise ValueError("a folder of the claim itself, without ..")
        return value


class KubernetesConfig(ContainerConfig):
    """A spec's ``config`` on the Kubernetes target."""

    probes: Probes = scoped(Scope.REVISION, Probes(), description="Startup, readiness and liveness probes.")
    pre_stop: Seconds = scoped(
        Scope.REVISION, 5.0, le=300,
        description="How long a replica that is to end still takes new requests, until everybody knows.",
    )  # fmt: skip
    service_account: str | None = scoped(
        Scope.ENDPOINT,
        None,
        pattern=_SUBDOMAIN,
        description="One that is there; by default one of its own, without rights.",
    )
    pull_secrets: tuple[str, ...] = scoped(
        Scope.ENDPOINT, (), description="Secrets that the kubelet pulls its image with."
    )
    pull_login: Literal["none", "docker"] = scoped(
        Scope.ENDPOINT, "none",
        description="docker: give the nodes the login that Docker's configuration here has for the image's registry.",
    )  # fmt: skip
    ingress: IngressWish | None = scoped(
        Scope.ENDPOINT, None, description="An Ingress to it: {host: NAME}, and class_name, tls_secret, annotations."
    )
    allow_from: tuple[dict[str, JSON], ...] = scoped(
        Scope.ENDPOINT, ({"podSelector": {}},),
        description="Who may ask it: peers of a NetworkPolicy; by default the namespace's own pods.",
    )  # fmt: skip
    gateway: Literal["none", "own"] | GatewayRef = scoped(
        Scope.ENDPOINT, "none",
        description="What shares traffic by weights: own for an HAProxy of its own, {ref: NAME} for a Gateway API one.",
    )  # fmt: skip
    gateway_image: str | None = scoped(
        Scope.ENDPOINT, None, pattern=_IMAGE,
        description="The image of its own gateway, or of its activator; by default the target's.",
    )  # fmt: skip
    idle: Seconds = scoped(
        Scope.ENDPOINT, 300.0, ge=1, le=86400,
        description="How long nobody asks before it sleeps, where replicas.min is 0.",
    )  # fmt: skip
    weights_claim: WeightsClaim | None = scoped(
        Scope.REVISION, None,
        description="Where the model of image.weights: mount lies; by default it is pushed as an image of its own.",
    )  # fmt: skip
    kserve: bool = scoped(
        Scope.REVISION, False,
        description="Write an InferenceService, of which KServe makes the Deployment, instead of a Deployment.",
    )  # fmt: skip
    node_selector: dict[str, str] = scoped(Scope.REVISION, {}, description="Labels of the nodes that it may run on.")
    tolerations: tuple[dict[str, JSON], ...] = scoped(Scope.REVISION, (), description="Taints that it tolerates.")
    priority_class: str | None = scoped(
        Scope.REVISION, None, pattern=_SUBDOMAIN, description="Its pods' PriorityClass."
    )
    gpu_resource: str = scoped(Scope.REVISION, "nvidia.com/gpu", description="What the cluster calls a GPU.")
    annotations: dict[str, str] = scoped(Scope.REVISION, {}, description="Annotations of its pods.")
    patches: dict[str, dict[str, JSON]] = scoped(
        Scope.REVISION, {},
        description="Kind: what is merged into that object, for what has no word here (strategic merge).",
    )  # fmt: skip

    @field_validator("patches")
    @classmethod
    def _kinds(cls, value: dict[str, dict[str, JSON]]) -> dict[str, dict[str, JSON]]:
        known = (
            "Deployment", "Service", "PodDisruptionBudget", "HorizontalPodAutoscaler", "NetworkPolicy", "Ingress",
            "ScaledObject", "InferenceService",
        )  # fmt: skip
        for kind in value:
            if kind not in known:
                raise ValueError(f"no {kind} can be patched; these kinds can: {', '.join(known)}")
        return value
