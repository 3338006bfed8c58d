"""The double with real containers, real pushes and real predictions."""

from __future__ import annotations

import io
import json
import tarfile
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from deployer.testing.sagemaker import REASONS
from tests.integration.sagemaker.conftest import PushError
from tests.plugins.waiting import eventually


def ask(place: Any, body: bytes = b"{}", **more: Any) -> Any:
    answer = place.client("sagemaker-runtime").invoke_endpoint(EndpointName="fraud", Body=body, **more)
    return answer, json.loads(answer["Body"].read())


def test_a_pushed_image_is_hosted_as_sagemaker_does(new_place: Callable[..., Any]) -> None:
    place = new_place()
    role, image = place.role(), place.push()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        about = tarfile.TarInfo("MLmodel")
        about.size = 2
        archive.addfile(about, io.BytesIO(b"{}"))
    s3 = place.client("s3")
    s3.create_bucket(Bucket="weights")
    s3.put_object(Bucket="weights", Key="model.tar.gz", Body=packed.getvalue())

    told = place.endpoint(role, image, ModelDataUrl="s3://weights/model.tar.gz", Environment={"LEVEL": "info"})
    assert told["EndpointStatus"] == "InService", (told, place.log())
    (deployed,) = told["ProductionVariants"][0]["DeployedImages"]
    (detail,) = place.client("ecr").describe_images(repositoryName="served")["imageDetails"]
    assert deployed["SpecifiedImage"] == image
    assert deployed["ResolvedImage"] == f"{image.rpartition(':')[0]}@{detail['imageDigest']}"

    answer, said = ask(place, b"x=1", CustomAttributes="rev=r1", ContentType="text/csv")
    assert (answer["CustomAttributes"], answer["ContentType"]) == ("rev=r1", "text/csv")
    assert (said["args"], said["env"], said["files"], said["asked"]) == (["serve"], "info", {"MLmodel": "{}"}, "x=1")
    with pytest.raises(ClientError, match="ModelError") as failed:
        ask(place, b"fail")
    assert (failed.value.response["OriginalStatusCode"], failed.value.response["OriginalMessage"]) == (
        500,
        "no such column",
    )
    assert place.log() == ["serving ['serve']"]

    place.tell("POST", "crash", {"name": "fraud"})
    with pytest.raises(ClientError, match="ServiceUnavailable"):
        ask(place)

    def answers() -> bool:
        try:
            return bool(ask(place))
        except ClientError:
            return False

    eventually(answers)

    place.client("sagemaker").delete_endpoint(EndpointName="fraud")
    eventually(lambda: not place.client("sagemaker").list_endpoints()["Endpoints"])
    assert place.log()[-1] == "draining"
    assert place.tell("GET", "figures")["trouble"] == []


def test_a_container_that_fails_leaves_the_telling_line(new_place: Callable[..., Any]) -> None:
    place = new_place("--scale", "0.05")
    role, image = place.role(), place.push()
    told = place.endpoint(role, image, Environment={"BROKEN": "1"})
    assert (told["EndpointStatus"], told["FailureReason"]) == ("Failed", REASONS["ping"].format(variant="primary"))
    assert place.log() == ["_pickle.UnpicklingError: invalid load key"]


def test_an_update_to_a_container_that_is_never_ready_is_rolled_back(new_place: Callable[..., Any]) -> None:
    place = new_place("--scale", "0.02")
    role, image = place.role(), place.push()
    assert place.endpoint(role, image)["EndpointStatus"] == "InService"
    client = place.client("sagemaker")
    container = {"Image": image, "Environment": {"NEVER_READY": "1"}}
    client.create_model(ModelName="fraud-2", ExecutionRoleArn=role, PrimaryContainer=container)
    variant = {
        "VariantName": "primary",
        "ModelName": "fraud-2",
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
        "ContainerStartupHealthCheckTimeoutInSeconds": 60,
    }
    client.create_endpoint_config(EndpointConfigName="fraud-2", ProductionVariants=[variant])
    client.update_endpoint(EndpointName="fraud", EndpointConfigName="fraud-2")
    told = place.settled()
    assert (told["EndpointStatus"], told["EndpointConfigName"]) == ("InService", "fraud")
    assert "ping health check" in told["FailureReason"]
    assert ask(place)[1]["args"] == ["serve"]
    assert place.tell("GET", "figures")["instances"]["peak"] == 2


def test_an_isolated_model_has_no_way_out(new_place: Callable[..., Any]) -> None:
    place = new_place()
    told = place.endpoint(place.role(), place.push(), isolated=True)
    assert told["EndpointStatus"] == "InService", place.log()
    assert ask(place)[1]["args"] == ["serve"]
    (network,) = [each for each in place.scope.left() if each.kind == "network"]
    told = place.api.inspect_network(network.id)
    assert told["Internal"]
    (container,) = told["Containers"]
    assert list(place.api.inspect_container(container)["NetworkSettings"]["Networks"]) == [network.name]


def test_what_the_registry_has_is_what_ecr_tells(new_place: Callable[..., Any]) -> None:
    place = new_place()
    role, image = place.role(), place.push(tag="7")
    ecr = place.client("ecr")
    assert [each["imageTag"] for each in ecr.list_images(repositoryName="served")["imageIds"]] == ["7"]
    asked = [{"imageTag": "7"}, {"imageTag": "8"}]
    found = ecr.batch_get_image(repositoryName="served", imageIds=asked)
    assert json.loads(found["images"][0]["imageManifest"])["schemaVersion"] == 2
    assert [each["failureCode"] for each in found["failures"]] == ["ImageNotFound"]
    with pytest.raises(ClientError, match="RepositoryNotFoundException"):
        ecr.describe_images(repositoryName="none")
    for wrong in (image[:-1] + "8", image.replace("served", "none")):
        with pytest.raises(ClientError, match=f"Requested image {wrong} not found"):
            place.endpoint(role, wrong)
    with pytest.raises(ClientError, match="non-ECR image"):
        place.endpoint(role, "docker.io/library/python:3")


@pytest.mark.parametrize("at_once", [True, False])
def test_an_image_for_another_machine(new_place: Callable[..., Any], at_once: bool) -> None:
    place = new_place("--guess", f"architecture-checked-at-create-model={'yes' if at_once else 'no'}")
    role, image = place.role(), place.push(image=place.foreign)
    if at_once:
        with pytest.raises(ClientError, match="is for linux/s390x"):
            place.endpoint(role, image)
    else:  # the interpreter in it is this machine's, so that it runs all the same
        assert place.endpoint(role, image)["EndpointStatus"] == "InService"


def test_an_index_is_refused(new_place: Callable[..., Any], base_image: Any) -> None:
    place = new_place(tls=False)
    repository = base_image.reference.partition("/")[2].partition(":")[0]
    place.client("ecr").create_repository(repositoryName=repository)
    with pytest.raises(ClientError, match=r"Unsupported manifest media type application/vnd\..*(list|index)"):
        place.endpoint(place.role(), base_image.reference)


def test_a_push_through_the_double_is_checked_as_ecr_does(new_place: Callable[..., Any]) -> None:
    place = new_place("--registry-proxy")
    role, image = place.role(), place.push()
    pushed_by = time.time()
    assert image.startswith(place.double.url.removeprefix("http://") + "/served:")
    told = place.endpoint(role, image)
    assert told["EndpointStatus"] == "InService", place.log()
    (deployed,) = told["ProductionVariants"][0]["DeployedImages"]
    assert deployed["ResolvedImage"].startswith(image.rpartition(":")[0] + "@sha256:")
    (detail,) = place.client("ecr").describe_images(repositoryName="served")["imageDetails"]
    assert detail["imagePushedAt"].timestamp() <= pushed_by
    assert ask(place)[1]["args"] == ["serve"]
    assert place.push() == image  # the same bytes under the same tag
    with pytest.raises(PushError, match="cannot be overwritten because the repository is immutable"):
        place.push(image=place.foreign)

    pushed = {call["operation"] for call in place.tell("GET", "calls") if call["service"] == "ecr"}
    steps = {"BatchCheckLayerAvailability", "InitiateLayerUpload", "UploadLayerPart", "CompleteLayerUpload", "PutImage"}
    assert steps <= pushed
    statements = [
        {
            "Sid": "Login",
            "Effect": "Allow",
            "Action": ["ecr:GetAuthorizationToken", "ecr:*Repositor*"],
            "Resource": "*",
        },
        {"Sid": "Layers", "Effect": "Allow", "Action": "ecr:*Layer*", "Resource": "*:repository/other"},
    ]
    place.tell("PUT", "policy", {"Statement": statements})
    with pytest.raises(PushError, match="not authorized to perform: ecr:"):
        place.push(name="other")
    assert place.tell("GET", "policy")["unused"] == []
