"""GetMetricData where a percentile is asked for, which moto does not know: from the points as they were written.

Documented: CloudWatch's API reference, MetricStat and GetMetricStatistics: ``p0`` to ``p100``; a set of statistics
counts only where its one value is known (SampleCount 1, or Minimum and Maximum equal), and there is none where a value
is negative. All other statistics stay moto's.
"""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from deployer.testing.sagemaker.answers import Refusal

if TYPE_CHECKING:
    from deployer.testing.sagemaker.wire import Call
    from deployer.testing.sagemaker.world import World

__all__ = ["Points", "answered", "percentile"]

_PLAIN = frozenset({"Average", "Maximum", "Minimum", "SampleCount", "Sum"})
_PERCENTILE = re.compile(r"p(\d{1,3}(?:\.\d{1,10})?)")


@dataclass(frozen=True)
class _Point:
    """One value that was written so many times; it is not a number where it is one of several that nobody knows."""

    at: float
    value: float
    count: float
    unit: str


class Points:
    """All that was written to CloudWatch, as it was written."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[tuple[Any, ...], list[_Point]] = {}

    def add(self, account: str, region: str, namespace: str, data: Iterable[Mapping[str, Any]], now: float) -> None:
        """Note what a PutMetricData had.

        Args:
            account: Twelve digits.
            region: Where.
            namespace: ``AWS/SageMaker``.
            data: Its MetricData.
            now: Seconds since the epoch, for those that have no time.
        """
        for each in data:
            at = _moment(each.get("Timestamp"), now)
            about = _about(account, region, namespace, each["MetricName"], each.get("Dimensions") or ())
            with self._lock:
                self._known.setdefault(about, []).extend(_points(each, at))

    def values(self, about: tuple[Any, ...], since: float, until: float, unit: str | None) -> list[tuple[float, float]]:
        """A metric's values from one moment to before another, with their counts; [] where no percentile follows."""
        with self._lock:
            found = [each for each in self._known.get(about, ()) if since <= each.at < until]
        found = [each for each in found if unit in (None, each.unit)]
        known = not any(math.isnan(each.value) or each.value < 0 for each in found)
        return [(each.value, each.count) for each in found] if known else []


def _moment(told: Any, otherwise: float = 0.0) -> float:
    """Seconds since the epoch of a time, as JSON or CBOR tell it."""
    if isinstance(told, datetime):
        return told.timestamp()
    return float(told) if isinstance(told, int | float) else otherwise


def _points(datum: Mapping[str, Any], at: float) -> list[_Point]:
    unit = str(datum.get("Unit") or "None")
    if (told := datum.get("StatisticValues")) is not None:
        one = told["SampleCount"] == 1 or told["Minimum"] == told["Maximum"]
        value = float(told["Minimum"]) if one else math.nan
        return [_Point(at, value, float(told["SampleCount"]), unit)]
    if "Value" in datum:
        return [_Point(at, float(datum["Value"]), 1.0, unit)]
    values = [float(each) for each in datum.get("Values") or ()]
    counts = [float(each) for each in datum.get("Counts") or [1.0] * len(values)]
    return [_Point(at, value, count, unit) for value, count in zip(values, counts, strict=True)]


def _about(account: str, region: str, namespace: str, name: str, dimensions: Iterable[Mapping[str, str]]) -> Any:
    named = frozenset((str(each["Name"]), str(each["Value"])) for each in dimensions)
    return account, region, str(namespace), str(name), named


def percentile(values: Sequence[tuple[float, float]], percent: float, *, interpolated: bool = False) -> float:
    """A percentile of values with their counts. Pure.

    Args:
        values: One at least.
        percent: 0 to 100.
        interpolated: Between the two nearest, by their distance; else the smallest that so many are not above.
    """
    ordered = sorted(values)
    whole = sum(count for _, count in ordered)
    if interpolated:
        rank = percent / 100 * (whole - 1)
        low, high = _at(ordered, math.floor(rank)), _at(ordered, math.ceil(rank))
        return low + (high - low) * (rank - math.floor(rank))
    return _at(ordered, max(0, math.ceil(percent / 100 * whole - 1e-9) - 1))


def _at(ordered: Sequence[tuple[float, float]], rank: float) -> float:
    passed = 0.0
    for value, count in ordered:
        passed += count
        if rank < passed:
            return value
    return ordered[-1][0]


def answered(world: World, call: Call, account: str) -> dict[str, Any] | None:
    """The answer of GetMetricData; None where no percentile is asked for, so that moto has it.

    Raises:
        Refusal: There is no such statistic, or none in the double.
    """
    queries = call.parameters.get("MetricDataQueries") or []
    if call.operation != "GetMetricData" or call.protocol not in ("json", "cbor") or not isinstance(queries, list):
        return None
    asked = {str(each["Id"]): _percent(number, each) for number, each in enumerate(queries, 1)}
    if not any(percent is not None for percent in asked.values()):
        return None
    if any("Expression" in each for each in queries):
        raise Refusal("ValidationError", "This double has no expressions beside percentiles: ask for them apart.")
    rest = [each for each in queries if asked[str(each["Id"])] is None]
    found = {str(each["Id"]): each for each in _of_moto(world, call, account, rest)}
    for each in queries:
        percent = asked[str(each["Id"])]
        if percent is not None:
            found[str(each["Id"])] = _row(world, call, account, each, percent)
    shown = [found[str(each["Id"])] for each in queries if each.get("ReturnData", True)]
    for each in shown if call.protocol == "json" else ():
        each["Timestamps"] = [at.timestamp() for at in each["Timestamps"]]
    return {"MetricDataResults": shown, "Messages": []}


def _percent(number: int, query: Mapping[str, Any]) -> float | None:
    """Which percentile a query asks for; None for a statistic that moto has."""
    stat = str((query.get("MetricStat") or {}).get("Stat", "Sum"))
    if stat in _PLAIN:
        return None
    found = _PERCENTILE.fullmatch(stat)
    if found is None or float(found[1]) > 100:
        raise Refusal(
            "ValidationError",
            f"The parameter MetricDataQueries.member.{number}.MetricStat.Stat must be one of "
            f"{', '.join(sorted(_PLAIN))}, or a percentile, p0 to p100; this double has no other: {stat}",
        )
    return float(found[1])


def _of_moto(world: World, call: Call, account: str, queries: list[Any]) -> list[dict[str, Any]]:
    if not queries:
        return []
    client = world.inside.client("cloudwatch", call.region, account)
    times = {key: datetime.fromtimestamp(_moment(call.parameters[key]), UTC) for key in ("StartTime", "EndTime")}
    order = call.parameters.get("ScanBy", "TimestampDescending")
    told = client.get_metric_data(MetricDataQueries=queries, ScanBy=order, **times)
    found: list[dict[str, Any]] = told["MetricDataResults"]
    return found


def _row(world: World, call: Call, account: str, query: Mapping[str, Any], percent: float) -> dict[str, Any]:
    stat, metric = query["MetricStat"], query["MetricStat"]["Metric"]
    about = _about(account, call.region, metric["Namespace"], metric["MetricName"], metric.get("Dimensions") or ())
    since, until = (int(_moment(call.parameters[key])) for key in ("StartTime", "EndTime"))
    rows: list[tuple[datetime, float]] = []
    for begun in range(since, until, int(stat["Period"])):
        values = world.points.values(about, begun, min(until, begun + int(stat["Period"])), stat.get("Unit"))
        if values:
            value = percentile(values, percent, interpolated=not world.guesses["percentile-is-a-value"])
            rows.append((datetime.fromtimestamp(begun, UTC), value))
    rows.sort(reverse=call.parameters.get("ScanBy") != "TimestampAscending")
    return {
        "Id": query["Id"],
        "Label": query.get("Label") or f"{metric['MetricName']} {stat['Stat']}",
        "Timestamps": [at for at, _ in rows],
        "Values": [value for _, value in rows],
        "StatusCode": "Complete",
    }
