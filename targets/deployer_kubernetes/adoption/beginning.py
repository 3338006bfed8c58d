"""Since when an adopted Deployment runs what it runs. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from deployer_kubernetes.reading import moment

__all__ = ["begun"]

_TURN = "deployment.kubernetes.io/revision"
"""Annotation of a Deployment and of its ReplicaSets, by which its controller tells which of them is the present one."""


def begun(deployment: Mapping[str, Any], replica_sets: Iterable[Mapping[str, Any]]) -> float | None:
    """When its present template was first run, seconds since the epoch.

    The Deployment itself may be years older: whoever made it changed its template in place. The ReplicaSet of a
    template stays when pods are replaced, and is taken again when somebody goes back to that template.

    Args:
        deployment: It.
        replica_sets: Those that its selector finds.

    Returns:
        None when its controller has not made one yet.
    """
    uid, turn = deployment["metadata"]["uid"], _turn(deployment)
    for each in replica_sets:
        owners = each["metadata"].get("ownerReferences") or ()
        if any(owner.get("uid") == uid for owner in owners) and turn and _turn(each) == turn:
            return moment(each["metadata"].get("creationTimestamp"))
    return None


def _turn(thing: Mapping[str, Any]) -> str:
    return str((thing["metadata"].get("annotations") or {}).get(_TURN, ""))
