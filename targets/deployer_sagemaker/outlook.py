"""What a change costs at SageMaker, before it is made: updates, instances at the peak, the quota, minutes. Pure.

AWS tells no durations. The minutes are a guess from what people report (an endpoint takes 3 to 10 minutes, one with
GPUs longer), beside what the guardrails themselves say that they wait.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from deployer.spec import DeploymentSpec
from deployer_sagemaker.config import SageMakerConfig
from deployer_sagemaker.configs import first_count, instance_type, serverless_memory
from deployer_sagemaker.sizes import size_of
from deployer_sagemaker.wishes import Guardrails

__all__ = ["Fleet", "Outlook", "outlook_of", "waits_of"]

_PROVISION = (3.0, 10.0)
_WITH_GPU = (5.0, 15.0)
_SERVERLESS = (1.0, 5.0)


@dataclass(frozen=True)
class Fleet:
    """What serves now: so many of a type; "" for a serverless endpoint."""

    type: str
    count: int


@dataclass(frozen=True)
class Outlook:
    """What a release is going to take.

    Attributes:
        size: What it runs on, for people: ``ml.m5.large (2 vCPU, 8Gi)``.
        updates: How many times AWS makes or replaces a fleet of the endpoint.
        verifies: Whether an endpoint of one instance is made beside it, to verify.
        peak: Instance type -> how many of it there are at most at once.
        minutes: Least and most to expect.
        new: Whether nothing serves yet.
    """

    size: str
    updates: int
    verifies: bool
    peak: Mapping[str, int] = field(default_factory=dict)
    minutes: tuple[float, float] = _PROVISION
    new: bool = False

    @property
    def quotas(self) -> dict[str, int]:
        """The name of each quota, as Service Quotas has it -> how much of it there must be, for this endpoint alone."""
        return {f"{kind} for endpoint usage": count for kind, count in sorted(self.peak.items())}

    def lines(self) -> tuple[tuple[str, str], ...]:
        """For people, in a plan: each as (one word, sentence)."""
        least, most = (math.ceil(each) for each in self.minutes)
        peaks = [("quota", f"{count} of {name}, at the peak") for name, count in self.quotas.items()]
        return (
            ("runs on", self.size),
            ("fleet", self._fleet()),
            *peaks,
            ("takes", f"about {least} to {most} minutes" if most > least else f"about {most} minutes"),
        )

    def _fleet(self) -> str:
        if self.new:
            return "made once"
        counted = {1: "once", 2: "twice"}.get(self.updates, f"{self.updates} times")
        beside = "one instance" if self.peak else "an endpoint"
        verified = f", after the revision was verified on {beside} of its own" if self.verifies else ""
        return f"replaced {counted}{verified}"


def outlook_of(
    spec: DeploymentSpec, config: SageMakerConfig, serving: Fleet | None = None, platform: str = "linux/amd64"
) -> Outlook:
    """Of a new revision.

    Args:
        spec: The wish.
        config: Its own, read.
        serving: What serves now; None: the endpoint is new, and is verified before anybody knows of it.
        platform: What images are for, where the spec does not say.

    Raises:
        SpecError: No instance type fits.
    """
    kind = instance_type(spec, config, platform)
    count = first_count(spec, serving.count if serving is not None else 0)
    verifies = serving is not None and config.verify == "endpoint"
    twice = serving is not None and config.verify == "variant"
    one = _minutes(kind)
    waits = waits_of(config.guardrails, count) / 60 if serving is not None and not twice else 0.0
    rounds = 1 + verifies + twice
    return Outlook(
        size=_size(spec, config, kind),
        updates=2 if twice else 1,
        verifies=verifies,
        peak=_peak(config, kind, count, serving),
        minutes=(one[0] * rounds + waits, one[1] * rounds + waits),
        new=serving is None,
    )


def _size(spec: DeploymentSpec, config: SageMakerConfig, kind: str | None) -> str:
    if kind is None:
        return f"no instances (serverless, {serverless_memory(spec, config) // 1024}Gi)"
    known = size_of(kind)
    return str(known) if known is not None else f"{kind} (whose size is not known here)"


def _minutes(kind: str | None) -> tuple[float, float]:
    if kind is None:
        return _SERVERLESS
    known = size_of(kind)
    return _WITH_GPU if known is not None and known.gpus else _PROVISION


def _peak(config: SageMakerConfig, kind: str | None, count: int, serving: Fleet | None) -> dict[str, int]:
    """Old fleet and new one, as long as both are there; and what verifies, which is still ending then."""
    found: Counter[str] = Counter()
    old = serving if serving is not None and serving.type else None
    if kind is not None:
        found[kind] += count
    if old is None or serving is None:
        return dict(found)
    if config.verify == "variant" and kind is not None:
        # AWS makes the old revision's fleet anew beside the new revision's, and only then ends the old fleet.
        found[old.type] += 2 * old.count
        return dict(found)
    rolling = config.guardrails.kind == "rolling" and kind is not None
    if rolling and kind is not None:
        word, number = config.guardrails.amount
        batch = number if word == "INSTANCE_COUNT" else math.ceil(count * number / 100)
        found = Counter({kind: min(count, batch)})
    found[old.type] += old.count
    if rolling and kind is not None and old.type != kind:
        found[kind] = max(found[kind], count)
    if config.verify == "endpoint" and kind is not None:
        found[kind] += 1
    return dict(found)


def waits_of(wish: Guardrails, count: int) -> float:
    """Seconds that the guardrails wait by themselves."""
    word, number = wish.amount
    if wish.kind == "all-at-once":
        steps = 1
    elif wish.kind == "canary":
        steps = 2
    else:
        part = number / 100 if word == "CAPACITY_PERCENT" else min(1.0, number / max(1, count))
        steps = math.ceil(1 / part) if part else 1
    return steps * wish.wait + wish.termination_wait
