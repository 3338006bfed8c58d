"""What goes wrong on purpose."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from deployer.errors import SpecError
from deployer.testing.sagemaker import REASONS
from tests.plugins.waiting import eventually


def test_throttling_is_what_botocore_retries(place: Any) -> None:
    place.double.fault("ListModels", error="ThrottlingException", times=2)
    with pytest.raises(ClientError) as refused:
        place.sagemaker.list_models()
    assert refused.value.response["Error"] == {"Code": "ThrottlingException", "Message": "Rate exceeded"}
    client = boto3.client(
        "sagemaker",
        endpoint_url=place.double.url,
        region_name="us-east-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
        config=Config(retries={"mode": "standard", "max_attempts": 3}),
    )
    assert client.list_models()["Models"] == []
    assert place.double.tell("GET", "faults") == []


@pytest.mark.parametrize("service", ["s3", "ecr", "sts", "cloudwatch", "iam", "resourcegroupstaggingapi"])
def test_every_protocol_reads_its_errors(place: Any, service: str) -> None:
    calls: dict[str, tuple[str, Callable[[Any], object]]] = {
        "s3": ("ListBuckets", lambda client: client.list_buckets()),
        "ecr": ("DescribeRepositories", lambda client: client.describe_repositories()),
        "sts": ("GetCallerIdentity", lambda client: client.get_caller_identity()),
        "cloudwatch": ("DescribeAlarms", lambda client: client.describe_alarms()),
        "iam": ("ListRoles", lambda client: client.list_roles()),
        "resourcegroupstaggingapi": ("GetResources", lambda client: client.get_resources()),
    }
    operation, call = calls[service]
    place.double.fault(operation, service=service, error="AccessDenied", message="no", status=403)
    with pytest.raises(ClientError) as refused:
        call(place.client(service))
    assert refused.value.response["Error"]["Code"] == "AccessDenied"
    call(place.client(service))


def test_an_answer_can_be_lost_though_it_was_done(place: Any) -> None:
    place.role()
    place.double.fault("CreateModel", lost=True)
    with pytest.raises(ConnectionClosedError):
        place.model()
    with pytest.raises(ClientError, match="already existing"):
        place.model()
    place.double.fault("DeleteModel", error="InternalFailure", status=500, done=True)
    with pytest.raises(ClientError, match="InternalFailure"):
        place.sagemaker.delete_model(ModelName="m1")
    assert place.sagemaker.list_models()["Models"] == []


def test_what_was_just_made_may_not_be_seen_yet(place: Any) -> None:
    place.role()
    place.model()
    place.double.fault("CreateEndpointConfig", unseen=60)
    place.config()
    with pytest.raises(ClientError, match="Could not find endpoint configuration"):
        place.sagemaker.create_endpoint(EndpointName="fraud", EndpointConfigName="c1")
    with pytest.raises(ClientError, match="Could not find endpoint configuration"):
        place.sagemaker.describe_endpoint_config(EndpointConfigName="c1")
    place.double.tell("POST", "clock", {"advance": 60})
    place.sagemaker.create_endpoint(EndpointName="fraud", EndpointConfigName="c1")
    place.settled()


def test_an_answer_lies_for_a_while(place: Any) -> None:
    place.endpoint()
    place.config("c2")
    place.double.tell("POST", "faults", {"operation": "DescribeEndpoint", "name": "fraud", "stale": 600})
    place.sagemaker.update_endpoint(EndpointName="fraud", EndpointConfigName="c2")
    told = place.sagemaker.describe_endpoint(EndpointName="fraud")
    assert (told["EndpointStatus"], told["EndpointConfigName"]) == ("InService", "c1")
    place.double.tell("POST", "clock", {"advance": 600})
    assert place.settled()["EndpointConfigName"] == "c2"


def test_a_success_that_was_reverted(place: Any) -> None:
    place.endpoint()
    place.config("c2")
    place.double.fault("UpdateEndpoint", outcome="RolledBack", reason="capacity")
    place.sagemaker.update_endpoint(EndpointName="fraud", EndpointConfigName="c2")
    told = place.settled()
    assert (told["EndpointStatus"], told["EndpointConfigName"]) == ("InService", "c1")
    assert told["FailureReason"] == REASONS["capacity"]


def test_update_rollback_failed_serves_both_and_can_be_updated(place: Any) -> None:
    place.endpoint()
    place.model("m2", "better:2")
    place.config("c2", "m2")
    place.double.fault("UpdateEndpoint", outcome="UpdateRollbackFailed", reason="ping")
    place.sagemaker.update_endpoint(EndpointName="fraud", EndpointConfigName="c2")
    assert place.settled()["EndpointStatus"] == "UpdateRollbackFailed"
    runtime, images = place.runtime, set()
    for _ in range(60):
        images.add(runtime.invoke_endpoint(EndpointName="fraud", Body=b"")["Body"].read()[:20])
    assert len(images) == 2
    place.sagemaker.update_endpoint(EndpointName="fraud", EndpointConfigName="c2")
    assert (place.settled()["EndpointStatus"], place.settled()["EndpointConfigName"]) == ("InService", "c2")
    assert place.double.tell("GET", "figures")["instances"]["now"] == {"fraud ml.m5.large": 1}


def test_a_creation_fails_for_the_reason_that_is_asked_for(place: Any) -> None:
    place.role()
    place.model()
    place.config()
    place.double.fault("CreateEndpoint", name="fraud", outcome="Failed", reason="model-data")
    place.sagemaker.create_endpoint(EndpointName="fraud", EndpointConfigName="c1")
    told = place.settled()
    assert told["EndpointStatus"] == "Failed"
    assert told["FailureReason"].startswith("Failed to download model data")


def test_somebody_deletes_the_endpoint_under_us(place: Any) -> None:
    place.endpoint()
    place.double.fault("DescribeEndpoint", name="fraud", skip=1, vanish="endpoint")
    place.sagemaker.describe_endpoint(EndpointName="fraud")
    with pytest.raises(ClientError, match="Could not find"):
        place.sagemaker.describe_endpoint(EndpointName="fraud")
    assert all(each.exit_code() is not None for each in place.containers.started)


def test_a_deletion_while_it_is_updated(new_place: Callable[..., Any]) -> None:
    place = new_place(guesses={"delete-in-progress": True})
    place.endpoint()
    place.config("c2")
    place.double.fault("UpdateEndpoint", delay=3600)
    place.sagemaker.update_endpoint(EndpointName="fraud", EndpointConfigName="c2")
    place.sagemaker.delete_endpoint(EndpointName="fraud")
    place.gone()
    assert all(each.exit_code() is not None for each in place.containers.started)


def test_an_endpoint_can_be_said_to_be_in_any_state(place: Any) -> None:
    place.endpoint()
    place.double.tell("POST", "status", {"name": "fraud", "status": "SystemUpdating"})
    with pytest.raises(ClientError, match="in-progress"):
        place.sagemaker.delete_endpoint(EndpointName="fraud")
    with pytest.raises(SpecError, match="no EndpointStatus"):
        place.double.tell("POST", "status", {"name": "fraud", "status": "Fine"})


def test_a_delay_is_by_the_clock_of_the_double(new_place: Callable[..., Any]) -> None:
    place = new_place(scale=0.001)
    place.double.fault("ListModels", delay=3600)
    began = time.monotonic()
    place.sagemaker.list_models()
    assert time.monotonic() - began < 60


def test_a_fault_that_is_none_is_refused(place: Any) -> None:
    for wrong in ({"operation": "X", "errror": "Y"}, {"error": "Y"}, {"operation": "X", "outcome": "Maybe"}):
        with pytest.raises(SpecError):
            place.double.tell("POST", "faults", wrong)


def test_the_calls_are_told_with_the_names_of_their_parameters(place: Any) -> None:
    place.role()
    place.double.tell("DELETE", "calls")
    place.model()
    place.client("s3").create_bucket(Bucket="bucket")
    place.client("s3").put_object(Bucket="bucket", Key="k/e/y", Body=b"1")
    with pytest.raises(ClientError):
        place.sagemaker.describe_model(ModelName="none")
    told = [
        (call["service"], call["operation"], call["parameters"], call["name"], call["status"], call["error"])
        for call in place.double.tell("GET", "calls")
    ]
    assert told == [
        ("sagemaker", "CreateModel", ["ExecutionRoleArn", "ModelName", "PrimaryContainer"], "m1", 200, ""),
        ("s3", "CreateBucket", ["Bucket"], "bucket", 200, ""),
        ("s3", "PutObject", told[2][2], "bucket", 200, ""),
        ("sagemaker", "DescribeModel", ["ModelName"], "none", 400, "ValidationException"),
    ]
    assert {"Body", "Bucket", "Key"} <= set(told[2][2])
    with pytest.raises(ClientError):
        place.client("s3").get_object(Bucket="bucket", Key="none")
    with pytest.raises(ClientError):
        place.client("iam").get_role(RoleName="none")
    with pytest.raises(ClientError):
        place.client("ecr").describe_repositories(repositoryNames=["none"])
    codes = [call["error"] for call in place.double.tell("GET", "calls")[-3:]]
    assert codes == ["NoSuchKey", "NoSuchEntity", "RepositoryNotFoundException"]


def test_a_success_that_does_not_last(place: Any) -> None:
    place.endpoint()
    place.config("c2")
    place.double.fault("UpdateEndpoint", outcome="Reverted", reason="service", delay=3600)
    place.sagemaker.update_endpoint(EndpointName="fraud", EndpointConfigName="c2")
    told = place.settled()
    assert (told["EndpointStatus"], told["EndpointConfigName"]) == ("InService", "c2")
    place.double.tell("POST", "clock", {"advance": 3600})
    told = eventually(lambda: found if (found := place.settled()).get("FailureReason") else {})
    assert (told["EndpointConfigName"], told["FailureReason"]) == ("c1", REASONS["service"])
    assert place.double.tell("GET", "figures")["instances"]["now"] == {"fraud ml.m5.large": 1}


def test_a_conditional_put_has_one_winner(place: Any) -> None:
    s3 = place.client("s3")
    s3.create_bucket(Bucket="records")

    def put(number: int) -> str:
        try:
            s3.put_object(Bucket="records", Key="fraud", Body=str(number), IfNoneMatch="*")
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return "won"

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(put, range(8))) == ["PreconditionFailed"] * 7 + ["won"]


def test_a_bucket_of_another_account_is_told_by_its_owner(place: Any) -> None:
    s3 = place.client("s3")
    s3.create_bucket(Bucket="records")
    s3.put_object(Bucket="records", Key="a", Body=b"1", ExpectedBucketOwner="123456789012")
    place.double.tell("POST", "owner", {"bucket": "records", "account": "999999999999"})
    with pytest.raises(ClientError) as refused:
        s3.put_object(Bucket="records", Key="a", Body=b"1", ExpectedBucketOwner="123456789012")
    assert refused.value.response["Error"]["Code"] == "AccessDenied"
