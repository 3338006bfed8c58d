"""An endpoint's figures in CloudWatch: namespace AWS/SageMaker, by endpoint and variant (documented)."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deployer.testing.sagemaker.world import World

__all__ = ["About", "Figures", "publish"]

_NAMESPACE = "AWS/SageMaker"


@dataclass(frozen=True)
class About:
    """What a figure is of: an endpoint, or one of its variants (the empty text: all)."""

    account: str
    region: str
    endpoint: str
    variant: str = ""

    @property
    def dimensions(self) -> list[dict[str, str]]:
        """As CloudWatch has them."""
        named = (("EndpointName", self.endpoint), ("VariantName", self.variant))
        return [{"Name": name, "Value": value} for name, value in named if value]


@dataclass(frozen=True)
class _Point:
    at: float
    about: About
    name: str
    value: float
    unit: str


class Figures:
    """What was counted and is not in CloudWatch yet."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._points: list[_Point] = []

    def add(self, at: float, about: About, name: str, value: float, unit: str = "None") -> None:
        """Count one.

        Args:
            at: Seconds since the epoch.
            about: What it is of.
            name: ``Invocations``.
            value: Of that unit.
            unit: CloudWatch's: ``None``, ``Microseconds``, ``Count``.
        """
        with self._lock:
            self._points.append(_Point(at, about, name, value, unit))

    def due(self, before: float) -> list[_Point]:
        """Take those that are older."""
        with self._lock:
            found = [each for each in self._points if each.at <= before]
            self._points = [each for each in self._points if each.at > before]
        return found


def publish(world: World) -> None:
    """Bring what is due to CloudWatch: after `Durations.metrics` seconds, as AWS takes a minute or more."""
    by_region: dict[tuple[str, str], list[_Point]] = {}
    for point in world.figures.due(world.clock.now() - world.options.durations.metrics):
        by_region.setdefault((point.about.account, point.about.region), []).append(point)
    for (account, region), points in by_region.items():
        client = world.inside.client("cloudwatch", region, account)
        for start in range(0, len(points), 500):
            data = [
                {
                    "MetricName": each.name,
                    "Dimensions": each.about.dimensions,
                    "Timestamp": datetime.fromtimestamp(each.at, UTC),
                    "Value": each.value,
                    "Unit": each.unit,
                }
                for each in points[start : start + 500]
            ]
            client.put_metric_data(Namespace=_NAMESPACE, MetricData=data)
            world.points.add(account, region, _NAMESPACE, data, world.clock.now())
