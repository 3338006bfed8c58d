"""Autoscale settings of Azure Monitor."""

from __future__ import annotations

from typing import Any

import pytest

from deployer_azureml.requests import config_of
from deployer_azureml.scaling import SHAPE, autoscale_body, first_count, scaled
from tests.unit.azureml.values import spec

ID = "/subscriptions/0/x/onlineEndpoints/iris/deployments/r1a2b3c4"


def _body(replicas: Any, **config: Any) -> dict[str, Any]:
    wish = spec(replicas=replicas, config=config)
    found = autoscale_body(wish, config_of(wish), ID, "westeurope", {"a": "b"})
    assert found is not None
    return found


def test_a_setting() -> None:
    found = _body({"min": 2, "max": 5}, cooldown="10m")
    assert found["location"] == "westeurope"
    told = found["properties"]
    assert (told["targetResourceUri"], told["enabled"]) == (ID, True)
    profile = told["profiles"][0]
    assert profile["capacity"] == {"minimum": "2", "maximum": "5", "default": "2"}
    more, less = profile["rules"]
    assert more["metricTrigger"] == {
        "metricName": "CpuUtilizationPercentage", "metricResourceUri": ID, "timeGrain": "PT1M", "statistic": "Average",
        "timeWindow": "PT5M", "timeAggregation": "Average", "operator": "GreaterThan", "threshold": 70.0,
    }  # fmt: skip
    assert more["scaleAction"] == {"direction": "Increase", "type": "ChangeCount", "value": "1", "cooldown": "PT10M"}
    assert (less["metricTrigger"]["operator"], less["scaleAction"]["direction"]) == ("LessThan", "Decrease")


@pytest.mark.parametrize("count", range(2, 20))
def test_one_instance_less_does_not_bring_the_load_over_the_value(count: int) -> None:
    more, less = _body({"min": 1, "max": 20, "value": 60})["properties"]["profiles"][0]["rules"]
    load = less["metricTrigger"]["threshold"] * count
    assert load / (count - 1) <= more["metricTrigger"]["threshold"]


def test_the_shape_is_of_what_is_wished() -> None:
    one = _body({"min": 1, "max": 4})
    assert one == _body({"min": 1, "max": 4})
    assert one["tags"]["a"] == "b"
    for other in ({"min": 1, "max": 5}, {"min": 1, "max": 4, "value": 50}, {"min": 1, "max": 4, "metric": "gpu"}):
        assert _body(other)["tags"][SHAPE] != one["tags"][SHAPE]
    assert _body({"min": 1, "max": 4}, cooldown="1h")["tags"][SHAPE] != one["tags"][SHAPE]


def test_where_there_is_none() -> None:
    for wish in (spec(replicas=3), spec(replicas={"min": 1, "max": 2}, config={"compute": "aks"})):
        assert autoscale_body(wish, config_of(wish), ID, "westeurope", {}) is None
    assert scaled(spec(replicas=3)) is None
    assert first_count(spec(replicas=3), 9) == 3
