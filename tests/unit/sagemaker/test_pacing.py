"""How long AWS is given, and what a plan says beforehand."""

from __future__ import annotations

from typing import Any

import pytest

from deployer.endpoint import Endpoint, Phase, Revision, Traffic
from deployer.target import Pace
from deployer_sagemaker.pacing import asks_last, compares, foretell, pace
from tests.unit.sagemaker.values import spec


def _endpoint(kind: str, wanted: int = 2) -> Endpoint:
    runs = Revision(id="r1111111", phase=Phase.HEALTHY, wanted=wanted, ready=wanted, facts={"instance_type": kind})
    return Endpoint(
        name="iris", target="sagemaker", phase=Phase.HEALTHY, revisions=(runs,), traffic=Traffic.all_to("r1111111")
    )


def _told(endpoint: Endpoint | None, **fields: Any) -> dict[str, str]:
    return dict(foretell(spec(**fields), endpoint))


def test_aws_is_given_half_an_hour_and_what_the_spec_gives_the_container() -> None:
    assert pace(None) == Pace(provision=2400.0, settle=4200.0)
    assert pace(spec()) == pace(None)
    assert pace(spec(config={"startup": "1h"})).provision == 5400.0
    assert pace(spec(config={"provision": "1h"})).provision == 4200.0
    assert pace(spec(image={"weights": "mount"})).provision == 3000.0


def test_guardrails_that_wait_are_waited_for() -> None:
    plain = pace(spec()).settle
    canary = {"guardrails": {"kind": "canary", "wait": "10m", "termination_wait": "5m"}}
    assert pace(spec(config=canary)).settle == plain + 1500
    assert pace(spec(config={"guardrails": {"deadline": "8h"}})).settle == 8 * 3600 + 1800


@pytest.mark.parametrize(("verify", "last"), [("endpoint", False), ("variant", False), ("none", True)])
def test_without_a_place_to_ask_it_is_asked_last(verify: str, last: bool) -> None:
    assert asks_last(spec(config={"verify": verify})) is last


def test_a_first_release_needs_its_own_instances_alone() -> None:
    found = _told(None, replicas=2)
    assert found["runs on"] == "ml.m5.large (2 vCPU, 8Gi)"
    assert found["quota"].startswith("2 of ml.m5.large for endpoint usage")
    assert found["fleet"] == "made once"


def test_an_update_needs_both_fleets_and_the_one_that_verifies() -> None:
    assert _told(_endpoint("ml.m5.large"), replicas=2)["quota"].startswith("5 of ml.m5.large for endpoint usage")
    assert "quota" not in _told(_endpoint("serverless", 1), config={"serverless": {}})


def test_what_fits_nowhere_is_told_by_others() -> None:
    assert _told(None, resources={"memory": "90Ti"}) == {}


def test_a_queue_brings_bodies_alone() -> None:
    assert compares(spec())
    assert not compares(spec(config={"async_inference": {"output": "s3://answers/iris"}}))
