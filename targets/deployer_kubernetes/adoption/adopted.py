"""A Deployment that somebody else made and deployer took over: how its pods and its Service are found. Pure.

Its selector, its template and so its pods stay as they were made, without our labels; they are known by what their
Deployment says. So is its Service, whose selector stays what it was for as long as it leads there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from deployer.target.container import read_paths
from deployer.value import JSON
from deployer_kubernetes.marks import PREFIX, REVISION, marks_of

__all__ = [
    "ADOPTED",
    "CONTAINER",
    "adopted_among",
    "container_of",
    "is_adopted",
    "is_led_to",
    "lead_to",
    "led_to_adopted",
    "owned_pods",
    "port_of",
    "selector_of",
    "with_marks",
]

ADOPTED = f"{PREFIX}adopted"
"""Annotation of such a Deployment."""
CONTAINER = f"{PREFIX}container"
"""Annotation of it: which of its containers is the server."""
ROUTES = f"{PREFIX}routes"
_HASH = "pod-template-hash"


def is_adopted(deployment: Mapping[str, Any]) -> bool:
    """Whether it is ours and was made by somebody else."""
    return marks_of(deployment) is not None and ADOPTED in (deployment["metadata"].get("annotations") or {})


def adopted_among(deployments: Iterable[Mapping[str, Any]], revision: str) -> Mapping[str, Any] | None:
    """The one that runs a revision and is not on its way out."""
    for each in deployments:
        marks = marks_of(each)
        going = each["metadata"].get("deletionTimestamp")
        if is_adopted(each) and not going and marks is not None and marks.revision == revision:
            return each
    return None


def selector_of(deployment: Mapping[str, Any]) -> str:
    """The label selector of its pods, as a query has it."""
    wanted = deployment["spec"]["selector"]
    parts = [f"{key}={value}" for key, value in sorted((wanted.get("matchLabels") or {}).items())]
    for each in wanted.get("matchExpressions") or ():
        key, among = each["key"], ",".join(each.get("values") or ())
        parts.append(
            {"In": f"{key} in ({among})", "NotIn": f"{key} notin ({among})", "Exists": key, "DoesNotExist": f"!{key}"}[
                each["operator"]
            ]
        )
    return ",".join(parts)


def owned_pods(deployment: Mapping[str, Any], pods: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those that its ReplicaSets made, which are called after it and their template's hash."""
    name = deployment["metadata"]["name"]
    return [pod for pod in pods if _maker(pod) == f"{name}-{(pod['metadata'].get('labels') or {}).get(_HASH, '')}"]


def _maker(pod: Mapping[str, Any]) -> str:
    owners = pod["metadata"].get("ownerReferences") or ()
    return next((each["name"] for each in owners if each.get("controller") and each["kind"] == "ReplicaSet"), "")


def with_marks(pod: Mapping[str, Any], deployment: Mapping[str, Any]) -> dict[str, Any]:
    """A pod as if it carried the labels that its Deployment does; the pod itself is left alone."""
    meta, whole = pod["metadata"], deployment["metadata"]
    marks = marks_of(deployment)
    told = {key: value for key, value in (whole.get("annotations") or {}).items() if key.startswith(PREFIX)}
    labels = {**(meta.get("labels") or {}), **(marks.labels() if marks is not None else {})}
    return {**pod, "metadata": {**meta, "labels": labels, "annotations": {**(meta.get("annotations") or {}), **told}}}


def container_of(pod: Mapping[str, Any], default: str) -> str:
    """Which of its containers is the server."""
    return str((pod["metadata"].get("annotations") or {}).get(CONTAINER) or default)


def is_led_to(service: Mapping[str, Any], deployment: Mapping[str, Any]) -> bool:
    """Whether a Service's selector finds the pods of a Deployment."""
    wanted = service["spec"].get("selector") or {}
    labels = deployment["spec"]["template"]["metadata"].get("labels") or {}
    return bool(wanted) and wanted.items() <= labels.items()


def led_to_adopted(service: Mapping[str, Any], deployments: Iterable[Mapping[str, Any]]) -> str | None:
    """The revision that a Service leads to by a selector that is not ours; None where ours leads, or nobody's."""
    if REVISION in (service["spec"].get("selector") or {}):
        return None
    for each in deployments:
        marks = marks_of(each)
        if marks is not None and is_adopted(each) and is_led_to(service, each):
            return marks.revision
    return None


def port_of(deployment: Mapping[str, Any]) -> int:
    """Where its server is asked, which may have no name in its template."""
    return read_paths((deployment["metadata"].get("annotations") or {}).get(ROUTES, "")).port


def lead_to(document: dict[str, Any], deployment: Mapping[str, Any], port: int) -> dict[str, JSON]:
    """The endpoint's Service as it leads to an adopted Deployment.

    Args:
        document: The Service, as `deployer_kubernetes.requests.service` has it; changed.
        deployment: Where it leads.
        port: Of its server.
    """
    spec = document["spec"]
    # Its template's labels: a selector with expressions is none that a Service has words for.
    spec["selector"] = dict(deployment["spec"]["template"]["metadata"]["labels"])
    spec["ports"] = [_numbered(each, port) for each in spec["ports"]]
    return document


def _numbered(each: Mapping[str, Any], port: int) -> dict[str, JSON]:
    return {**each, "targetPort": port} if each.get("targetPort") == "http" else dict(each)
