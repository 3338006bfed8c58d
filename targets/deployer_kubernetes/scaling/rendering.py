"""What an endpoint that may sleep needs beside others, as documents. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from deployer.endpoint import Release
from deployer.spec import DeploymentSpec
from deployer.value import JSON
from deployer_kubernetes.config import KubernetesOptions
from deployer_kubernetes.scaling.objects import (
    activator_budget,
    activator_deployment,
    activator_files,
    activator_policy,
    activator_service,
    served_service,
)
from deployer_kubernetes.scaling.scaled import scaled_object
from deployer_kubernetes.scaling.wish import activator_labels, activator_name, served_name, sleeps

__all__ = ["asleep_left_out", "led_by_activator", "sleeping"]


def led_by_activator(service: dict[str, JSON], spec: DeploymentSpec) -> dict[str, JSON]:
    """The endpoint's Service as it leads where the endpoint may sleep; changed."""
    if sleeps(spec):
        service["spec"]["selector"] = activator_labels(spec.name)
    return service


def sleeping(
    spec: DeploymentSpec, release: Release, options: KubernetesOptions, owner: str, address: str | None = None
) -> Iterator[dict[str, JSON]]:
    """Its activator, which leads to the revision, and what has the revision's count.

    Args:
        spec: The wish.
        release: The revision.
        options: The target's.
        owner: Whose the endpoint is.
        address: Of the Service that the activator leads to; None before it has one.
    """
    if not sleeps(spec):
        return
    files = activator_files(spec, address or "", owner)
    yield served_service(spec, release.revision, owner)
    yield activator_service(spec, owner)
    yield files
    yield activator_policy(spec, owner)
    yield activator_budget(spec, owner)
    yield activator_deployment(spec, options, files, owner)
    yield scaled_object(spec, release.revision, owner, options.namespace or "default")


def asleep_left_out(spec: DeploymentSpec, address: str | None) -> Iterator[str]:
    """What `sleeping` does not hold."""
    if sleeps(spec) and address is None:
        yield (
            f"The ConfigMap {activator_name(spec.name)} is printed without the address of the Service "
            f"{served_name(spec.name)}, which the cluster gives when that is made: till then it leads nowhere. Once it "
            "is there, render again."
        )
