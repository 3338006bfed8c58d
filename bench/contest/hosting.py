"""One double of SageMaker for one scene, and what is left there: endpoints, configurations, models, objects."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3

from bench.contest.running import clean_environment
from deployer.testing.sagemaker import Spawned

__all__ = ["NAME", "ROLE", "Place", "Said", "Side"]

NAME = "iris"
ROLE = "serving"
ACCOUNT = "123456789012"
IMAGE = "mlflow-pyfunc"
DEPLOYER = Path(sys.executable).with_name("deployer")
_TRUST = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
_LONGEST = 600.0
_CHANGES = re.compile(r"(Create|Update|Delete|Put|AddTags|Register|Deregister|Initiate|Upload|Complete)")


@dataclass(frozen=True)
class Said:
    """How a command ended.

    Attributes:
        code: Its exit code.
        text: All that it said.
        seconds: How long it took.
    """

    code: int
    text: str
    seconds: float


class Place:
    """One account, on a double of its own.

    Args:
        double: It.
        folder: To work in.
        behind: Where its images really are: ``HOST:PORT/PREFIX``.
    """

    def __init__(self, double: Spawned, folder: Path, behind: str) -> None:
        self.double, self.folder, self.behind = double, folder, behind
        document = json.dumps({"Version": "2012-10-17", "Statement": [_TRUST]})
        self.client("iam").create_role(RoleName=ROLE, AssumeRolePolicyDocument=document)

    def client(self, service: str) -> Any:
        """boto3's."""
        told = self.double.environment
        return boto3.client(
            service, endpoint_url=self.double.url, region_name=told["AWS_DEFAULT_REGION"],
            aws_access_key_id=told["AWS_ACCESS_KEY_ID"], aws_secret_access_key=told["AWS_SECRET_ACCESS_KEY"],
        )  # fmt: skip

    def ran(self, command: Sequence[str | Path], variables: Mapping[str, str]) -> Said:
        """A command of one side, with this account's credentials and no settings of whoever runs the bench."""
        own = {
            **self.double.environment, **variables, "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/nowhere",
            "AWS_SHARED_CREDENTIALS_FILE": "/nowhere", "MLFLOW_DISABLE_TELEMETRY": "true",
        }  # fmt: skip
        began = time.perf_counter()
        done = subprocess.run(
            [*map(str, command)], cwd=self.folder, env=clean_environment(**own), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=_LONGEST, check=False,
        )  # fmt: skip
        return Said(done.returncode, done.stdout + done.stderr, time.perf_counter() - began)

    def things(self) -> set[str]:
        """What there is, each as ``kind name``."""
        hosting, s3 = self.client("sagemaker"), self.client("s3")
        found = {f"endpoint {each['EndpointName']}" for each in hosting.list_endpoints()["Endpoints"]}
        configs = hosting.list_endpoint_configs()["EndpointConfigs"]
        found |= {f"configuration {each['EndpointConfigName']}" for each in configs}
        found |= {f"model {each['ModelName']}" for each in hosting.list_models()["Models"]}
        for bucket in s3.list_buckets()["Buckets"]:
            listed = s3.list_objects_v2(Bucket=bucket["Name"]).get("Contents", [])
            found |= {f"object {bucket['Name']}/{each['Key']}" for each in listed}
        return found

    def repository(self, name: str) -> str:
        """A repository of ECR, made now; its address."""
        made = self.client("ecr").create_repository(repositoryName=name)
        return str(made["repository"]["repositoryUri"])

    def calls(self) -> tuple[int, int]:
        """How many calls were made, and how many of them change something; they are forgotten then."""
        made = [each["operation"] for each in self.double.tell("GET", "calls") if each["operation"]]
        self.double.tell("DELETE", "calls")
        return len(made), len([each for each in made if _CHANGES.match(each)])


@dataclass(frozen=True)
class Side:
    """Who deploys: ``deployer`` or ``mlflow``, by its command.

    Args:
        name: Which.
        command: The program.
        models: The first model, and the one of an update.
        base: What ours stands on.
        cache: Ours of layers.
    """

    name: str
    command: Path
    models: tuple[Path, Path]
    base: str
    cache: Path

    def prepare(self, place: Place) -> None:
        """What a person has done before: for MLflow, an image in ECR. What is in it, these containers do not ask."""
        if self.name == "mlflow":
            place.repository(IMAGE)
            where = ("--set", f"image.base={self.base}", "--to", f"{place.behind}{IMAGE}:1")
            command: tuple[str | Path, ...] = (DEPLOYER, "build", self.models[0], "--target", "sagemaker", *where)
            told = place.ran(command, {"XDG_CACHE_HOME": str(self.cache)})
            if told.code:
                raise SystemExit(f"not measured: no image for MLflow\n{told.text}")

    def create(self, place: Place, role: str = ROLE, fault: str = "") -> Said:
        """A new endpoint."""
        return self._release(place, "create", self.models[0], role, fault)

    def update(self, place: Place, fault: str = "") -> Said:
        """The other model."""
        return self._release(place, "update", self.models[1], ROLE, fault)

    def delete(self, place: Place) -> Said:
        """Away with it."""
        if self.name == "mlflow":
            return self._mlflow(place, "delete", "--name", NAME)
        return self._deployer(place, "delete", NAME, "--yes")

    def _release(self, place: Place, verb: str, model: Path, role: str, fault: str) -> Said:
        if self.name == "mlflow":
            told = {
                "image_url": f"{urlsplit(place.double.url).netloc}/{IMAGE}:1",
                "execution_role_arn": f"arn:aws:iam::{ACCOUNT}:role/{role}",
                "instance_type": "ml.m5.large", "instance_count": "1", "timeout_seconds": "90",
                "env": json.dumps({"BENCH_FAULT": fault} if fault else {}),
            }  # fmt: skip
            config = [word for key, value in told.items() for word in ("-C", f"{key}={value}")]
            return self._mlflow(place, verb, "--name", NAME, "--model-uri", str(model), *config)
        asked = {"config.role": role, "config.instance_type": "ml.m5.large", "image.base": self.base}
        if verb == "update":
            asked = {}
        asked |= {"env.BENCH_FAULT": fault} if fault else {}
        words = [word for key, value in asked.items() for word in ("--set", f"{key}={value}")]
        return self._deployer(place, verb, NAME, "--model", str(model), *words)

    def _mlflow(self, place: Place, verb: str, *words: str) -> Said:
        command: tuple[str | Path, ...] = (self.command, "deployments", verb, "-t", "sagemaker:/us-east-1", *words)
        return place.ran(command, {"MLFLOW_TRACKING_URI": f"file:{place.folder}/runs", "GIT_PYTHON_REFRESH": "quiet"})

    def _deployer(self, place: Place, verb: str, *words: str) -> Said:
        data = {f"XDG_{kind}_HOME": str(place.folder / kind.lower()) for kind in ("DATA", "STATE", "CONFIG")}
        command: tuple[str | Path, ...] = (self.command, verb, *words, "-t", "sagemaker")
        return place.ran(command, {**data, "XDG_CACHE_HOME": str(self.cache)})
