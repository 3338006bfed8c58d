"""An endpoint's life: created, updated, rolled back, deleted."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from deployer.testing.sagemaker import REASONS, Durations
from tests.plugins.waiting import eventually
from tests.unit.testing.sagemaker.wsgi import cannot_start, good, never_ready

BLUE_GREEN = {
    "BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0},
        "TerminationWaitInSeconds": 0,
    }
}


def test_an_endpoint_is_created_answers_and_is_deleted(place: Any) -> None:
    told = place.endpoint()
    assert (told["EndpointStatus"], told["EndpointConfigName"]) == ("InService", "c1")
    variant = told["ProductionVariants"][0]
    assert (variant["CurrentInstanceCount"], variant["CurrentWeight"]) == (1, 1.0)
    assert variant["DeployedImages"][0]["ResolvedImage"].startswith("good@sha256:")
    assert "PendingDeploymentSummary" not in told

    answer = place.runtime.invoke_endpoint(
        EndpointName="fraud", Body=b'{"x": 1}', ContentType="application/json", CustomAttributes="rev=r1"
    )
    assert json.loads(answer["Body"].read())["got"] == '{"x": 1}'
    assert answer["InvokedProductionVariant"] == "primary"
    assert answer["CustomAttributes"] == "rev=r1"

    place.sagemaker.delete_endpoint(EndpointName="fraud")
    place.gone()
    with pytest.raises(ClientError, match="Could not find endpoint") as refused:
        place.sagemaker.describe_endpoint(EndpointName="fraud")
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    with pytest.raises(ClientError, match="not found"):
        place.runtime.invoke_endpoint(EndpointName="fraud", Body=b"")
    assert all(each.exit_code() is not None for each in place.containers.started)


def test_while_it_is_created_the_pending_deployment_tells(new_place: Callable[..., Any]) -> None:
    place = new_place(durations=Durations(provision=3600, ping_every=0.01))
    place.role()
    place.model()
    place.config()
    place.sagemaker.create_endpoint(EndpointName="fraud", EndpointConfigName="c1")
    told = place.sagemaker.describe_endpoint(EndpointName="fraud")
    assert told["EndpointStatus"] == "Creating"
    assert "ProductionVariants" not in told
    pending = told["PendingDeploymentSummary"]
    assert pending["EndpointConfigName"] == "c1"
    assert pending["ProductionVariants"][0]["VariantStatus"][0]["Status"] == "Creating"
    works: list[Callable[[], object]] = [
        lambda: place.sagemaker.update_endpoint(EndpointName="fraud", EndpointConfigName="c1"),
        lambda: place.sagemaker.delete_endpoint(EndpointName="fraud"),
    ]
    for busy in works:
        with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
            busy()
    place.double.tell("POST", "clock", {"advance": 3600})
    assert place.settled()["EndpointStatus"] == "InService"


def test_an_update_replaces_the_whole_fleet_and_the_peak_is_counted(place: Any) -> None:
    place.endpoint(count=2)
    place.model("m2", "better:2")
    place.config("c2", "m2", count=3)
    place.sagemaker.update_endpoint(EndpointName="fraud", EndpointConfigName="c2")
    told = place.settled()
    assert (told["EndpointConfigName"], told["ProductionVariants"][0]["CurrentInstanceCount"]) == ("c2", 3)
    answer = json.loads(place.runtime.invoke_endpoint(EndpointName="fraud", Body=b"")["Body"].read())
    assert answer["image"].startswith("better@")
    figures = place.double.tell("GET", "figures")["instances"]
    assert figures["peak"] == 5
    assert figures["now"] == {"fraud ml.m5.large": 3}
    assert sum(1 for each in place.containers.started if each.exit_code() is None) == 3


def test_a_failed_update_is_in_service_with_the_old_configuration(new_place: Callable[..., Any]) -> None:
    place = new_place({"bad": never_ready, "": good}, scale=0.001)
    place.endpoint()
    place.model("m2", "bad:2")
    place.config("c2", "m2")
    place.sagemaker.update_endpoint(EndpointName="fraud", EndpointConfigName="c2")
    told = place.settled(seconds=60)
    assert (told["EndpointStatus"], told["EndpointConfigName"]) == ("InService", "c1")
    assert told["FailureReason"] == REASONS["ping"].format(variant="primary")
    place.sagemaker.get_waiter("endpoint_in_service").wait(EndpointName="fraud")  # as boto3 sees it, all is well
    answer = json.loads(place.runtime.invoke_endpoint(EndpointName="fraud", Body=b"")["Body"].read())
    assert answer["image"].startswith("good@")


@pytest.mark.parametrize(("image", "reason"), [("bad:1", "ping"), ("broken:1", "start"), ("gone:1", "images")])
def test_a_creation_that_fails_says_why_and_can_only_be_deleted(
    new_place: Callable[..., Any], image: str, reason: str
) -> None:
    place = new_place(
        {"bad": never_ready, "broken": cannot_start, "good": good},
        scale=0.001,
        guesses={"image-checked-at-create-model": False},
    )
    place.role()
    place.model("m1", image)
    place.config()
    place.sagemaker.create_endpoint(EndpointName="fraud", EndpointConfigName="c1")
    told = place.settled(seconds=60)
    assert (told["EndpointStatus"], told["FailureReason"]) == ("Failed", REASONS[reason].format(variant="primary"))
    with pytest.raises(ClientError, match="Cannot update failed endpoint"):
        place.sagemaker.update_endpoint(EndpointName="fraud", EndpointConfigName="c1")
    with pytest.raises(ClientError, match="not found"):
        place.runtime.invoke_endpoint(EndpointName="fraud", Body=b"")
    assert "FailureReason" not in place.sagemaker.list_endpoints()["Endpoints"][0]
    place.sagemaker.delete_endpoint(EndpointName="fraud")
    place.gone()


def test_weights_and_counts_change_in_place(place: Any) -> None:
    place.endpoint()
    first = place.containers.started[0]
    wish = [{"VariantName": "primary", "DesiredInstanceCount": 3}]
    place.sagemaker.update_endpoint_weights_and_capacities(EndpointName="fraud", DesiredWeightsAndCapacities=wish)
    variant = place.settled()["ProductionVariants"][0]
    assert (variant["CurrentInstanceCount"], variant["DesiredWeight"]) == (3, 1.0)
    assert first.exit_code() is None
    wish = [{"VariantName": "primary", "DesiredWeight": 0.5}]
    place.sagemaker.update_endpoint_weights_and_capacities(EndpointName="fraud", DesiredWeightsAndCapacities=wish)
    variant = place.settled()["ProductionVariants"][0]
    assert (variant["CurrentInstanceCount"], variant["CurrentWeight"]) == (3, 0.5)


@pytest.mark.parametrize(("retain", "count"), [(True, 3), (False, 1)])
def test_what_was_scaled_is_kept_only_when_it_is_asked_for(place: Any, retain: bool, count: int) -> None:
    place.endpoint()
    wish = [{"VariantName": "primary", "DesiredInstanceCount": 3}]
    place.sagemaker.update_endpoint_weights_and_capacities(EndpointName="fraud", DesiredWeightsAndCapacities=wish)
    place.settled()
    place.config("c2")
    place.sagemaker.update_endpoint(EndpointName="fraud", EndpointConfigName="c2", RetainAllVariantProperties=retain)
    assert place.settled()["ProductionVariants"][0]["DesiredInstanceCount"] == count


def test_a_container_that_ends_is_started_again(place: Any) -> None:
    place.endpoint()
    place.double.tell("POST", "crash", {"name": "fraud"})
    with pytest.raises(ClientError) as refused:
        place.runtime.invoke_endpoint(EndpointName="fraud", Body=b"")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    about = place.sagemaker.describe_endpoint
    eventually(lambda: about(EndpointName="fraud")["ProductionVariants"][0]["CurrentInstanceCount"])
    assert place.runtime.invoke_endpoint(EndpointName="fraud", Body=b"")["Body"].read()


def test_the_model_data_is_where_the_container_looks_for_it(new_place: Callable[..., Any]) -> None:
    seen: dict[str, str] = {}

    def image(wish: Any, write: Callable[[str], None]) -> Any:
        seen.update({each.name: each.read_text() for each in wish.model.rglob("*") if each.is_file()})
        return good(wish, write)

    place = new_place({"": image})
    place.role()
    url = place.data(MLmodel="flavors: {}")
    place.model(ModelDataUrl=url)
    place.config()
    place.sagemaker.create_endpoint(EndpointName="fraud", EndpointConfigName="c1")
    assert place.settled()["EndpointStatus"] == "InService"
    assert seen == {"MLmodel": "flavors: {}"}

    place.client("s3").put_object(Bucket="weights", Key="v2/deep/weights.bin", Body=b"1234")
    source = {"S3DataSource": {"S3Uri": "s3://weights/v2/", "S3DataType": "S3Prefix", "CompressionType": "None"}}
    place.model("m2", ModelDataSource=source)
    place.config("c2", "m2")
    place.sagemaker.update_endpoint(EndpointName="fraud", EndpointConfigName="c2")
    place.settled()
    assert seen["weights.bin"] == "1234"


def test_the_output_of_a_container_is_in_cloudwatch(place: Any) -> None:
    place.endpoint()
    logs = place.client("logs")
    group = "/aws/sagemaker/Endpoints/fraud"
    (stream,) = logs.describe_log_streams(logGroupName=group)["logStreams"]
    assert stream["logStreamName"].startswith("primary/i-")
    events = logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"])["events"]
    assert "serving good@" in events[0]["message"]


def test_many_at_once_leave_nothing(place: Any) -> None:
    place.role()
    client = place.sagemaker

    def live(number: int) -> str:
        name = f"e{number}"
        for round_ in ("a", "b"):
            place.model(f"{name}-{round_}", f"image-{round_}:{number}")
            place.config(f"{name}-{round_}", f"{name}-{round_}", count=2)
        client.create_endpoint(EndpointName=name, EndpointConfigName=f"{name}-a")
        place.settled(name)
        client.update_endpoint(EndpointName=name, EndpointConfigName=f"{name}-b")
        told = place.settled(name)
        client.delete_endpoint(EndpointName=name)
        place.gone(name)
        return str(told["EndpointConfigName"])

    with ThreadPoolExecutor(5) as pool:
        assert list(pool.map(live, range(5))) == [f"e{number}-b" for number in range(5)]
    assert place.double.tell("GET", "figures")["instances"]["now"] == {}
    assert all(each.exit_code() is not None for each in place.containers.started)


def test_what_is_deleted_while_it_starts_leaves_no_container(new_place: Callable[..., Any]) -> None:
    starting, deleted = threading.Event(), threading.Event()

    def slow(wish: Any, write: Callable[[str], None]) -> Any:
        starting.set()
        assert deleted.wait(20)
        return good(wish, write)

    place = new_place({"": slow})
    place.role()
    place.model()
    place.config()
    place.sagemaker.create_endpoint(EndpointName="fraud", EndpointConfigName="c1")
    assert starting.wait(20)
    place.double.tell("POST", "vanish", {"kind": "endpoint", "name": "fraud"})
    deleted.set()
    started = place.containers.started
    eventually(lambda: started and started[0].exit_code() is not None)
    assert [each.exit_code() for each in place.containers.started] == [0]
    assert place.sagemaker.list_endpoints()["Endpoints"] == []
