"""What a cluster has that can scale to zero, asked before anything is written."""

from __future__ import annotations

from collections.abc import Iterator

from deployer.spec import DeploymentSpec
from deployer_kubernetes.client import KINDS, Cluster
from deployer_kubernetes.scaling.wish import sleeps

__all__ = ["has_keda", "unmet_sleep"]

_KNATIVE = "serving.knative.dev"


def has_keda(cluster: Cluster) -> bool:
    """Whether it knows ScaledObjects.

    Raises:
        TargetUnavailable: The API server does not answer, or not to this account.
    """
    return KINDS["ScaledObject"].api in _served(cluster)


def unmet_sleep(cluster: Cluster, spec: DeploymentSpec) -> Iterator[tuple[str, str]]:
    """Why an endpoint cannot sleep in this cluster, as (dotted field, sentence).

    Raises:
        TargetUnavailable: The API server does not answer, or not to this account.
    """
    if not sleeps(spec):
        return
    served = _served(cluster)
    if KINDS["ScaledObject"].api in served:
        return
    also = ""
    if any(each.startswith(f"{_KNATIVE}/") for each in served):
        also = "; its Knative keeps revisions and traffic of its own, which an endpoint of plain Deployments has not"
    yield (
        "replicas.min",
        f"the cluster has no KEDA (https://keda.sh), which scales to zero{also}; install that, or give 1 or more",
    )


def _served(cluster: Cluster) -> frozenset[str]:
    """Groups and versions."""
    with cluster.told("tell which kinds it knows"):
        groups = cluster.ask("GET", "/apis").get("groups") or ()
    return frozenset(str(each["groupVersion"]) for group in groups for each in group.get("versions") or ())
