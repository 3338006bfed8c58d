"""Kinds that a cluster may know or not, since somebody has to install them first."""

from __future__ import annotations

from typing import Any

from deployer.errors import DeployerError
from deployer_kubernetes.client import KINDS, Cluster
from deployer_kubernetes.errors import Refused

__all__ = ["OPTIONAL", "all_where_known"]

OPTIONAL = ("HTTPRoute", "ScaledObject", "InferenceService")
"""Those of them that may carry our marks."""
_PASSED = (403, 404)
"""No right to it, or no such kind."""


def all_where_known(cluster: Cluster, labels: str) -> dict[str, list[Any]]:
    """By kind the objects with these labels; none of what the cluster does not know, or this account may not list.

    The API server's list of groups is asked first, so that it need not say 404 each time.

    Raises:
        TargetUnavailable: The API server does not answer.
    """
    known = _served(cluster)
    return {kind: _listed(cluster, kind, labels) if KINDS[kind].api in known else [] for kind in OPTIONAL}


def _served(cluster: Cluster) -> frozenset[str]:
    with cluster.told("tell what it serves"):
        try:
            found = cluster.ask("GET", "/apis").get("groups") or ()
        except Refused as refused:
            if refused.status in _PASSED:
                return frozenset()
            raise
    return frozenset(str(each["groupVersion"]) for group in found for each in group.get("versions") or ())


def _listed(cluster: Cluster, kind: str, labels: str) -> list[Any]:
    try:
        return cluster.all(kind, labels)[0]
    except DeployerError as error:
        if isinstance(error.__cause__, Refused) and error.__cause__.status in _PASSED:
            return []
        raise
