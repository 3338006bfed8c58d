"""Whether a revision is an InferenceService, and which such wishes cannot be met. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from deployer.spec import DeploymentSpec, ReplicaRange
from deployer_kubernetes.scaling.wish import sleeps

__all__ = [
    "AUTOSCALER",
    "KIND",
    "MODE",
    "SERVED_LOCALLY",
    "STOP",
    "by_kserve",
    "made_for",
    "made_name",
    "refused_kserve",
    "says_so",
]

KIND = "InferenceService"
_GROUP = "serving.kserve.io"
MODE = f"{_GROUP}/deploymentMode"
AUTOSCALER = f"{_GROUP}/autoscalerClass"
STOP = f"{_GROUP}/stop"
"""Annotations by which KServe is told how to run one: https://kserve.github.io/website/docs/reference/crd-api."""
SERVED_LOCALLY = {"networking.kserve.io/visibility": "cluster-local"}
"""The label of one that gets neither an Ingress nor an HTTPRoute of KServe's."""
_METRICS = (None, "cpu", "memory")
"""What the autoscaler that KServe makes in this mode can follow."""
_TAKEN = {
    "STORAGE_URI": "KServe takes it for where a model lies, and would fetch that",
    "PROTOCOL": "KServe takes it for the protocol that its server speaks",
}
_MADE_BY_KSERVE = ("Deployment", "HorizontalPodAutoscaler")


def by_kserve(spec: DeploymentSpec) -> bool:
    """Whether its revisions are InferenceServices."""
    return bool(spec.config.get("kserve"))


def says_so(spec: Mapping[str, Any]) -> bool:
    """Whether a wish, or what of it makes a revision, as it was recorded, is for InferenceServices."""
    config = spec.get("config")
    return isinstance(config, Mapping) and bool(config.get("kserve"))


def made_name(name: str) -> str:
    """The Deployment, the Service and the autoscaler that KServe makes for an InferenceService."""
    return f"{name}-predictor"


def made_for(things: Iterable[Mapping[str, Any]]) -> bool:
    """Whether one of these objects was made by KServe for an InferenceService."""
    return any(each.get("kind") == KIND for thing in things for each in thing["metadata"].get("ownerReferences") or ())


def refused_kserve(spec: DeploymentSpec) -> Iterator[tuple[str, str]]:
    """Why its revisions cannot be InferenceServices as it is wished, each as (dotted field, sentence)."""
    patches: Mapping[str, Any] = spec.config.get("patches") or {}
    if not by_kserve(spec):
        if KIND in patches:
            yield f"config.patches.{KIND}", "there is none without config.kserve: true; patch the Deployment"
        return
    for kind in _MADE_BY_KSERVE:
        if kind in patches:
            yield f"config.patches.{kind}", f"with config.kserve it is KServe that makes it; patch the {KIND}"
    if sleeps(spec):
        yield (
            "replicas.min",
            "in the mode that config.kserve asks for KServe scales nothing to zero; give 1 or more, or leave that out",
        )
    elif isinstance(spec.replicas, ReplicaRange) and spec.replicas.metric not in _METRICS:
        yield "replicas.metric", "the autoscaler that KServe makes follows cpu or memory; give one of these"
    for name, why in _TAKEN.items():
        if name in spec.env:
            yield f"env.{name}", f"{why}; give it another name"
    for key in spec.labels:
        if key.partition("/")[0].endswith("kserve.io"):
            yield f"labels.{key}", "KServe is told by such labels what to do; leave it out"
    annotations: Mapping[str, Any] = spec.config.get("annotations") or {}
    for key in (MODE, AUTOSCALER, STOP):
        if key in annotations:
            yield f"config.annotations.{key}", "how KServe runs it follows from the rest of the spec; leave it out"
