"""Azure Monitor: metrics of endpoints and deployments, and autoscale settings of deployments.

Documented: Supported metrics for Microsoft.MachineLearningServices/workspaces/onlineEndpoints and .../deployments;
Monitor REST API, Metrics List and Autoscale Settings.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from deployer.testing.azureml.answers import Answer, Refusal, told
from deployer.testing.azureml.periods import seconds

if TYPE_CHECKING:
    from deployer.testing.azureml.figures import Scored
    from deployer.testing.azureml.wire import Asked
    from deployer.testing.azureml.world import World

__all__ = ["NAMES", "delete", "get", "listed", "metrics", "put"]

NAMES = ("RequestsPerMinute", "RequestLatency", *(f"RequestLatency_P{each}" for each in (50, 90, 95, 99)))
"""Of an endpoint; of a deployment there is DeploymentCapacity. Those of machines are not here."""

_SCOPE = re.compile(r".*/onlineEndpoints/(?P<endpoint>[^/]+)(?:/deployments/(?P<deployment>[^/]+))?", re.IGNORECASE)
_EQUALS = re.compile(r"(\w+) eq '([^']*)'")
_AGGREGATIONS = ("average", "total", "count", "minimum", "maximum")


def metrics(world: World, asked: Asked) -> Answer:
    """GET metrics: metricnames, timespan, interval, aggregation, $filter with ``deployment`` and ``statusCode``."""
    query, found = asked.call.query, _SCOPE.fullmatch(asked.names["scope"])
    if found is None or (about := world.endpoint(found["endpoint"])) is None:
        raise Refusal(404, "ResourceNotFound", f"The Resource {asked.names['scope']} was not found.")
    names = (query.get("metricnames") or NAMES[0]).split(",")
    allowed = ("DeploymentCapacity",) if found["deployment"] else NAMES
    for name in names:
        if name not in allowed:
            raise Refusal(
                400,
                "BadRequest",
                f"Failed to find metric configuration for provider: "
                f"Microsoft.MachineLearningServices, metric: {name}, Valid metrics: {','.join(allowed)}",
            )
    wanted = [each.strip().lower() for each in (query.get("aggregation") or "Average").split(",")]
    if unknown := [each for each in wanted if each not in _AGGREGATIONS]:
        raise Refusal(400, "BadRequest", f"Invalid aggregation: {unknown[0]}")
    step, (start, end) = seconds(query.get("interval") or "PT1M"), _span(world, query.get("timespan", ""))
    if found["deployment"]:
        count = len(about[1].deployment(found["deployment"]).ready)
        series = [_series({}, [(end, [float(count)])], wanted)]
        return told({"value": [_metric(asked, names[0], "Count", series)], "interval": query.get("interval", "PT1M")})
    seen = world.now() - world.options.durations.metrics
    scored = [
        each for each in world.figures.scored(about[1].name) if start <= each.at < min(end, seen) and not each.mirrored
    ]
    split = dict(_EQUALS.findall(query.get("$filter", "")))
    return told(
        {
            "cost": 0,
            "timespan": query.get("timespan", ""),
            "interval": query.get("interval", "PT1M"),
            "value": [
                _metric(
                    asked,
                    name,
                    "Count" if name == NAMES[0] else "MilliSeconds",
                    [
                        _series(key, _points(name, values, (start, end, step)), wanted)
                        for key, values in _grouped(scored, split)
                    ],
                )
                for name in names
            ],
        }
    )


def _grouped(scored: Sequence[Scored], split: dict[str, str]) -> list[tuple[dict[str, str], list[Scored]]]:
    """The requests that a filter means, a series for each value of what it has a star for."""
    groups: dict[tuple[str, ...], list[Scored]] = {}
    for each in scored:
        of = {"deployment": each.deployment, "statusCode": str(each.status), "modelStatusCode": str(each.model_status)}
        if all(value in ("*", of.get(name, "")) for name, value in split.items()):
            groups.setdefault(tuple(of.get(name, "") for name in split), []).append(each)
    if not split:
        groups.setdefault((), [])
    return [(dict(zip(split, key, strict=True)), values) for key, values in groups.items()]


def _points(name: str, scored: Sequence[Scored], span: tuple[float, float, float]) -> list[tuple[float, list[float]]]:
    start, end, step = span
    points = []
    for at in itertools.takewhile(lambda at: at < end, (start + step * number for number in itertools.count())):
        times = sorted(1000 * each.seconds for each in scored if at <= each.at < at + step)
        if name == NAMES[0]:
            values = [len(times) * 60 / step]
        elif "_P" in name:
            share = int(name.rpartition("_P")[2]) / 100
            values = [times[min(len(times) - 1, int(share * len(times)))]] if times else []
        else:
            values = times
        points.append((at, values))
    return points


def _series(key: dict[str, str], points: Sequence[tuple[float, list[float]]], wanted: Sequence[str]) -> dict[str, Any]:
    data = []
    for at, values in points:
        point: dict[str, Any] = {"timeStamp": datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
        if values:
            figures = {
                "average": sum(values) / len(values),
                "total": sum(values),
                "count": float(len(values)),
                "minimum": min(values),
                "maximum": max(values),
            }
            point |= {each: figures[each] for each in wanted}
        data.append(point)
    names = [{"name": {"value": name.lower(), "localizedValue": name.lower()}, "value": key[name]} for name in key]
    return {"metadatavalues": names, "data": data}


def _metric(asked: Asked, name: str, unit: str, series: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": f"{asked.names['scope']}/providers/Microsoft.Insights/metrics/{name}",
        "type": "Microsoft.Insights/metrics",
        "name": {"value": name, "localizedValue": name},
        "unit": unit,
        "errorCode": "Success",
        "timeseries": series,
    }


def _span(world: World, text: str) -> tuple[float, float]:
    """Start and end of ``START/END``; by default the last hour (documented)."""
    now = world.now()
    if not text:
        return now - 3600, now
    try:
        start, end = (datetime.fromisoformat(each).timestamp() for each in text.split("/"))
    except ValueError as error:
        raise Refusal(400, "BadRequest", f"Detected invalid time interval input: {text}") from error
    return start, end


def _setting(world: World, asked: Asked) -> dict[str, Any]:
    found = world.autoscale.get(asked.names["setting"].lower())
    if found is None:
        raise Refusal(404, "ResourceNotFound", f"The autoscale setting {asked.names['setting']} was not found.")
    return found


def get(world: World, asked: Asked) -> Answer:
    """GET of an autoscale setting."""
    return told(_setting(world, asked))


def listed(world: World, asked: Asked) -> Answer:
    """GET of all of a resource group."""
    del asked
    return told({"value": list(world.autoscale.values())})


def put(world: World, asked: Asked) -> Answer:
    """PUT of an autoscale setting; it is kept, and acts only when the admin route tells it to."""
    body = asked.call.document()
    properties = body.get("properties") or {}
    target = _SCOPE.fullmatch(str(properties.get("targetResourceUri", "")))
    about = world.endpoint(target["endpoint"]) if target is not None else None
    if target is None or not target["deployment"] or about is None:
        raise Refusal(400, "UnsupportedResourceType", "The target is no deployment that is there.")
    if not about[1].deployment(target["deployment"]).managed:
        raise Refusal(400, "UnsupportedResourceType", "Only managed online deployments are scaled by Azure Monitor.")
    profiles = properties.get("profiles") or []
    if not 1 <= len(profiles) <= 20 or any(len(each.get("rules") or []) > 10 for each in profiles):
        raise Refusal(400, "BadRequest", "A setting has 1 to 20 profiles of at most 10 rules.")
    for each in profiles:
        limits = each.get("capacity") or {}
        try:
            good = 0 < int(limits["minimum"]) <= int(limits["default"]) <= int(limits["maximum"])
        except (KeyError, ValueError):
            good = False
        if not good:
            raise Refusal(400, "BadRequest", "A profile's capacity has minimum, default and maximum, in that order.")
    name = asked.names["setting"]
    new = name.lower() not in world.autoscale
    world.autoscale[name.lower()] = {
        **body,
        "id": asked.path,
        "name": name,
        "type": "Microsoft.Insights/autoscaleSettings",
        "properties": {"enabled": True, "name": name, **properties},
    }
    return told(world.autoscale[name.lower()], 201 if new else 200)


def delete(world: World, asked: Asked) -> Answer:
    """DELETE of an autoscale setting."""
    return Answer(200 if world.autoscale.pop(asked.names["setting"].lower(), None) else 204)
