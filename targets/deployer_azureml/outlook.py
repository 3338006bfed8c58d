"""What a release is going to take at Azure: machines, quota, minutes, rights of the endpoint's identity. Pure.

Minutes are what people and recordings of the service see (an endpoint 1 to 3, a deployment 6 to 20); Azure promises
none.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from deployer.spec import DeploymentSpec
from deployer_azureml.config import AzureMLConfig
from deployer_azureml.requests import instance_type
from deployer_azureml.scaling import first_count, scaled
from deployer_azureml.sizes import Size, size_of
from deployer_azureml.vault import role_for

__all__ = ["Fleet", "Outlook", "outlook_of"]

_ENDPOINT = (1.0, 3.0)
_DEPLOYMENT = (6.0, 20.0)
_BUILD = (5.0, 20.0)
"""Where Azure builds the image (config.no_code)."""
_KUBERNETES = (1.0, 10.0)


@dataclass(frozen=True)
class Fleet:
    """What serves now: so many of a type; "" on a Kubernetes compute."""

    type: str
    count: int


@dataclass(frozen=True)
class Outlook:
    """What a release is going to take.

    Attributes:
        size: What it runs on, for people: ``Standard_DS3_v2 (4 vCPU, 14Gi)``.
        cores: A family as quotas name it -> cores that Azure wants at the peak: old and new, for this endpoint alone.
        reserved: Whether a fifth more than runs is in that.
        unknown: Types whose cores are not known here.
        minutes: Least and most to expect.
        roles: What the endpoint's identity needs that Azure does not give it: the role, and on what.
    """

    size: str
    cores: Mapping[str, int] = field(default_factory=dict)
    reserved: bool = False
    unknown: tuple[str, ...] = ()
    minutes: tuple[float, float] = _DEPLOYMENT
    roles: tuple[tuple[str, str], ...] = ()

    def lines(self) -> Iterator[tuple[str, str]]:
        """For people, in a plan: each as (one word, sentence)."""
        yield "runs on", self.size
        fifth = " (Azure reserves a fifth more than runs: ceil(1.2 x instances))" if self.reserved else ""
        for family, count in sorted(self.cores.items()):
            yield "quota", f"{count} cores of {family} at the peak{fifth}"
        for each in self.unknown:
            yield "quota", f"of {each}, whose cores are not known here, ceil(1.2 x instances) times its cores"
        least, most = (math.ceil(each) for each in self.minutes)
        yield "takes", f"about {least} to {most} minutes"
        for role, where in self.roles:
            yield "identity", f"the endpoint's needs {role} on {where}"


def outlook_of(spec: DeploymentSpec, config: AzureMLConfig, serving: Fleet | None = None) -> Outlook:
    """Of a new revision.

    Args:
        spec: The wish.
        config: Its own, read.
        serving: What serves now; None: the endpoint is new.

    Raises:
        SpecError: No instance type fits.
    """
    kind = instance_type(spec, config)
    wish = scaled(spec)
    count = first_count(spec, serving.count if serving is not None else 0)
    # A range may grow to its most beside the old one.
    fleets = [(kind or "", wish.max if wish is not None else count)]
    if serving is not None:
        fleets.append((serving.type, serving.count))
    cores: Counter[str] = Counter()
    unknown: list[str] = []
    sizes: list[Size] = []
    for each, instances in fleets if config.compute is None else ():
        size = size_of(each)
        if size is None:
            unknown += [each] * bool(each)
        else:
            cores[size.quota] += size.needed(instances)
            sizes.append(size)
    return Outlook(
        size=_size(config, kind),
        cores=dict(cores),
        reserved=any(each.reserve for each in sizes),
        unknown=tuple(dict.fromkeys(unknown)),
        minutes=_minutes(config, new=serving is None),
        roles=_roles(spec, config),
    )


def _size(config: AzureMLConfig, kind: str | None) -> str:
    if config.compute is not None:
        return f"the compute {config.compute}" + (f", {kind}" if kind is not None else "")
    known = size_of(kind or "")
    return str(known) if known is not None else f"{kind} (whose size is not known here)"


def _minutes(config: AzureMLConfig, *, new: bool) -> tuple[float, float]:
    parts = [_KUBERNETES if config.compute is not None else _DEPLOYMENT]
    parts += [_ENDPOINT] * new + [_BUILD] * config.no_code
    return sum(least for least, _ in parts), sum(most for _, most in parts)


def _roles(spec: DeploymentSpec, config: AzureMLConfig) -> tuple[tuple[str, str], ...]:
    """Its own identity is given AcrPull and Storage Blob Data Reader by Azure; others are not."""
    found = [role_for(secret.ref) for secret in spec.secrets.values() if secret.ref is not None]
    if config.connections:
        found = [each for each in found if each[1] != "the workspace"]
    if config.identity:
        found += [
            ("AcrPull", "the workspace's registry"),
            ("Storage Blob Data Reader", "the workspace's storage account"),
        ]
    return tuple(dict.fromkeys(found))
