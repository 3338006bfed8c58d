"""What a change costs."""

from __future__ import annotations

from typing import Any

import pytest

from deployer_sagemaker.configs import config_of
from deployer_sagemaker.outlook import Fleet, Outlook, outlook_of
from tests.unit.sagemaker.values import spec

SERVING = Fleet("ml.m5.large", 3)
LARGE, XLARGE = "ml.m5.large", "ml.m5.xlarge"


def _outlook(serving: Fleet | None = SERVING, replicas: Any = 3, **config: Any) -> Outlook:
    wish = spec(replicas=replicas, config={"instance_type": LARGE, **config})
    return outlook_of(wish, config_of(wish), serving)


def test_a_new_endpoint_is_made_once_and_verified_itself() -> None:
    found = _outlook(None)
    assert (found.updates, found.verifies, found.peak) == (1, False, {LARGE: 3})
    assert found.size == "ml.m5.large (2 vCPU, 8Gi)"
    assert found.quotas == {"ml.m5.large for endpoint usage": 3}


@pytest.mark.parametrize(
    ("config", "peak"),
    [
        ({}, {LARGE: 7}),  # the old fleet, the new one, and one to verify
        ({"verify": "none"}, {LARGE: 6}),
        ({"verify": "variant"}, {LARGE: 9}),  # the old fleet, as many again of the same, and the new one
        ({"instance_type": XLARGE}, {LARGE: 3, XLARGE: 4}),
        ({"guardrails": {"kind": "rolling", "size": "1"}}, {LARGE: 5}),
        ({"guardrails": {"kind": "rolling", "size": "50%"}}, {LARGE: 6}),
        ({"guardrails": {"kind": "rolling", "size": "1"}, "instance_type": XLARGE}, {LARGE: 3, XLARGE: 4}),
        ({"guardrails": {"kind": "canary", "size": "10%"}}, {LARGE: 7}),
    ],
)
def test_instances_at_the_peak(config: dict[str, Any], peak: dict[str, int]) -> None:
    assert _outlook(**config).peak == peak


def test_two_variants_replace_the_fleet_twice() -> None:
    found = _outlook(verify="variant")
    assert (found.updates, found.verifies) == (2, False)
    assert found.minutes[1] == 2 * _outlook(verify="none").minutes[1]


def test_a_range_begins_as_large_as_what_serves() -> None:
    assert _outlook(replicas={"min": 1, "max": 8, "value": 100}).peak == {LARGE: 7}


def test_waiting_is_counted() -> None:
    plain = _outlook().minutes[0]
    assert _outlook(guardrails={"kind": "canary", "wait": "5m"}).minutes[0] == plain + 10
    assert _outlook(guardrails={"kind": "linear", "size": "25%", "wait": "5m"}).minutes[0] == plain + 20
    assert _outlook(guardrails={"kind": "rolling", "size": "1", "wait": "2m"}).minutes[0] == plain + 6
    assert _outlook(guardrails={"termination_wait": "10m"}).minutes[0] == plain + 10
    assert _outlook(None, guardrails={"kind": "canary", "wait": "5m"}).minutes[0] == _outlook(None).minutes[0]


def test_gpus_take_longer() -> None:
    assert _outlook(instance_type="ml.g5.xlarge").minutes > _outlook().minutes


def test_a_serverless_endpoint_has_no_instances() -> None:
    wish = spec(config={"serverless": {"memory": "3Gi"}})
    found = outlook_of(wish, config_of(wish), Fleet("", 0))
    assert found.peak == {}
    assert found.size == "no instances (serverless, 3Gi)"


def test_a_type_that_is_not_known_is_told_so() -> None:
    assert "not known here" in _outlook(instance_type="ml.p3.2xlarge").size


def test_it_is_told_to_people() -> None:
    lines = _outlook().lines()
    assert lines[0] == ("runs on", "ml.m5.large (2 vCPU, 8Gi)")
    assert ("fleet", "replaced once, after the revision was verified on one instance of its own") in lines
    assert ("quota", "7 of ml.m5.large for endpoint usage, at the peak") in lines
    assert lines[-1][0] == "takes"
    assert "minutes" in lines[-1][1]
