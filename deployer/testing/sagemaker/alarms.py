"""Which alarms are in ALARM: as they were set, or by their own figures."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deployer.testing.sagemaker.state import Region
    from deployer.testing.sagemaker.world import World

__all__ = ["ringing"]

_COMPARED = {
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
    "LessThanOrEqualToThreshold": lambda value, threshold: value <= threshold,
}


def ringing(world: World, region: Region, names: Sequence[str]) -> list[str]:
    """Those of the named alarms that are in ALARM.

    moto keeps the state that SetAlarmState gave, and never looks at figures; so those of the namespace AWS/SageMaker
    are looked at here, over their own period and datapoints (documented: PutMetricAlarm).
    """
    if not names:
        return []
    from deployer.testing.sagemaker import metrics

    metrics.publish(world)
    client = world.inside.client("cloudwatch", region.name, region.account)
    found = client.describe_alarms(AlarmNames=list(names)).get("MetricAlarms", [])
    return [each["AlarmName"] for each in found if each.get("StateValue") == "ALARM" or _breached(world, client, each)]


def _breached(world: World, client: Any, alarm: Any) -> bool:
    compare = _COMPARED.get(alarm.get("ComparisonOperator", ""))
    if compare is None or alarm.get("Namespace") != "AWS/SageMaker" or not alarm.get("MetricName"):
        return False
    period, periods = int(alarm["Period"]), int(alarm["EvaluationPeriods"])
    now = datetime.fromtimestamp(world.clock.now(), UTC)
    points = client.get_metric_statistics(
        Namespace=alarm["Namespace"],
        MetricName=alarm["MetricName"],
        Dimensions=alarm.get("Dimensions", []),
        StartTime=now - timedelta(seconds=period * periods),
        EndTime=now + timedelta(seconds=1),
        Period=period,
        Statistics=[alarm["Statistic"]],
    )["Datapoints"]
    over = sum(1 for point in points if compare(point[alarm["Statistic"]], alarm["Threshold"]))
    return over >= int(alarm.get("DatapointsToAlarm") or periods)
