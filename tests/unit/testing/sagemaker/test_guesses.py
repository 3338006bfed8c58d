"""Guesses that no other test turns: each of them both ways."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from deployer.testing.sagemaker import REASONS, Durations
from tests.unit.testing.sagemaker.test_guardrails import alarm


@pytest.mark.parametrize("told", [True, False])
def test_variants_while_creating(new_place: Callable[..., Any], told: bool) -> None:
    place = new_place(guesses={"variants-while-creating": told}, durations=Durations(provision=3600, ping_every=0.01))
    place.role()
    place.model()
    place.config()
    place.sagemaker.create_endpoint(EndpointName="fraud", EndpointConfigName="c1")
    found = place.sagemaker.describe_endpoint(EndpointName="fraud")
    assert ("ProductionVariants" in found) is told
    if told:
        assert found["ProductionVariants"][0]["CurrentInstanceCount"] == 0


@pytest.mark.parametrize("stops", [True, False])
def test_stops_answering_at_delete(new_place: Callable[..., Any], stops: bool) -> None:
    place = new_place(guesses={"stops-answering-at-delete": stops})
    place.endpoint()
    place.double.fault("DeleteEndpoint", delay=3600)
    place.sagemaker.delete_endpoint(EndpointName="fraud")
    assert place.sagemaker.describe_endpoint(EndpointName="fraud")["EndpointStatus"] == "Deleting"
    if stops:
        with pytest.raises(ClientError, match="not found"):
            place.runtime.invoke_endpoint(EndpointName="fraud", Body=b"")
    else:
        place.runtime.invoke_endpoint(EndpointName="fraud", Body=b"")
    place.double.tell("POST", "clock", {"advance": 3600})
    place.gone()


@pytest.mark.parametrize("stays", [True, False])
def test_delete_deregisters(new_place: Callable[..., Any], stays: bool) -> None:
    place = new_place(guesses={"delete-deregisters": not stays})
    place.endpoint()
    scaling = place.client("application-autoscaling")
    scaling.register_scalable_target(
        ServiceNamespace="sagemaker",
        ResourceId="endpoint/fraud/variant/primary",
        ScalableDimension="sagemaker:variant:DesiredInstanceCount",
        MinCapacity=1,
        MaxCapacity=2,
    )
    place.double.tell("POST", "vanish", {"kind": "endpoint", "name": "fraud"})
    assert bool(scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]) is stays


def test_model_data_that_is_missed_only_when_it_is_deployed(new_place: Callable[..., Any]) -> None:
    place = new_place(guesses={"model-data-checked-at-create-model": False})
    place.role()
    place.model(ModelDataUrl="s3://none/model.tar.gz")
    place.config()
    place.sagemaker.create_endpoint(EndpointName="fraud", EndpointConfigName="c1")
    told = place.settled()
    assert told["EndpointStatus"] == "Failed"
    assert told["FailureReason"] == REASONS["model-data"].format(url="s3://none/model.tar.gz")


@pytest.mark.parametrize("at_once", [True, False])
def test_an_alarm_that_rings_before_the_deployment(new_place: Callable[..., Any], at_once: bool) -> None:
    place = new_place(guesses={"alarm-before-deployment": at_once}, durations=Durations(ping_every=0.01, alarms=0.05))
    place.endpoint()
    place.config("c2")
    config = alarm(place)
    place.client("cloudwatch").set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="test")
    place.sagemaker.update_endpoint(EndpointName="fraud", EndpointConfigName="c2", DeploymentConfig=config)
    assert place.settled()["EndpointConfigName"] == "c1"
    assert place.double.tell("GET", "figures")["instances"]["peak"] == (1 if at_once else 2)
