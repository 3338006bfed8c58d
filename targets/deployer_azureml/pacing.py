"""How long Azure takes, and what a plan says of it beforehand. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from deployer.endpoint import Endpoint
from deployer.errors import SpecError
from deployer.spec import DeploymentSpec
from deployer.target import Pace
from deployer_azureml.config import AzureMLConfig
from deployer_azureml.outlook import Fleet, outlook_of
from deployer_azureml.requests import config_of

__all__ = ["compares", "foretell", "pace"]

_PROVISION = 2400.0
"""Seconds: an endpoint is made in one to three minutes, and people wait half an hour for machines with GPUs."""
_BUILD = 1800.0
_SETTLE = 1800.0
"""Seconds: Azure itself gives an operation on an endpoint 30 minutes (recorded: x-ms-async-operation-timeout)."""


def pace(spec: DeploymentSpec | None) -> Pace:
    """How long it may take over a spec."""
    config = config_of(spec) if spec is not None else AzureMLConfig()
    provision = _PROVISION + config.startup + (_BUILD if config.no_code else 0.0)
    return Pace(provision=provision, settle=_SETTLE, adopt=_SETTLE)


def compares(spec: DeploymentSpec) -> bool:
    """Whether an answer tells that it equals the packaged model's: Azure's own server knows nothing of that."""
    return not config_of(spec).no_code


def foretell(spec: DeploymentSpec, endpoint: Endpoint | None) -> Iterator[tuple[str, str]]:
    """What a release takes, for the plan: what it runs on, quota with Azure's reserve, minutes, roles."""
    try:
        yield from outlook_of(spec, config_of(spec), _fleet(endpoint)).lines()
    except SpecError:  # no size fits; told by `refuse`
        return


def _fleet(endpoint: Endpoint | None) -> Fleet | None:
    """What serves now."""
    if endpoint is None or not endpoint.traffic:
        return None
    serving = [each for revision, _ in endpoint.traffic.items() if (each := endpoint.find(revision)) is not None]
    if not serving:
        return Fleet("", 0)
    return Fleet(str(serving[0].facts.get("instance_type", "")), serving[0].wanted)
