"""Makes a revision's InferenceService, or brings it to what is wished; its Deployment is KServe's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from deployer.endpoint import Release
from deployer.spec import DeploymentSpec, ReplicaRange
from deployer.value import JSON
from deployer_kubernetes.client import Cluster
from deployer_kubernetes.kserve.finding import mode_of, spelling
from deployer_kubernetes.kserve.objects import SCALED, SERVER, inference_service, scaling
from deployer_kubernetes.kserve.survey import inference_services
from deployer_kubernetes.kserve.wish import AUTOSCALER, KIND, by_kserve
from deployer_kubernetes.marks import marks_of
from deployer_kubernetes.requests import deployment_name
from deployer_kubernetes.writing import Hand

__all__ = ["settle_counts", "stage_inference"]


def stage_inference(
    cluster: Cluster,
    hand: Hand,
    wish: tuple[DeploymentSpec, Release, str],
    shape: tuple[str, str],
    first: int | None = None,
) -> None:
    """Have it be there as it is wished.

    Args:
        cluster: The namespace.
        hand: Writes the endpoint's objects.
        wish: What is wished, the revision, and whose it is.
        shape: The annotation that tells what of the endpoint it carries, and what that is.
        first: How many replicas one that has no traffic yet has at least, where an autoscaler is to have their number.

    Raises:
        TargetUnavailable: One of this name is on its way out; transient.
    """
    spec, release, _ = wish
    found = hand.find(KIND, deployment_name(spec.name, release.revision))
    if found is not None and found["metadata"].get("deletionTimestamp"):
        hand.overtaken(KIND, found["metadata"]["name"])
    mode = (mode_of(found) if found is not None else None) or spelling(cluster)
    wished: dict[str, Any] = inference_service(*wish, mode, first if isinstance(spec.replicas, ReplicaRange) else None)
    wished["metadata"]["annotations"] |= dict([shape])
    if found is None or not _runs(found, wished, shape[0]):
        hand.ensure(wished, found)
    else:
        _scale(hand, found, {each: wished["spec"]["predictor"].get(each) for each in SCALED})


def _runs(found: Mapping[str, Any], wished: Mapping[str, Any], shape: str) -> bool:
    """Whether all but its counts is as it is wished; a newer deployer, whose pods differ, restarts nothing."""

    def told(thing: Mapping[str, Any]) -> list[str | None]:
        notes = thing["metadata"].get("annotations") or {}
        containers: list[JSON] = thing["spec"]["predictor"]["containers"]
        image = next((each["image"] for each in containers if each["name"] == SERVER), None)
        return [notes.get(shape), notes.get(AUTOSCALER), image]

    return told(found) == told(wished)


def settle_counts(cluster: Cluster, hand: Hand, spec: DeploymentSpec, served: Iterable[str]) -> None:
    """Let revisions that have got their traffic have as few replicas as the spec says.

    Args:
        cluster: The namespace.
        hand: Writes the endpoint's objects.
        spec: The wish.
        served: The revisions.
    """
    if not by_kserve(spec) or not isinstance(spec.replicas, ReplicaRange):
        return
    names = frozenset(served)
    for each in inference_services(cluster, spec.name):
        marks = marks_of(each)
        if marks is not None and marks.revision in names and not each["metadata"].get("deletionTimestamp"):
            _scale(hand, each, scaling(spec))


def _scale(hand: Hand, found: Mapping[str, Any], wished: Mapping[str, JSON]) -> None:
    """Have KServe keep so many replicas, and change nothing else of it.

    By a JSON patch: in KServe's minimal definitions a spec is one value, of which no part can be applied.
    """
    now = found["spec"]["predictor"]
    changes: list[Mapping[str, JSON]] = [
        {"op": "add", "path": f"/spec/predictor/{field}", "value": value}
        for field, value in wished.items()
        if value is not None and now.get(field) != value
    ]
    if changes:
        same: Mapping[str, JSON] = {"op": "test", "path": "/metadata/uid", "value": found["metadata"]["uid"]}
        hand.change(KIND, found["metadata"]["name"], [same, *changes])
