"""The SageMaker target: endpoints as models, endpoint configurations and endpoints of Amazon SageMaker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deployer.target import (
    Adoptable,
    Autoscales,
    Diagnoses,
    InvokesRevision,
    Logs,
    Measured,
    Orphans,
    Preflight,
    Renderable,
    Site,
    TargetKind,
    WeightedTraffic,
)
from deployer_sagemaker.calling import call
from deployer_sagemaker.config import SageMakerConfig, SageMakerOptions
from deployer_sagemaker.pacing import asks_last, compares, foretell, pace
from deployer_sagemaker.refusing import refuse
from deployer_sagemaker.vault import runtime_needs

if TYPE_CHECKING:
    from deployer.target import Target

__all__ = ["kind"]


def _connect(options: SageMakerOptions, site: Site) -> Target:
    from deployer_sagemaker.target import SageMakerTarget

    return SageMakerTarget(options, site)


kind = TargetKind(
    name="sagemaker",
    summary="real-time, serverless and asynchronous endpoints of Amazon SageMaker",
    options=SageMakerOptions,
    config=SageMakerConfig,
    capabilities=frozenset(
        {
            Adoptable,
            Autoscales,
            Diagnoses,
            InvokesRevision,
            Logs,
            Measured,
            Orphans,
            Preflight,
            Renderable,
            WeightedTraffic,
        }
    ),
    connect=_connect,
    delivers="image",
    requires=("boto3",),
    extra="sagemaker",
    refuse=refuse,
    runtime_needs=runtime_needs,
    pace=pace,
    asks_last=asks_last,
    compares=compares,
    outlives="its images in ECR",
    call=call,
    foretell=foretell,
)
