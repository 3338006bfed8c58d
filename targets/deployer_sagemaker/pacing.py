"""How long AWS takes, in what order a release goes there, and what a plan says of it beforehand. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from deployer.endpoint import Endpoint
from deployer.errors import SpecError
from deployer.spec import DeploymentSpec
from deployer.target import Pace
from deployer_sagemaker.config import SageMakerConfig
from deployer_sagemaker.configs import config_of, first_count
from deployer_sagemaker.outlook import Fleet, outlook_of, waits_of
from deployer_sagemaker.sizes import SERVERLESS

__all__ = ["asks_last", "compares", "foretell", "pace"]

_PROVISION = 1800.0
"""Seconds: people see endpoints with GPUs take up to half an hour until AWS has found instances."""
_MARGIN = 1800.0
"""Seconds beside that, for the end of the old fleet; AWS itself gives a change up before."""


def pace(spec: DeploymentSpec | None) -> Pace:
    """How long it may take over a spec."""
    config = config_of(spec) if spec is not None else SageMakerConfig()
    provision = max(_PROVISION, config.provision or 0.0) + config.startup
    if spec is not None and spec.image.weights == "mount":
        provision += config.download
    rails = config.guardrails
    moves = rails.deadline or provision + (waits_of(rails, first_count(spec, 1)) if spec is not None else 0.0)
    return Pace(provision=provision, settle=moves + _MARGIN)


def asks_last(spec: DeploymentSpec) -> bool:
    """Whether there is nothing to ask before the endpoint itself runs it."""
    return config_of(spec).verify == "none"


def compares(spec: DeploymentSpec) -> bool:
    """Whether an answer comes with its headers: from a queue it comes as an object in S3, which has none."""
    return config_of(spec).async_inference is None


def foretell(spec: DeploymentSpec, endpoint: Endpoint | None) -> Iterator[tuple[str, str]]:
    """What a release takes, for the plan: what it runs on, how often AWS makes a fleet, quota and minutes."""
    try:
        yield from outlook_of(spec, config_of(spec), _fleet(endpoint)).lines()
    except SpecError:  # no size fits; told by `refuse`
        return


def _fleet(endpoint: Endpoint | None) -> Fleet | None:
    """What serves now."""
    if endpoint is None or not endpoint.traffic:
        return None
    serves = endpoint.find(endpoint.traffic.served[0])
    kind = str(serves.facts.get("instance_type", "")) if serves is not None else ""
    if serves is None or kind in ("", SERVERLESS):
        return Fleet("", 0)
    return Fleet(kind.partition(",")[0], serves.wanted)
