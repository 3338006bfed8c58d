"""The Azure ML target: managed and Kubernetes online endpoints of an Azure Machine Learning workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deployer.target import (
    Adoptable,
    Autoscales,
    Diagnoses,
    InvokesRevision,
    Logs,
    Measured,
    Mirrors,
    Orphans,
    Preflight,
    Renderable,
    Site,
    TargetKind,
    WeightedTraffic,
)
from deployer_azureml.calling import call
from deployer_azureml.config import AzureMLConfig, AzureMLOptions
from deployer_azureml.pacing import compares, foretell, pace
from deployer_azureml.refusing import refuse

if TYPE_CHECKING:
    from deployer.target import Target

__all__ = ["kind"]


def _connect(options: AzureMLOptions, site: Site) -> Target:
    from deployer_azureml.target import AzureMLTarget

    return AzureMLTarget(options, site)


kind = TargetKind(
    name="azureml",
    summary="managed and Kubernetes online endpoints of an Azure Machine Learning workspace",
    options=AzureMLOptions,
    config=AzureMLConfig,
    capabilities=frozenset(
        {
            Adoptable,
            Autoscales,
            Diagnoses,
            InvokesRevision,
            Logs,
            Measured,
            Mirrors,
            Orphans,
            Preflight,
            Renderable,
            WeightedTraffic,
        }
    ),
    connect=_connect,
    delivers="image",
    requires=("azure.core", "azure.identity"),
    extra="azureml",
    refuse=refuse,
    pace=pace,
    compares=compares,
    outlives="its images in ACR",
    call=call,
    foretell=foretell,
)
