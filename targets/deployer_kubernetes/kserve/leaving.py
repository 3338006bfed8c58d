"""Has KServe let go of what it runs for an endpoint; before all else, or it would make again what is removed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from deployer.errors import TargetUnavailable
from deployer_kubernetes.client import Cluster
from deployer_kubernetes.kserve.survey import inference_services
from deployer_kubernetes.kserve.wish import KIND, made_for
from deployer_kubernetes.marks import marks_of
from deployer_kubernetes.writing import Hand

__all__ = ["await_inference", "remove_inference"]


def remove_inference(
    cluster: Cluster, hand: Hand, endpoint: str, deployments: Iterable[Mapping[str, Any]], revision: str | None = None
) -> None:
    """Remove an endpoint's InferenceServices, or those of one revision.

    Args:
        cluster: Its namespace.
        hand: Writes its objects.
        endpoint: Which.
        deployments: Its Deployments.
        revision: Only its; None for all.
    """
    for each in inference_services(cluster, endpoint, needed=made_for(deployments)):
        marks = marks_of(each)
        if revision is None or (marks is not None and marks.revision == revision):
            hand.remove(KIND, each["metadata"]["name"])


def await_inference(cluster: Cluster, endpoint: str, deployments: Iterable[Mapping[str, Any]]) -> None:
    """Make sure that KServe has let go of them, which its controller does when it looks at them for the last time.

    Args:
        cluster: Their namespace.
        endpoint: Which.
        deployments: Its Deployments, as they were.

    Raises:
        TargetUnavailable: It has not yet; transient.
    """
    left = [each["metadata"]["name"] for each in inference_services(cluster, endpoint, needed=made_for(deployments))]
    if left:
        raise TargetUnavailable(
            f"KServe's controller has not let go of the {KIND} {left[0]}", transient=True, where=endpoint,
            hint="is it up? kubectl get pods --all-namespaces -l control-plane=kserve-controller-manager",
        )  # fmt: skip
