"""The Kubernetes target: endpoints as plain objects of a namespace, and no controller of ours in the cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deployer.target import (
    Adoptable,
    Autoscales,
    Diagnoses,
    InvokesRevision,
    KeepsSecrets,
    Logs,
    Mirrors,
    Orphans,
    Preflight,
    Renderable,
    ScalesToZero,
    Site,
    TargetKind,
    Watches,
    WeightedTraffic,
)
from deployer_kubernetes.config import KubernetesConfig, KubernetesOptions
from deployer_kubernetes.refusing import refuse

if TYPE_CHECKING:
    from deployer.target import Target

__all__ = ["kind"]


def _connect(options: KubernetesOptions, site: Site) -> Target:
    from deployer_kubernetes.target import KubernetesTarget

    return KubernetesTarget(options, site)


kind = TargetKind(
    name="kubernetes",
    summary="Deployments behind a Service, in a namespace of a Kubernetes cluster",
    options=KubernetesOptions,
    config=KubernetesConfig,
    capabilities=frozenset(
        {
            Adoptable,
            Autoscales,
            Diagnoses,
            InvokesRevision,
            KeepsSecrets,
            Logs,
            Mirrors,
            Orphans,
            Preflight,
            Renderable,
            ScalesToZero,
            Watches,
            WeightedTraffic,
        }
    ),
    connect=_connect,
    delivers="image",
    requires=("kubernetes",),
    extra="kubernetes",
    carried=frozenset(
        {
            "labels",
            "config.allow_from",
            "config.pull_login",
            "config.pull_secrets",
            "config.service_account",
        }
    ),
    refuse=refuse,
)
