"""From a spec and a release to an InferenceService, with the very pods that a Deployment would have. Pure.

KServe's Standard mode (RawDeployment before 0.16) hands labels and annotations of an InferenceService on to the
Deployment, the pods, the Service and the autoscaler that it makes, so that all of them carry our marks
(pkg/controller/v1beta1/inferenceservice/components/predictor.go of KServe 0.17).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from deployer.endpoint import Release
from deployer.errors import SpecError
from deployer.spec import DeploymentSpec, ReplicaRange
from deployer.value import JSON
from deployer_kubernetes.adoption.adopted import CONTAINER
from deployer_kubernetes.kserve.wish import AUTOSCALER, KIND, MODE, SERVED_LOCALLY
from deployer_kubernetes.marks import Marks, Role
from deployer_kubernetes.patching import patched
from deployer_kubernetes.requests import CPU_SHARE, base_object, config_of, deployment_name, unpatched_deployment

__all__ = ["SCALED", "SERVER", "STANDARD", "inference_service", "scaling"]

STANDARD = "Standard"
SCALED = ("minReplicas", "maxReplicas", "scaleMetric", "scaleTarget")
"""Fields of a predictor that say how many replicas it has, and nothing of what they are."""
SERVER = "kserve-container"
"""What KServe calls the container of a predictor's server, and looks for."""


def inference_service(
    spec: DeploymentSpec, release: Release, owner: str, mode: str = STANDARD, least: int | None = None
) -> dict[str, JSON]:
    """A revision, as KServe is told of it.

    Args:
        spec: The wish.
        release: The revision.
        owner: Whose it is.
        mode: What this KServe calls the mode without Knative: ``Standard`` or ``RawDeployment``.
        least: How many replicas it has at least; by default as many as the spec says.

    Raises:
        SpecError: It has no image, or a patch does not hold.
    """
    plain: dict[str, Any] = unpatched_deployment(spec, release, owner)
    name = deployment_name(spec.name, release.revision)
    found = base_object("inferenceservice", name, Marks(owner, spec.name, Role.SERVER, release.revision), spec)
    found["metadata"]["labels"] |= SERVED_LOCALLY
    found["metadata"]["annotations"] = {
        **plain["metadata"]["annotations"],
        CONTAINER: SERVER,
        MODE: mode,
        AUTOSCALER: "hpa" if isinstance(spec.replicas, ReplicaRange) else "none",
    }
    pod: dict[str, Any] = plain["spec"]["template"]["spec"]
    server = pod["containers"][0]
    server["name"] = SERVER
    _limit(server["resources"])
    predictor = found["spec"]["predictor"]
    own = config_of(spec).annotations
    found["spec"]["predictor"] = {
        **scaling(spec, least),
        **predictor,
        **({"annotations": dict(own)} if own else {}),
        **pod,
    }
    made = patched(found, config_of(spec).patches)
    for field in _others(made, found):
        raise SpecError(
            f"{field} is not what an endpoint's revision is made of, or follows from the rest of the spec",
            where=f"config.patches.{KIND}", hint="leave it out of config.patches",
        )  # fmt: skip
    return made


def scaling(spec: DeploymentSpec, least: int | None = None) -> dict[str, JSON]:
    """How many replicas KServe is to keep, and by what share of the CPU or memory asked for, in percent.

    Args:
        spec: The wish.
        least: As `inference_service` is given it.
    """
    wish = spec.replicas
    if not isinstance(wish, ReplicaRange):
        return {"minReplicas": wish, "maxReplicas": wish}
    share = round(wish.value) if wish.value else CPU_SHARE
    counts: dict[str, JSON] = {"minReplicas": wish.min if least is None else least, "maxReplicas": wish.max}
    return {**counts, "scaleMetric": wish.metric or "cpu", "scaleTarget": share}


def _limit(resources: dict[str, JSON]) -> None:
    """Where CPU is asked for it is a limit, too.

    KServe sets one of its own where there is none (by default a core), and what asks for more than that is refused.
    """
    if "cpu" in (resources.get("requests") or {}):
        resources["limits"] = {**(resources.get("limits") or {}), "cpu": resources["requests"]["cpu"]}


_STRANGE = frozenset(
    {
        "autoScaling", "batcher", "canaryTrafficPercent", "containerConcurrency", "logger", "scaleMetricType",
        "storageUris", "workerSpec", "model", "huggingface", "lightgbm", "onnx", "paddle", "pmml", "pytorch",
        "sklearn", "tensorflow", "triton", "xgboost",
    }
)  # fmt: skip
"""Fields of a predictor that KServe would make another thing of than these pods, or share requests by."""


def _others(made: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"spec.{each}" for each in sorted(set(made["spec"]) - {"predictor"}))
    before, after = found["spec"]["predictor"], made["spec"]["predictor"]
    yield from (f"spec.predictor.{each}" for each in sorted(set(after) & _STRANGE))
    yield from (f"spec.predictor.{each}" for each in (*SCALED, "labels") if after.get(each) != before.get(each))
    for each in (MODE, AUTOSCALER, CONTAINER):
        if (made["metadata"].get("annotations") or {}).get(each) != found["metadata"]["annotations"][each]:
            yield f"metadata.annotations.{each}"
    if after["containers"][0]["name"] != SERVER:
        yield "spec.predictor.containers[0].name"
