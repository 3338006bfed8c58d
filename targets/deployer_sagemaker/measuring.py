"""Figures of a revision, from CloudWatch: in whole minutes, which it tells about a minute late."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from deployer.target import Figures
from deployer_sagemaker.client import Aws, told
from deployer_sagemaker.facts import SERVING, EndpointFact, Facts
from deployer_sagemaker.sizes import size_of

__all__ = ["PERIOD", "Metrics", "Span", "figures_of", "span_of"]

PERIOD = 60
"""Seconds: the finest step in which SageMaker writes them."""
DELAY = 120.0
"""Seconds after which a minute is told for certain (told nowhere by AWS; people see one to two minutes)."""
_SERVICE, _MACHINES = "AWS/SageMaker", "/aws/sagemaker/Endpoints"
_QUERIES: tuple[tuple[str, str, str, str], ...] = (
    ("requests", _SERVICE, "Invocations", "Sum"),
    ("errors", _SERVICE, "Invocation5XXErrors", "Sum"),
    ("mean", _SERVICE, "ModelLatency", "Average"),
    ("p50", _SERVICE, "ModelLatency", "p50"),
    ("p95", _SERVICE, "ModelLatency", "p95"),
    ("p99", _SERVICE, "ModelLatency", "p99"),
    ("overhead", _SERVICE, "OverheadLatency", "Average"),
    ("cpu", _MACHINES, "CPUUtilization", "Average"),
    ("memory", _MACHINES, "MemoryUtilization", "Average"),
)
_MICRO = 1e-6


@dataclass(frozen=True)
class Span:
    """What is counted.

    Attributes:
        endpoint: The one that the revision runs on.
        variant: Its own.
        since: Seconds since the epoch, of a whole minute.
        until: The same.
        instances: How many it has.
        type: What they are; "" where that is not known, or where there are none.
    """

    endpoint: str
    variant: str
    since: float
    until: float
    instances: int = 0
    type: str = ""


def span_of(facts: Facts, revision: str, now: float, window: float) -> Span | None:
    """Where and since when a revision alone is counted; None when it does not serve."""
    for each in (facts.main, facts.verify):
        if each is None or each.status not in SERVING:
            continue
        runs = facts.run_by(each.config)
        variant = next((name for name, runner in runs.items() if runner == revision), None)
        if variant is None:
            continue
        config = facts.config(each.config)
        told_of = next((one for one in each.variants if one.name == variant), None)
        # A minute in which another one served before it is another's in part; a new endpoint's first is all its own.
        begun = _begun(facts, each)
        first = (math.ceil if begun > each.created else math.floor)(begun / PERIOD) * PERIOD
        since = max(first, math.floor((now - window) / PERIOD) * PERIOD)
        until = math.ceil(now / PERIOD) * PERIOD
        kind = config.types[0] if config is not None and config.types else ""
        count = told_of.ready if told_of is not None else 0
        return Span(each.name, variant, min(since, until - PERIOD), until, count, kind)
    return None


def _begun(facts: Facts, endpoint: EndpointFact) -> float:
    """Since when its configuration serves, as far as that can be told."""
    config = facts.config(endpoint.config)
    made = config.created if config is not None else 0.0
    asked = endpoint.marks.asked if endpoint.marks is not None else None
    return max(endpoint.created, made, asked.before if asked is not None and asked.config == endpoint.config else 0.0)


class Metrics:
    """Asks CloudWatch.

    Args:
        aws: The connection.
    """

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    def figures(self, facts: Facts, revision: str, window: float) -> Figures | None:
        """As `deployer.target.Measured.measure`."""
        now = self._aws.now()
        span = span_of(facts, revision, now, window)
        if span is None:
            return None
        request = {
            "MetricDataQueries": [_query(*each, span) for each in _QUERIES],
            "StartTime": datetime.fromtimestamp(span.since, UTC),
            "EndTime": datetime.fromtimestamp(span.until, UTC),
        }
        with told("read figures", span.endpoint):
            found = [*self._aws.all("cloudwatch", "GetMetricData", "MetricDataResults", request)]
        values: dict[str, list[tuple[float, float]]] = {}
        for each in found:
            points = zip(each["Timestamps"], each["Values"], strict=True)
            values.setdefault(str(each["Id"]), []).extend((at.timestamp(), float(value)) for at, value in points)
        return figures_of(values, span, now)


def _query(name: str, namespace: str, metric: str, statistic: str, span: Span) -> dict[str, Any]:
    dimensions = [
        {"Name": "EndpointName", "Value": span.endpoint}, {"Name": "VariantName", "Value": span.variant},
    ]  # fmt: skip
    about = {"Namespace": namespace, "MetricName": metric, "Dimensions": dimensions}
    return {"Id": name, "MetricStat": {"Metric": about, "Period": PERIOD, "Stat": statistic}}


def figures_of(values: Mapping[str, Sequence[tuple[float, float]]], span: Span, now: float) -> Figures:
    """From what CloudWatch has of each minute, each as (the minute, its value), by the query's name.

    The mean is exact. Of percentiles of minutes none of all of them follows, so that the largest is told: the whole's
    is not above it.
    """
    counts = dict(values.get("requests") or ())
    requests = round(sum(counts.values()))
    latency: dict[str, float] = {}
    if requests:
        overhead = _weighed(values.get("overhead") or (), counts) or 0.0
        mean = _weighed(values.get("mean") or (), counts)
        if mean is not None:
            latency["mean"] = (mean + overhead) * _MICRO
        for name in ("p50", "p95", "p99"):
            if values.get(name):
                latency[name] = (max(value for _, value in values[name]) + overhead) * _MICRO
    size = size_of(span.type)
    memory, cpu = (_newest(values.get(name) or ()) for name in ("memory", "cpu"))
    whole = size.memory * span.instances if size is not None else None
    return Figures(
        requests=requests,
        errors=round(sum(value for _, value in values.get("errors") or ())),
        latency=latency,
        window=max(0.0, now - span.since),
        until=now,
        resolution=float(PERIOD),
        delay=DELAY,
        memory=round(memory / 100 * whole) if memory is not None and whole is not None else None,
        cpu=cpu / 100 * span.instances if cpu is not None else None,
    )


def _weighed(points: Sequence[tuple[float, float]], counts: Mapping[float, float]) -> float | None:
    """The mean of minutes' means, by their requests."""
    whole = sum(counts.get(at, 0.0) for at, _ in points)
    return sum(value * counts.get(at, 0.0) for at, value in points) / whole if whole else None


def _newest(points: Sequence[tuple[float, float]]) -> float | None:
    return max(points)[1] if points else None
