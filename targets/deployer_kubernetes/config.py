"""What the Kubernetes target is told: where its cluster is, and a spec's ``config``."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, field_validator

from deployer.quantity import Seconds
from deployer.spec import Scope
from deployer.spec.fields import scoped
from deployer.target.container import ContainerConfig
from deployer.value import JSON, Value

__all__ = ["KubernetesConfig", "KubernetesOptions", "Probes"]

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
    platform: str = Field(default="linux/amd64", description="What its nodes run: linux/amd64 or linux/arm64.")


class Probes(Value):
    """How long the kubelet waits for a server, and how often it asks."""

    startup: Seconds = Field(default=600.0, gt=0, le=86400, description="The longest that it may take to be ready.")
    period: Seconds = Field(default=2.0, ge=1, le=300, description="Between two looks whether it is ready.")
    timeout: Seconds = Field(default=5.0, ge=1, le=60, description="The longest that it may take to answer one.")
    failures: int = Field(default=3, ge=1, le=100, description="Looks in a row that fail before it counts.")


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
    allow_from: tuple[dict[str, JSON], ...] = scoped(
        Scope.ENDPOINT, ({"podSelector": {}},),
        description="Who may ask it: peers of a NetworkPolicy; by default the namespace's own pods.",
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
        known = ("Deployment", "Service", "PodDisruptionBudget", "HorizontalPodAutoscaler", "NetworkPolicy")
        for kind in value:
            if kind not in known:
                raise ValueError(f"no {kind} can be patched; these kinds can: {', '.join(known)}")
        return value
