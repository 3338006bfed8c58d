"""Brings what of the endpoint an adopted Deployment carries to what is wished; its template stays as it was made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deployer.endpoint import Release
from deployer.spec import DeploymentSpec
from deployer.value import JSON
from deployer_kubernetes.client import Cluster
from deployer_kubernetes.marks import Role, marks_of, selector
from deployer_kubernetes.requests import config_of, pull_secrets, scaler
from deployer_kubernetes.writing import Hand

__all__ = ["keep_adopted"]

_COUNT, _ACCESS = "count", "access"
_SCALERS = frozenset({"kube-controller-manager"})


def keep_adopted(
    cluster: Cluster, hand: Hand, wish: tuple[DeploymentSpec, Release, str], found: Mapping[str, Any]
) -> None:
    """Its count, its autoscaler, and the account and pull secrets that are named; of these alone pods are made anew.

    Args:
        cluster: The namespace.
        hand: Writes the endpoint's objects.
        wish: What is wished, the revision, and whose it is.
        found: The Deployment.
    """
    spec, release, owner = wish
    scalers = cluster.all("HorizontalPodAutoscaler", selector(spec.name, Role.SERVER))[0]
    mine = next((each for each in scalers if _revision(each) == release.revision), None)
    document = scaler(spec, release, owner)
    if document is None:
        if mine is not None:  # whoever scales it lets go first
            hand.remove("HorizontalPodAutoscaler", mine["metadata"]["name"])
        if found["spec"].get("replicas", 1) != spec.replicas:
            hand.own("Deployment", found, {"replicas": spec.replicas}, _COUNT, _SCALERS)
    else:
        document["spec"]["scaleTargetRef"]["name"] = found["metadata"]["name"]
        if mine is not None:
            document["metadata"]["name"] = mine["metadata"]["name"]
        hand.ensure(document, mine)
    access = _access(spec, found["spec"]["template"]["spec"])
    if access:
        hand.own("Deployment", found, {"template": {"spec": access}}, _ACCESS)


def _revision(thing: Mapping[str, Any]) -> str | None:
    marks = marks_of(thing)
    return marks.revision if marks is not None else None


def _access(spec: DeploymentSpec, pod: Mapping[str, Any]) -> dict[str, JSON]:
    """What is named and not so; what is not named stays what it is."""
    config = config_of(spec)
    found: dict[str, JSON] = {}
    if config.service_account not in (None, pod.get("serviceAccountName", "default")):
        found["serviceAccountName"] = config.service_account
    wished = pull_secrets(spec)
    if wished and wished != pod.get("imagePullSecrets"):
        found["imagePullSecrets"] = wished
    return found
