"""What KServe a cluster has, asked before anything is written."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from deployer.errors import DeployerError
from deployer.spec import DeploymentSpec
from deployer_kubernetes.client import KINDS, Cluster
from deployer_kubernetes.errors import Refused
from deployer_kubernetes.kserve.objects import STANDARD
from deployer_kubernetes.kserve.wish import KIND, MODE, by_kserve

__all__ = ["RAW", "has_kserve", "mode_of", "spelling", "spelling_for", "spelling_in", "unmet_kserve"]

RAW = "RawDeployment"
"""What the mode was called before KServe 0.16, which alone takes the new word."""
_SINCE = "servingRuntimeName"
"""A field of an InferenceService's status that came with the new word, in 0.16."""


def has_kserve(cluster: Cluster) -> bool:
    """Whether it knows InferenceServices.

    Raises:
        TargetUnavailable: The API server does not answer, or not to this account.
    """
    with cluster.told("tell which kinds it knows"):
        try:
            found = cluster.ask("GET", f"/apis/{KINDS[KIND].api}").get("resources") or ()
        except Refused as refused:
            if refused.status != 404:
                raise
            return False
    return any(each.get("kind") == KIND for each in found)


def unmet_kserve(cluster: Cluster, spec: DeploymentSpec) -> Iterator[tuple[str, str]]:
    """Why its revisions cannot be InferenceServices in this cluster, as (dotted field, sentence).

    Raises:
        TargetUnavailable: The API server does not answer, or not to this account.
    """
    if by_kserve(spec) and not has_kserve(cluster):
        yield (
            "config.kserve",
            f"the cluster has no KServe (https://kserve.github.io), no kind {KIND}; have it installed, or leave it out",
        )


def mode_of(thing: Mapping[str, Any]) -> str | None:
    """What the KServe that runs an InferenceService calls its mode; it refuses a change, be it of the word alone."""
    told = (thing.get("status") or {}).get("deploymentMode") or (thing["metadata"].get("annotations") or {}).get(MODE)
    return str(told) if told in (RAW, STANDARD) else None


def spelling_for(cluster: Cluster, spec: DeploymentSpec) -> str:
    """What an InferenceService of a spec is to say; the cluster is not asked where there is none."""
    return spelling(cluster) if by_kserve(spec) else STANDARD


def spelling(cluster: Cluster) -> str:
    """What the cluster's KServe calls the mode without Knative.

    It says so by the fields of its kind; where those are not told, as for a while after a kind was made known, by what
    it has noted of others in the namespace; else it is taken for a present one.
    """
    told = None
    with contextlib.suppress(Refused, DeployerError):
        told = spelling_in(cluster.ask("GET", f"/openapi/v3/apis/{KINDS[KIND].api}"))
    if told is None:
        with contextlib.suppress(Refused, DeployerError):
            told = next(filter(None, map(mode_of, cluster.all(KIND)[0])), None)
    return told or STANDARD


def spelling_in(schemas: Mapping[str, Any]) -> str | None:
    """What the kind's own schema says of it; None where it has none, as in KServe's minimal definitions."""
    for each in ((schemas.get("components") or {}).get("schemas") or {}).values():
        kinds = [known.get("kind") for known in each.get("x-kubernetes-group-version-kind") or ()]
        if KIND in kinds:
            status = ((each.get("properties") or {}).get("status") or {}).get("properties")
            return None if not status else STANDARD if _SINCE in status else RAW
    return None
