"""Figures of a revision, from Azure Monitor: in whole minutes, which it tells a few minutes late.

Requests and their latency are the endpoint's metrics, of which ``deployment`` is a dimension; processor and memory are
the deployment's own ("Supported metrics for Microsoft.MachineLearningServices/workspaces/onlineEndpoints" and
".../deployments").
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from deployer.target import Figures
from deployer_azureml.client import Azure, told
from deployer_azureml.documents import seconds_of
from deployer_azureml.errors import Refused
from deployer_azureml.facts import GONE_WRONG, DeploymentFact, Facts
from deployer_azureml.sizes import size_of

__all__ = ["DELAY", "PERIOD", "Metrics", "Span", "figures_of", "points_of", "span_of"]

PERIOD = 60
"""Seconds: the finest step of these metrics (PT1M)."""
DELAY = 180.0
"""Seconds after which a minute is told for certain ("latency of platform metrics": up to three minutes)."""
_REQUESTS = "RequestsPerMinute"
_LATENCIES = {"mean": "RequestLatency", "p50": "RequestLatency_P50", "p95": "RequestLatency_P95",
              "p99": "RequestLatency_P99"}  # fmt: skip
"""Milliseconds."""
_CPU, _MEMORY = "CpuUtilizationPercentage", "CpuMemoryUtilizationPercentage"
_MILLI = 1e-3
_TIMEOUT, _LATE = 408, 504
_MOST_SERIES = "200"
"""Of a metric that is split; Azure tells ten where none is said (Metrics List: top)."""

Points = Sequence[tuple[float, float]]
"""Each a minute, seconds since the epoch, and its value."""


@dataclass(frozen=True)
class Span:
    """What is counted.

    Attributes:
        deployment: Whose requests.
        since: Seconds since the epoch, of a whole minute.
        until: The same.
        instances: How many it has.
        type: What they are; "" where that is not known.
    """

    deployment: str
    since: float
    until: float
    instances: int = 0
    type: str = ""


@dataclass(frozen=True)
class Counted:
    """What Azure Monitor told.

    Attributes:
        statuses: The status that a container answered with -> its minutes. Azure's own answers count by their status.
        latency: ``mean``, ``p50`` ... -> milliseconds of each minute.
        cpu: Percent of an instance, of each minute.
        memory: The same.
    """

    statuses: Mapping[int, Points] = field(default_factory=dict)
    latency: Mapping[str, Points] = field(default_factory=dict)
    cpu: Points = ()
    memory: Points = ()


def span_of(facts: Facts, revision: str, now: float, window: float) -> Span | None:
    """Where and since when a revision is counted; None when it does not run."""
    found = facts.find(revision)
    if found is None or found.state == "Deleting" or (found.state in GONE_WRONG and not facts.share(found)):
        return None
    # A deployment is one revision from its first minute to its last.
    first = math.floor(found.created / PERIOD) * PERIOD if found.created else 0
    since = max(first, math.floor((now - window) / PERIOD) * PERIOD)
    until = math.ceil(now / PERIOD) * PERIOD
    return Span(found.name, min(since, until - PERIOD), until, found.count, found.instance_type)


class Metrics:
    """Asks Azure Monitor.

    Args:
        azure: The connection.
    """

    def __init__(self, azure: Azure) -> None:
        self._azure = azure

    def figures(self, facts: Facts, revision: str, window: float) -> Figures | None:
        """As `deployer.target.Measured.measure`."""
        now = self._azure.now()
        span, found, main = span_of(facts, revision, now, window), facts.find(revision), facts.main
        if span is None or found is None or main is None:
            return None
        with told(f"read figures of {facts.name}", facts.name):
            return figures_of(self._counted(main.id, found, span), span, now)

    def _counted(self, endpoint: str, deployment: DeploymentFact, span: Span) -> Counted:
        only = f"deployment eq '{span.deployment}'"
        requests = self._ask(endpoint, (_REQUESTS,), span, f"{only} and statusCode eq '*' and modelStatusCode eq '*'")
        latency = self._ask(endpoint, (*_LATENCIES.values(),), span, only)
        statuses: dict[int, list[tuple[float, float]]] = {}
        for dimensions, points in points_of(requests, _REQUESTS):
            statuses.setdefault(_status(dimensions), []).extend(points)
        machines = self._machines(deployment.id, span)
        return Counted(
            statuses=statuses,
            latency={word: _all(points_of(latency, metric)) for word, metric in _LATENCIES.items()},
            cpu=_all(points_of(machines, _CPU)),
            memory=_all(points_of(machines, _MEMORY)),
        )

    def _machines(self, deployment: str, span: Span) -> Any:
        """Those of the machines; nothing on a Kubernetes compute, whose machines are not Azure's to tell of."""
        try:
            return self._ask(deployment, (_CPU, _MEMORY), span, "")
        except Refused as refused:
            if refused.status in (400, 404):
                return {}
            raise

    def _ask(self, resource: str, metrics: Sequence[str], span: Span, split: str) -> Any:
        query = {
            "metricnames": ",".join(metrics),
            "timespan": f"{_stamp(span.since)}/{_stamp(span.until)}",
            "interval": "PT1M",
            "aggregation": "Average",
            **({"$filter": split, "top": _MOST_SERIES} if split else {}),
        }
        return self._azure.ask("GET", f"{resource}/providers/Microsoft.Insights/metrics?{urlencode(query)}") or {}


def _stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _status(dimensions: Mapping[str, str]) -> int:
    """The container's own status where it answered (Azure then says 424), else Azure's; no answer in time is a 504."""
    own, azures = (dimensions.get(name, "") for name in ("modelstatuscode", "statuscode"))
    if own.isdigit() and int(own):
        return int(own)
    status = int(azures) if azures.isdigit() else 0
    return _LATE if status == _TIMEOUT else status


def points_of(answer: Any, metric: str) -> list[tuple[dict[str, str], list[tuple[float, float]]]]:
    """The series of a metric in an answer, each as (its dimensions, by names in lower case; its minutes)."""
    found = []
    for each in (answer or {}).get("value") or ():
        if str((each.get("name") or {}).get("value")).lower() != metric.lower():
            continue
        for series in each.get("timeseries") or ():
            names = {
                str(one["name"]["value"]).lower(): str(one.get("value") or "")
                for one in series.get("metadatavalues") or ()
            }
            points = [
                (seconds_of(point.get("timeStamp")), float(point["average"]))
                for point in series.get("data") or ()
                if point.get("average") is not None
            ]
            found.append((names, points))
    return found


def _all(series: Sequence[tuple[dict[str, str], list[tuple[float, float]]]]) -> list[tuple[float, float]]:
    return [point for _, points in series for point in points]


def figures_of(counted: Counted, span: Span, now: float) -> Figures:
    """From what Azure Monitor has of each minute.

    The mean is exact. Of percentiles of minutes none of all of them follows, so that the largest is told: the whole's
    is not above it.
    """
    by_minute: dict[float, float] = {}
    for points in counted.statuses.values():
        for at, value in points:
            by_minute[at] = by_minute.get(at, 0.0) + value
    requests = round(sum(by_minute.values()))
    errors = sum(
        value for status, points in counted.statuses.items() if status >= 500 or not status for _, value in points
    )
    latency: dict[str, float] = {}
    if requests:
        mean = _weighed(counted.latency.get("mean") or (), by_minute)
        if mean is not None:
            latency["mean"] = mean * _MILLI
        for word in ("p50", "p95", "p99"):
            if values := [value for at, value in counted.latency.get(word) or () if by_minute.get(at)]:
                latency[word] = max(values) * _MILLI
    size = size_of(span.type) if span.type else None
    cpu, memory = _newest(counted.cpu), _newest(counted.memory)
    return Figures(
        requests=requests,
        errors=round(errors),
        latency=latency,
        window=max(0.0, now - span.since),
        until=now,
        resolution=float(PERIOD),
        delay=DELAY,
        memory=round(memory / 100 * size.memory * span.instances) if memory is not None and size is not None else None,
        cpu=cpu / 100 * size.cores * span.instances if cpu is not None and size is not None else None,
    )


def _weighed(points: Points, counts: Mapping[float, float]) -> float | None:
    """The mean of minutes' means, by their requests."""
    whole = sum(counts.get(at, 0.0) for at, _ in points)
    return sum(value * counts.get(at, 0.0) for at, value in points) / whole if whole else None


def _newest(points: Points) -> float | None:
    return max(points)[1] if points else None
