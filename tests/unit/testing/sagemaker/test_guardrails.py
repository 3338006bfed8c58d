"""Steps of a deployment: pure, then played, with alarms."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from deployer.testing.sagemaker import Durations
from deployer.testing.sagemaker.answers import Refusal
from deployer.testing.sagemaker.guardrails import rollout
from tests.plugins.waiting import eventually


def blue_green(kind: str, wait: int = 60, end: int = 0, **more: Any) -> dict[str, Any]:
    routing = {"Type": kind, "WaitIntervalInSeconds": wait, **more}
    return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": end}}


def percent(value: int) -> dict[str, Any]:
    return {"Type": "CAPACITY_PERCENT", "Value": value}


@pytest.mark.parametrize(
    ("config", "shares"),
    [
        (None, [1.0]),
        (blue_green("ALL_AT_ONCE"), [1.0]),
        (blue_green("CANARY", CanarySize=percent(25)), [0.25, 1.0]),
        (blue_green("LINEAR", LinearStepSize=percent(50)), [0.5, 1.0]),
        (blue_green("LINEAR", LinearStepSize={"Type": "INSTANCE_COUNT", "Value": 1}), [0.25, 0.5, 0.75, 1.0]),
    ],
)
def test_blue_green_steps(config: Any, shares: list[float]) -> None:
    plan = rollout(config, 4)
    assert [step.share for step in plan.steps] == shares
    assert (plan.rolling, plan.extra, plan.limit) == (False, 4, math.inf)


def test_rolling_steps_need_room_for_one_batch() -> None:
    plan = rollout({"RollingUpdatePolicy": {"MaximumBatchSize": percent(40), "WaitIntervalInSeconds": 5}}, 5)
    assert [(step.count, step.wait) for step in plan.steps] == [(2, 5.0), (4, 5.0), (5, 5.0)]
    assert (plan.rolling, plan.extra) == (True, 2)


@pytest.mark.parametrize(
    "config",
    [
        blue_green("CANARY", CanarySize=percent(60)),
        blue_green("CANARY"),
        blue_green("LINEAR", LinearStepSize=percent(5)),
        {"RollingUpdatePolicy": {"MaximumBatchSize": percent(60), "WaitIntervalInSeconds": 5}},
        {
            **blue_green("ALL_AT_ONCE"),
            "RollingUpdatePolicy": {"MaximumBatchSize": percent(50), "WaitIntervalInSeconds": 5},
        },
    ],
)
def test_sizes_out_of_their_range_are_refused(config: Any) -> None:
    with pytest.raises(Refusal):
        rollout(config, 10)


def test_a_canary_has_its_part_of_the_traffic_while_it_bakes(place: Any) -> None:
    place.endpoint(count=4)
    place.model("m2", "better:2")
    place.config("c2", "m2", count=4)
    config = blue_green("CANARY", wait=3600, CanarySize=percent(50))
    place.sagemaker.update_endpoint(EndpointName="fraud", EndpointConfigName="c2", DeploymentConfig=config)

    def baking() -> dict[str, Any]:
        found: dict[str, Any] = place.sagemaker.describe_endpoint(EndpointName="fraud")
        variant = found["PendingDeploymentSummary"]["ProductionVariants"][0]
        return found if variant["VariantStatus"][0]["Status"] == "Baking" else {}

    told = eventually(baking)
    pending = told["PendingDeploymentSummary"]["ProductionVariants"][0]
    assert (told["EndpointConfigName"], pending["CurrentInstanceCount"]) == ("c1", 4)
    runtime = place.runtime
    images = [runtime.invoke_endpoint(EndpointName="fraud", Body=b"")["Body"].read()[:20] for _ in range(80)]
    assert 15 < sum(b"better" in each for each in images) < 65
    place.double.world.clock.advance(3600)
    told = place.settled()
    assert (told["EndpointConfigName"], told["LastDeploymentConfig"]) == ("c2", config)


def test_rolling_replaces_batch_by_batch(place: Any) -> None:
    place.endpoint(count=4)
    place.config("c2", count=4)
    config = {"RollingUpdatePolicy": {"MaximumBatchSize": percent(25), "WaitIntervalInSeconds": 0}}
    place.sagemaker.update_endpoint(EndpointName="fraud", EndpointConfigName="c2", DeploymentConfig=config)
    told = place.settled()
    assert (told["EndpointConfigName"], told["ProductionVariants"][0]["CurrentInstanceCount"]) == ("c2", 4)
    assert place.double.tell("GET", "figures")["instances"]["peak"] == 5


def alarm(place: Any, **more: Any) -> dict[str, Any]:
    place.client("cloudwatch").put_metric_alarm(
        AlarmName="errors",
        Namespace="AWS/SageMaker",
        MetricName="Invocation5XXErrors",
        Dimensions=[{"Name": "EndpointName", "Value": "fraud"}, {"Name": "VariantName", "Value": "primary"}],
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1.0,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        **more,
    )
    return {**blue_green("ALL_AT_ONCE", end=3600), "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "errors"}]}}


@pytest.mark.parametrize("by", ["state", "figures"])
@pytest.mark.parametrize("rolling_back", [True, False])
def test_an_alarm_rolls_back_while_it_bakes(new_place: Callable[..., Any], by: str, rolling_back: bool) -> None:
    place = new_place(
        guesses={"rolling-back-in-updates": rolling_back}, durations=Durations(ping_every=0.01, alarms=0.05)
    )
    place.endpoint()
    place.config("c2")
    config = alarm(place)
    place.sagemaker.update_endpoint(EndpointName="fraud", EndpointConfigName="c2", DeploymentConfig=config)
    if by == "state":
        place.client("cloudwatch").set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="test")
    else:
        with pytest.raises(ClientError, match="ModelError"):
            place.runtime.invoke_endpoint(EndpointName="fraud", Body=b'{"status": 500}')
    told = place.settled()
    assert (told["EndpointStatus"], told["EndpointConfigName"]) == ("InService", "c1")
    assert told["FailureReason"].endswith("ALARM state: errors.")
    states = [each["status"] for each in place.double.tell("GET", "endpoints/fraud")["history"]]
    assert ("RollingBack" in states) is rolling_back
    assert place.double.tell("GET", "figures")["instances"]["now"] == {"fraud ml.m5.large": 1}


def test_guardrails_need_the_same_variants(place: Any) -> None:
    place.endpoint()
    variant = {"VariantName": "other", "ModelName": "m1", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    place.sagemaker.create_endpoint_config(EndpointConfigName="c2", ProductionVariants=[variant])
    asked = {"EndpointName": "fraud", "EndpointConfigName": "c2"}
    with pytest.raises(ClientError, match="same variants"):
        place.sagemaker.update_endpoint(**asked, DeploymentConfig=blue_green("ALL_AT_ONCE"))
    place.sagemaker.update_endpoint(**asked)
    assert place.settled()["ProductionVariants"][0]["VariantName"] == "other"


def test_a_deployment_that_takes_too_long_is_rolled_back(new_place: Callable[..., Any]) -> None:
    place = new_place()
    place.endpoint()
    place.config("c2")
    config = blue_green("ALL_AT_ONCE", end=3600)
    config["BlueGreenUpdatePolicy"]["MaximumExecutionTimeoutInSeconds"] = 600
    place.sagemaker.update_endpoint(EndpointName="fraud", EndpointConfigName="c2", DeploymentConfig=config)
    place.double.tell("POST", "clock", {"advance": 600})
    told = place.settled()
    assert (told["EndpointConfigName"], "MaximumExecutionTimeout" in told["FailureReason"]) == ("c1", True)
