"""Percentiles of GetMetricData, which moto has not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from deployer.testing.sagemaker.percentiles import answered, percentile
from deployer.testing.sagemaker.wire import Call
from tests.unit.testing.sagemaker.test_runtime import invoke

BEGUN = datetime(2026, 11, 29, 6, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("percent", "value", "between"),
    [(0, 10, 10), (50, 20, 25), (75, 30, 32.5), (90, 40, 37), (99, 40, 39.7), (100, 40, 40)],
)
def test_of_values(percent: float, value: float, between: float) -> None:
    values = [(30.0, 1.0), (10.0, 1.0), (40.0, 1.0), (20.0, 1.0)]
    assert percentile(values, percent) == value
    assert percentile(values, percent, interpolated=True) == pytest.approx(between)


def test_a_value_counts_as_often_as_it_was_written() -> None:
    assert percentile([(1.0, 98.0), (5.0, 2.0)], 98) == 1.0
    assert percentile([(1.0, 98.0), (5.0, 2.0)], 99) == 5.0
    assert percentile([(7.0, 1.0)], 50, interpolated=True) == 7.0


def _query(name: str, stat: str, metric: str = "Wait", **more: Any) -> dict[str, Any]:
    about = {"Namespace": "Mine", "MetricName": metric, "Dimensions": [{"Name": "Who", "Value": "me"}]}
    return {"Id": name, "MetricStat": {"Metric": about, "Period": 60, "Stat": stat}, **more}


def _asked(place: Any, *queries: dict[str, Any], minutes: int = 3, **more: Any) -> dict[str, list[float]]:
    until = BEGUN + timedelta(minutes=minutes)
    told = place.client("cloudwatch").get_metric_data(
        MetricDataQueries=[*queries], StartTime=BEGUN, EndTime=until, **more
    )
    return {each["Id"]: each["Values"] for each in told["MetricDataResults"]}


def _put(place: Any, minute: int, **datum: Any) -> None:
    at = BEGUN + timedelta(minutes=minute, seconds=5)
    about = {"MetricName": "Wait", "Dimensions": [{"Name": "Who", "Value": "me"}], "Timestamp": at}
    place.client("cloudwatch").put_metric_data(Namespace="Mine", MetricData=[{**about, **datum}])


def test_of_what_was_written_beside_what_moto_knows(new_place: Callable[..., Any]) -> None:
    place = new_place()
    _put(place, 0, Values=[1.0, 2.0, 3.0], Counts=[1.0, 1.0, 2.0])
    _put(place, 1, Value=7.0)
    _put(place, 9, Value=70.0)
    other = [{"Name": "Who", "Value": "you"}]
    _put(place, 1, Value=70.0, Dimensions=other)
    found = _asked(
        place, _query("a", "p50"), _query("b", "Maximum"), _query("c", "p100", ReturnData=False),
        _query("d", "p99", "Other"), ScanBy="TimestampAscending",
    )  # fmt: skip
    assert found == {"a": [2.0, 7.0], "b": [3.0, 7.0], "d": []}
    assert _asked(place, _query("a", "p99.9")) == {"a": [7.0, 3.0]}, "the newest first, as CloudWatch does by itself"


def test_what_nobody_can_tell_is_not_told(new_place: Callable[..., Any]) -> None:
    place = new_place()
    _put(place, 0, Value=-1.0)
    _put(place, 1, StatisticValues={"SampleCount": 5, "Sum": 25, "Minimum": 1, "Maximum": 9})
    _put(place, 2, StatisticValues={"SampleCount": 5, "Sum": 25, "Minimum": 5, "Maximum": 5})
    assert _asked(place, _query("a", "p90")) == {"a": [5.0]}


@pytest.mark.parametrize("stat", ["p101", "tm90", "p", "Percentile"])
def test_other_statistics_are_refused_by_name(new_place: Callable[..., Any], stat: str) -> None:
    with pytest.raises(ClientError, match=f"this double has no other: {stat}"):
        _asked(new_place(), _query("a", stat))


def test_expressions_beside_percentiles_are_refused_by_name(new_place: Callable[..., Any]) -> None:
    with pytest.raises(ClientError, match="no expressions beside percentiles"):
        _asked(new_place(), _query("a", "p50"), {"Id": "b", "Expression": "a * 2"})


@pytest.mark.parametrize(("holds", "value"), [(True, 1.0), (False, 2.0)])
def test_the_guess_both_ways(new_place: Callable[..., Any], holds: bool, value: float) -> None:
    place = new_place(guesses={"percentile-is-a-value": holds})
    _put(place, 0, Value=1.0)
    _put(place, 0, Value=3.0)
    assert _asked(place, _query("a", "p50")) == {"a": [value]}


def test_of_an_endpoint_s_own_latency(new_place: Callable[..., Any]) -> None:
    place = new_place()
    place.endpoint()
    for _ in range(3):
        invoke(place)
    about = {
        "Namespace": "AWS/SageMaker", "MetricName": "ModelLatency",
        "Dimensions": [{"Name": "EndpointName", "Value": "fraud"}, {"Name": "VariantName", "Value": "primary"}],
    }  # fmt: skip
    now = datetime.now(UTC)
    told = place.client("cloudwatch").get_metric_data(
        MetricDataQueries=[
            {"Id": stat.lower(), "MetricStat": {"Metric": about, "Period": 7200, "Stat": stat}}
            for stat in ("Minimum", "p50", "p99", "Maximum")
        ],
        StartTime=now - timedelta(hours=1), EndTime=now + timedelta(hours=1),
    )["MetricDataResults"]  # fmt: skip
    low, middle, high, most = (each["Values"][0] for each in told)
    assert 0 < low <= middle <= high == most


@pytest.mark.parametrize("protocol", ["json", "cbor"])
def test_times_are_told_as_the_protocol_has_them(new_place: Callable[..., Any], protocol: str) -> None:
    place = new_place()
    _put(place, 0, Value=7.0)
    until = BEGUN + timedelta(minutes=3)
    times = (BEGUN, until) if protocol == "cbor" else (BEGUN.timestamp(), until.timestamp())
    asked = {"MetricDataQueries": [_query("a", "p50")], "StartTime": times[0], "EndTime": times[1]}
    call = Call("cloudwatch", "GetMetricData", asked, "us-east-1", "", protocol)
    told = answered(place.double.world, call, "123456789012")
    assert told is not None
    (row,) = told["MetricDataResults"]
    assert (row["Timestamps"], row["Values"]) == ([times[0]], [7.0])
