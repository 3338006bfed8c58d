"""Which wishes a Kubernetes cluster cannot meet, as this target uses it. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from deployer.endpoint import ImageRef, ModelRef, Release
from deployer.errors import SpecError
from deployer.spec import DeploymentSpec, ReplicaRange
from deployer.target.container import refused_ready_image
from deployer_kubernetes.config import KubernetesConfig, KubernetesOptions
from deployer_kubernetes.ingress import refused_ingress
from deployer_kubernetes.kserve.wish import refused_kserve
from deployer_kubernetes.marks import usable_label
from deployer_kubernetes.scaling.wish import refused_sleep, sleeps
from deployer_kubernetes.weights import refused_claim

__all__ = ["refuse"]


def refuse(spec: DeploymentSpec) -> Iterator[tuple[str, str]]:
    """The reasons why this target cannot meet a spec, each as (dotted field, sentence)."""
    yield from refused_sleep(spec)
    if isinstance(spec.replicas, ReplicaRange) and not sleeps(spec):
        yield from _refused_range(spec, spec.replicas)
    for name, secret in spec.secrets.items():
        if secret.ref is not None:
            yield f"secrets.{name}", "kubernetes reads no vault; give it as {env: NAME}"
    for key, value in spec.labels.items():
        if not usable_label(key, value):
            yield f"labels.{key}", "Kubernetes takes no such label: 63 of A-Z, a-z, 0-9 and ._- for key and value"
    yield from refused_claim(spec)
    yield from refused_kserve(spec)
    yield from refused_ingress(spec)
    if spec.network.expose not in ("loopback", "localhost"):
        yield "network.expose", "an endpoint has its address in the cluster; leave it out"
    if spec.network.tls is not None:
        yield "network.tls", "inside the cluster it speaks plain HTTP; leave it out"
    if not isinstance(spec.network.egress, str):
        for host in spec.network.egress:
            if not _is_block(host):
                yield "network.egress", f"a NetworkPolicy knows no names; give {host!r} as an address or 10.1.0.0/16"
    yield from refused_ready_image(spec, KubernetesConfig)
    yield from _refused_patches(spec)


def _refused_patches(spec: DeploymentSpec) -> Iterator[tuple[str, str]]:
    """What is checked of a patch when its object is made is told here already."""
    if not spec.config.get("patches"):
        return
    from deployer_kubernetes.rendering import documents

    model = ModelRef(uri="", resolved="", digest="0" * 64)
    image = ImageRef(id="", reference="image")
    release = Release(revision="r0000000", digest="0" * 64, model=model, lock="", runtime="", image=image, fields={})
    try:
        for _ in documents(spec, release, KubernetesOptions(), "owner"):
            pass
    except SpecError as error:
        yield error.where or "config.patches", error.message


def _refused_range(spec: DeploymentSpec, wish: ReplicaRange) -> Iterator[tuple[str, str]]:
    metric = wish.metric or "cpu"
    asked = {"cpu": spec.resources.cpu, "memory": spec.resources.memory}
    if metric in asked and asked[metric] is None:
        yield (
            f"resources.{metric}",
            f"an autoscaler measures {metric} as a share of what is asked for; give resources.{metric}",
        )
    if metric not in asked and wish.value is None:
        yield "replicas.value", f"which mean of {metric} is to be kept? give replicas.value"


def _is_block(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True
