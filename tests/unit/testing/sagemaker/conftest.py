"""A double in this process, with containers that are threads."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from botocore.config import Config

from deployer.testing.sagemaker import Double, Durations, InProcess, Options
from deployer.testing.sagemaker.echo import echo
from tests.plugins.waiting import eventually

ROLE = "arn:aws:iam::123456789012:role/hosting"
BUSY = ("Creating", "Updating", "Deleting", "RollingBack", "SystemUpdating")


@dataclass
class Place:
    """A double and the clients that talk to it."""

    double: Double
    containers: InProcess
    clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        """Made once: it takes longer than a call."""
        if service not in self.clients:
            self.clients[service] = boto3.client(
                service,
                endpoint_url=self.double.url,
                region_name="us-east-1",
                aws_access_key_id="a",
                aws_secret_access_key="b",
                config=Config(retries={"total_max_attempts": 1}),
            )
        return self.clients[service]

    @property
    def sagemaker(self) -> Any:
        return self.client("sagemaker")

    @property
    def runtime(self) -> Any:
        return self.client("sagemaker-runtime")

    def role(self, principal: str = "sagemaker.amazonaws.com", name: str = "hosting") -> str:
        trust = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": {"Service": principal}, "Action": "sts:AssumeRole"}],
        }
        made = self.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
        return str(made["Role"]["Arn"])

    def model(self, name: str = "m1", image: str = "good:1", **container: Any) -> None:
        self.sagemaker.create_model(
            ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": image, **container}
        )

    def config(self, name: str = "c1", model: str = "m1", count: int = 1, **more: Any) -> None:
        variant = {
            "VariantName": "primary",
            "ModelName": model,
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": count,
        }
        self.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant], **more)

    def endpoint(self, name: str = "fraud", count: int = 1) -> Mapping[str, Any]:
        """One that is InService, of model m1 and configuration c1."""
        self.role()
        self.model()
        self.config(count=count)
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName="c1")
        return self.settled(name)

    def settled(self, name: str = "fraud", seconds: float = 120) -> Mapping[str, Any]:
        """What DescribeEndpoint tells when it is in no transition any more."""
        client, clock = self.sagemaker, self.double.world.clock
        until = clock.monotonic() + seconds / clock.scale
        told: Mapping[str, Any]
        while (told := client.describe_endpoint(EndpointName=name))["EndpointStatus"] in BUSY:
            assert clock.monotonic() < until, told
            clock.wait(0.02 / clock.scale)
        return told

    def gone(self, name: str = "fraud") -> None:
        eventually(lambda: not self.sagemaker.list_endpoints(NameContains=name)["Endpoints"])

    def data(self, url: str = "s3://weights/model.tar.gz", **files: str) -> str:
        bucket, _, key = url.removeprefix("s3://").partition("/")
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            for name, text in files.items():
                about = tarfile.TarInfo(name)
                about.size = len(text)
                archive.addfile(about, io.BytesIO(text.encode()))
        s3 = self.client("s3")
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key=key, Body=packed.getvalue())
        return url


@pytest.fixture
def new_place() -> Generator[Callable[..., Place]]:
    """Makes a double; one at a time."""
    made: list[Place] = []

    def make(images: Mapping[str, Any] | None = None, **options: Any) -> Place:
        containers = InProcess({"": echo} if images is None else images)
        options.setdefault("durations", Durations(ping_every=0.01, alarms=0.05))
        place = Place(Double(Options(containers=containers, **options)), containers)
        place.double.__enter__()
        made.append(place)
        return place

    yield make
    for place in made:
        trouble = list(place.double.world.trouble)
        place.double.__exit__(None, None, None)
        assert trouble == []


@pytest.fixture
def place(new_place: Callable[..., Place]) -> Place:
    return new_place()
