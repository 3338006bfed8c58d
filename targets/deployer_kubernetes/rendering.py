"""What the verbs would send to the API server, as documents. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from deployer.endpoint import Release
from deployer.spec import DeploymentSpec
from deployer.target.reading import secret_numbers
from deployer.value import JSON
from deployer_kubernetes.config import KubernetesOptions
from deployer_kubernetes.marks import Marks, Role
from deployer_kubernetes.requests import (
    budget,
    deployment,
    keys_name,
    network_policy,
    scaler,
    secrets_name,
    service,
    service_account,
    traffic_selector,
)

__all__ = ["documents"]


def documents(
    spec: DeploymentSpec, release: Release, options: KubernetesOptions, owner: str
) -> Iterator[dict[str, JSON]]:
    """Each object of `configure`, `stage` and `route`, with all traffic on the revision; Secrets without values."""
    account = service_account(spec, owner)
    found = [] if account is None else [account]
    leading = service(spec, owner)
    leading["spec"]["selector"] = traffic_selector(spec.name, release.revision)
    found += [leading, budget(spec, owner)]
    if spec.auth.api_keys:
        found.append(_secret(keys_name(spec.name), Marks(owner, spec.name, Role.KEYS)))
    if secret_numbers(release):
        found.append(_secret(secrets_name(spec.name), Marks(owner, spec.name, Role.SECRETS)))
    found.append(network_policy(spec, release, owner))
    count = spec.replicas if isinstance(spec.replicas, int) else None
    found.append(deployment(spec, release, owner, count))
    scaling = scaler(spec, release, owner)
    if scaling is not None:
        found.append(scaling)
    for each in found:
        if options.namespace is not None:
            each["metadata"]["namespace"] = options.namespace
        yield each


def _secret(name: str, marks: Marks) -> dict[str, JSON]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": {"name": name, "labels": marks.labels()},
    }
