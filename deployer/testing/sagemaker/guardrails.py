"""What a DeploymentConfig asks for, as steps. Pure.

Documented (Developer Guide, deployment-guardrails): blue/green starts a whole new fleet, moves traffic to it all at
once, by a canary or in linear steps, watches alarms while each step bakes, and ends the old fleet after the termination
wait; rolling replaces batches.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deployer.testing.sagemaker.answers import Refusal

__all__ = ["Rollout", "Step", "rollout"]


@dataclass(frozen=True)
class Step:
    """Move so much traffic to the new fleet, then bake.

    Attributes:
        share: The new fleet's part of the traffic afterwards, 0 to 1.
        wait: Seconds to bake; alarms are watched.
        count: For rolling: how many new instances there are then.
    """

    share: float
    wait: float
    count: int = 0


@dataclass(frozen=True)
class Rollout:
    """The steps of one deployment.

    Attributes:
        rolling: Whether old instances end batch by batch.
        steps: In order; the last has the whole traffic.
        termination: Seconds that the old fleet stays after the last step; alarms are watched.
        limit: MaximumExecutionTimeoutInSeconds; infinity where it is not given.
        alarms: Names of alarms that roll it back.
        extra: Instances beside those of the old fleet, at most.
    """

    rolling: bool
    steps: tuple[Step, ...]
    termination: float
    limit: float
    alarms: tuple[str, ...]
    extra: int


def rollout(config: Mapping[str, Any] | None, count: int) -> Rollout:
    """The steps that a DeploymentConfig means for a fleet of so many instances.

    Raises:
        Refusal: It asks for both kinds, or for a size out of its range (documented ranges; the wording is guessed).
    """
    config = config or {}
    blue, roll = config.get("BlueGreenUpdatePolicy"), config.get("RollingUpdatePolicy")
    alarms = tuple(each["AlarmName"] for each in (config.get("AutoRollbackConfiguration") or {}).get("Alarms") or [])
    if blue and roll:
        raise Refusal(
            "ValidationException", "Only one of BlueGreenUpdatePolicy and RollingUpdatePolicy can be specified."
        )
    limit = float((blue or roll or {}).get("MaximumExecutionTimeoutInSeconds") or math.inf)
    if roll:
        batch = _size(roll["MaximumBatchSize"], count, "MaximumBatchSize", 5, 50)
        wait = float(roll["WaitIntervalInSeconds"])
        marks = [*range(batch, count, batch), count]
        steps = tuple(Step(mark / count, wait, mark) for mark in marks)
        return Rollout(True, steps, 0.0, limit, alarms, batch)
    routing = (blue or {}).get("TrafficRoutingConfiguration") or {"Type": "ALL_AT_ONCE"}
    wait = float(routing.get("WaitIntervalInSeconds") or 0)
    shares = [1.0]
    if routing["Type"] == "CANARY":
        shares = [_size(_needed(routing, "CanarySize"), count, "CanarySize", 1, 50) / count, 1.0]
    elif routing["Type"] == "LINEAR":
        step = _size(_needed(routing, "LinearStepSize"), count, "LinearStepSize", 10, 50)
        shares = [*(mark / count for mark in range(step, count, step)), 1.0]
    # That the last step bakes for the termination wait alone is guessed.
    steps = tuple(Step(share, wait if share < 1 else 0.0) for share in shares)
    return Rollout(False, steps, float((blue or {}).get("TerminationWaitInSeconds") or 0), limit, alarms, count)


def _needed(routing: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    size: Mapping[str, Any] | None = routing.get(name)
    if size is None:
        raise Refusal("ValidationException", f"{name} must be specified for traffic routing type {routing['Type']}.")
    return size


def _size(size: Mapping[str, Any], count: int, name: str, low: int, high: int) -> int:
    """A CapacitySize in instances, at least one.

    A percentage is rounded up (guessed); a count is held to the same range, and one instance is always enough.
    """
    value = int(size["Value"])
    percent = value if size["Type"] == "CAPACITY_PERCENT" else 100 * value / count
    if not (percent <= high or (value == 1 and size["Type"] == "INSTANCE_COUNT")) or (
        size["Type"] == "CAPACITY_PERCENT" and percent < low
    ):
        raise Refusal("ValidationException", f"{name} must be between {low}% and {high}% of the variant's instances.")
    return max(1, math.ceil(count * percent / 100)) if size["Type"] == "CAPACITY_PERCENT" else value
