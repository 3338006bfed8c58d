"""The data plane: invocations of every kind, and the figures that they leave."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from deployer.testing.sagemaker import Durations, Limits
from tests.plugins.waiting import eventually
from tests.unit.testing.sagemaker.wsgi import good


def invoke(place: Any, body: bytes = b"{}", **more: Any) -> Any:
    return place.runtime.invoke_endpoint(EndpointName="fraud", Body=body, **more)


@pytest.mark.parametrize(("status", "side"), [(400, "client"), (503, "server")])
def test_a_models_error_has_its_status_and_text(place: Any, status: int, side: str) -> None:
    place.endpoint()
    with pytest.raises(ClientError) as refused:
        invoke(place, json.dumps({"status": status, "say": "no such column"}).encode())
    told = refused.value.response
    assert told["Error"]["Code"] == "ModelError"
    assert told["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert (told["OriginalStatusCode"], told["OriginalMessage"]) == (status, "no such column")
    assert told["LogStreamArn"].endswith("log-group:/aws/sagemaker/Endpoints/fraud")
    assert f"Received {side} error ({status}) from primary" in told["Error"]["Message"]


def test_an_answer_that_takes_too_long_is_a_model_error(new_place: Callable[..., Any]) -> None:
    place = new_place(durations=Durations(ping_every=0.01, invocation=0.1))
    place.endpoint()
    with pytest.raises(ClientError, match="timed out while waiting") as refused:
        invoke(place, b'{"sleep": 1}')
    assert refused.value.response["OriginalStatusCode"] == 0


def test_a_payload_has_a_limit(new_place: Callable[..., Any]) -> None:
    place = new_place(limits=Limits(payload=1000))
    place.endpoint()
    invoke(place, b"x" * 1000)
    with pytest.raises(ClientError) as refused:
        invoke(place, b"x" * 1001)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413


def test_a_stream_comes_in_parts(place: Any) -> None:
    place.endpoint()
    answer = place.runtime.invoke_endpoint_with_response_stream(
        EndpointName="fraud", Body=b"abc", ContentType="text/csv", CustomAttributes="x=1"
    )
    assert (answer["ContentType"], answer["CustomAttributes"]) == ("text/csv", "x=1")
    assert json.loads(b"".join(event["PayloadPart"]["Bytes"] for event in answer["Body"]))["got"] == "abc"


def test_a_variant_can_be_asked_for(place: Any) -> None:
    place.role()
    place.model("a", "a:1")
    place.model("b", "b:1")
    variants = [
        {
            "VariantName": name,
            "ModelName": name,
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": 1,
            "InitialVariantWeight": weight,
        }
        for name, weight in (("a", 1.0), ("b", 0.0))
    ]
    place.sagemaker.create_endpoint_config(EndpointConfigName="c1", ProductionVariants=variants)
    place.sagemaker.create_endpoint(EndpointName="fraud", EndpointConfigName="c1")
    place.settled()
    assert {invoke(place)["InvokedProductionVariant"] for _ in range(20)} == {"a"}
    assert invoke(place, TargetVariant="b")["InvokedProductionVariant"] == "b"
    with pytest.raises(ClientError, match="Variant c not found"):
        invoke(place, TargetVariant="c")


def test_the_figures_are_in_cloudwatch_after_their_delay(new_place: Callable[..., Any]) -> None:
    place = new_place(durations=Durations(ping_every=0.01, metrics=60))
    place.endpoint()
    invoke(place)
    with pytest.raises(ClientError):
        invoke(place, b'{"status": 500}')

    def total(name: str) -> float:
        now = datetime.now(UTC)
        points = place.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/SageMaker",
            MetricName=name,
            Dimensions=[{"Name": "EndpointName", "Value": "fraud"}, {"Name": "VariantName", "Value": "primary"}],
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(hours=1),
            Period=3600,
            Statistics=["Sum"],
        )["Datapoints"]
        return float(sum(each["Sum"] for each in points))

    assert total("Invocations") == 0
    place.double.tell("POST", "clock", {"advance": 61})
    assert (total("Invocations"), total("Invocation5XXErrors")) == (2, 1)
    assert total("ModelLatency") > 0


def _asynchronous(place: Any) -> None:
    place.role()
    place.model()
    place.client("s3").create_bucket(Bucket="queue")
    output = {"S3OutputPath": "s3://queue/out/", "S3FailurePath": "s3://queue/failed"}
    place.config(AsyncInferenceConfig={"OutputConfig": output})
    place.sagemaker.create_endpoint(EndpointName="fraud", EndpointConfigName="c1")
    place.settled()


def test_asynchronous_by_s3(place: Any) -> None:
    _asynchronous(place)
    s3 = place.client("s3")
    s3.put_object(Bucket="queue", Key="in/1.json", Body=b'{"n": 1}')
    s3.put_object(Bucket="queue", Key="in/2.json", Body=b'{"status": 500, "say": "broken"}')
    with pytest.raises(ClientError, match="use InvokeEndpointAsync"):
        invoke(place)

    def result(location: str) -> bytes:
        key = location.removeprefix("s3://queue/")
        eventually(lambda: s3.list_objects_v2(Bucket="queue", Prefix=key)["KeyCount"])
        return bytes(s3.get_object(Bucket="queue", Key=key)["Body"].read())

    ask = place.runtime.invoke_endpoint_async
    good_one = ask(EndpointName="fraud", InputLocation="s3://queue/in/1.json", ContentType="application/json")
    assert good_one["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert json.loads(result(good_one["OutputLocation"]))["got"] == '{"n": 1}'
    inline = ask(EndpointName="fraud", Body=b'{"n": 2}', InferenceId="mine")
    assert inline["InferenceId"] == "mine"
    assert json.loads(result(inline["OutputLocation"]))["got"] == '{"n": 2}'
    bad = ask(EndpointName="fraud", InputLocation="s3://queue/in/2.json")
    assert b"broken" in result(bad["FailureLocation"])
    lost = ask(EndpointName="fraud", InputLocation="s3://queue/in/none.json")
    assert b"NoSuchKey" in result(lost["FailureLocation"])
    with pytest.raises(ClientError, match="Exactly one of Body and InputLocation"):
        ask(EndpointName="fraud")


@pytest.mark.parametrize("cold", [True, False])
def test_serverless(new_place: Callable[..., Any], cold: bool) -> None:
    place = new_place(guesses={"cold-start-refused": cold}, limits=Limits(serverless_payload=10))
    place.role()
    place.model()
    serverless = {"MemorySizeInMB": 2048, "MaxConcurrency": 1}
    variant = {"VariantName": "primary", "ModelName": "m1", "ServerlessConfig": serverless}
    client = place.sagemaker
    both = {**variant, "InstanceType": "ml.m5.large"}
    with pytest.raises(ClientError, match="excludes InstanceType"):
        client.create_endpoint_config(EndpointConfigName="c1", ProductionVariants=[both])
    client.create_endpoint_config(EndpointConfigName="c1", ProductionVariants=[variant])
    client.create_endpoint(EndpointName="fraud", EndpointConfigName="c1")
    told = place.settled()["ProductionVariants"][0]
    assert told["CurrentServerlessConfig"] == serverless
    assert "CurrentInstanceCount" not in told
    if cold:
        with pytest.raises(ClientError) as refused:
            invoke(place)
        assert refused.value.response["Error"]["Code"] == "ModelNotReadyException"
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429
    invoke(place)
    with pytest.raises(ClientError, match="exceeds the limit of 10 bytes"):
        invoke(place, b"x" * 11)
    assert place.double.tell("GET", "figures")["instances"]["peak"] == 0


def test_a_pipeline_hands_on_what_each_container_answers(place: Any) -> None:
    place.role()
    containers = [{"Image": "one:1", "ContainerHostname": "one"}, {"Image": "two:1", "ContainerHostname": "two"}]
    client = place.sagemaker
    for name, mode in (("m1", "Serial"), ("m2", "Direct")):
        client.create_model(
            ModelName=name,
            ExecutionRoleArn="arn:aws:iam::123456789012:role/hosting",
            Containers=containers,
            InferenceExecutionConfig={"Mode": mode},
        )
    place.config()
    client.create_endpoint(EndpointName="fraud", EndpointConfigName="c1")
    place.settled()
    answer = json.loads(invoke(place, b"x")["Body"].read())
    assert answer["image"].startswith("two@")
    assert json.loads(answer["got"])["image"].startswith("one@")
    place.config("c2", "m2")
    client.update_endpoint(EndpointName="fraud", EndpointConfigName="c2")
    place.settled()
    assert json.loads(invoke(place, b"x", TargetContainerHostname="two")["Body"].read())["got"] == "x"


def test_a_shadow_gets_a_copy_and_its_answer_is_thrown_away(new_place: Callable[..., Any]) -> None:
    seen: list[bytes] = []

    def shadow(wish: Any, write: Callable[[str], None]) -> Any:
        inner = good(wish, write)

        def application(environ: Any, start: Any) -> Any:
            if environ["PATH_INFO"] == "/invocations":
                seen.append(b"asked")
            return inner(environ, start)

        return application

    place = new_place({"shadow": shadow, "": good})
    place.role()
    place.model()
    place.model("m2", "shadow:1")
    wish = {"VariantName": "shadow", "ModelName": "m2", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    place.config(ShadowProductionVariants=[wish])
    place.sagemaker.create_endpoint(EndpointName="fraud", EndpointConfigName="c1")
    assert place.settled()["ShadowProductionVariants"][0]["VariantName"] == "shadow"
    assert invoke(place)["InvokedProductionVariant"] == "primary"
    eventually(lambda: seen)
    assert seen == [b"asked"]


def test_autoscaling_acts(place: Any) -> None:
    place.endpoint()
    scaling, resource = place.client("application-autoscaling"), "endpoint/fraud/variant/primary"
    about = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": resource,
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
    wrong = {**about, "ResourceId": "endpoint/none/variant/primary"}
    with pytest.raises(ClientError, match="No such endpoint"):
        scaling.register_scalable_target(**wrong, MinCapacity=1, MaxCapacity=4)
    scaling.register_scalable_target(**about, MinCapacity=1, MaxCapacity=4)
    scaling.put_scaling_policy(
        **about,
        PolicyName="follow",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 10.0,
            "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
        },
    )
    assert place.double.tell("POST", "autoscaling") == []
    for _ in range(25):
        invoke(place)
    assert place.double.tell("POST", "autoscaling") == [{"resource": resource, "from": 1, "to": 3}]
    assert place.settled()["ProductionVariants"][0]["CurrentInstanceCount"] == 3
    place.double.tell("POST", "clock", {"advance": 120})
    assert place.double.tell("POST", "autoscaling") == [{"resource": resource, "from": 3, "to": 1}]
    assert place.settled()["ProductionVariants"][0]["CurrentInstanceCount"] == 1


def test_what_is_captured_is_in_s3(place: Any) -> None:
    place.role()
    place.model()
    s3 = place.client("s3")
    s3.create_bucket(Bucket="captured")
    place.config(
        DataCaptureConfig={
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": "s3://captured/here",
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        }
    )
    place.sagemaker.create_endpoint(EndpointName="fraud", EndpointConfigName="c1")
    told = place.settled()
    assert told["DataCaptureConfig"]["CaptureStatus"] == "Started"
    invoke(place, b"1,2", ContentType="text/csv")
    (found,) = s3.list_objects_v2(Bucket="captured", Prefix="here/fraud/primary/")["Contents"]
    line = json.loads(s3.get_object(Bucket="captured", Key=found["Key"])["Body"].read())
    asked = {"observedContentType": "text/csv", "mode": "INPUT", "data": "1,2", "encoding": "CSV"}
    assert line["captureData"]["endpointInput"] == asked
    assert "good@" in line["captureData"]["endpointOutput"]["data"]


def test_an_asynchronous_request_is_given_so_many_seconds(place: Any) -> None:
    _asynchronous(place)
    ask = place.runtime.invoke_endpoint_async
    for given in ({"InvocationTimeoutSeconds": 3600}, {"InvocationTimeoutSeconds": 1, "RequestTTLSeconds": 60}):
        ask(EndpointName="fraud", Body=b"1", **given)
    wrong = {"InvocationTimeoutSeconds": 3601, "RequestTTLSeconds": 21601}
    for name, value in wrong.items():
        with pytest.raises(ClientError, match=f"at '{name[0].lower()}{name[1:]}' failed to satisfy") as refused:
            ask(EndpointName="fraud", Body=b"1", **{name: value})
        assert refused.value.response["Error"]["Code"] == "ValidationError"


def test_a_container_ends_after_the_requests_that_are_on_their_way_to_it(place: Any) -> None:
    place.endpoint()
    (region,) = [each for each in place.double.world.regions.values() if "fraud" in each.endpoints]
    (instance,) = region.endpoints["fraud"].instances
    (container,) = place.containers.started
    answers: list[int] = []

    def ask() -> None:
        answers.append(invoke(place, b'{"sleep": 1}')["ResponseMetadata"]["HTTPStatusCode"])

    asking, ending = threading.Thread(target=ask), threading.Thread(target=lambda: instance.stop(60))
    asking.start()
    eventually(lambda: instance.underway.sent > 0)
    ending.start()
    eventually(lambda: instance.underway.closed)
    assert container.exit_code() is None
    asking.join()
    ending.join()
    assert answers == [200]
    assert container.exit_code() == 0
