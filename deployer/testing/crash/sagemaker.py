"""The crash matrix on SageMaker's double: the double is a process of its own, and images are really pushed to its ECR.

A package index must be there, and what `BASE` and `REGISTRY` name in the environment. Containers are threads of the
double, or real ones on an engine.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import uuid
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deployer.errors import SpecError
from deployer.registry import Registry
from deployer.target import Site
from deployer.testing.crash.bench import CrashBench, CrashLot
from deployer.testing.crash.hosted import LOT
from deployer.testing.crash.local import write_served_model
from deployer.testing.sagemaker.spawned import Spawned

if TYPE_CHECKING:
    from collections.abc import Callable

    from deployer.target import Target
    from deployer.value import JSON

if sys.platform == "win32":
    raise ImportError("the crash matrix kills by signals, as Unix does")

__all__ = ["BASE", "REGISTRY", "SageMakerBench"]

BASE = "DEPLOYER_TEST_BASE_IMAGE"
"""An image with this Python's minor version, which the models' images stand on."""
REGISTRY = "DEPLOYER_TEST_REGISTRY"
"""``HOST:PORT`` of a registry that anybody may push to, without a log-in; it stands in for ECR's."""
LOTS: tuple[CrashLot, ...] = ("first", "second", "failing")
_ROLE = "hosting"
_TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
_ASKED = "deployer:asked"
"""The tag with a moment in it."""
_GOING = "Deleting"


class SageMakerBench(CrashBench):
    """One account. One worker of a process uses it at a time, since who is asked is told by the environment.

    Args:
        folder: Unused: nothing of an endpoint is on this host.
        models: For the models.
        engine: Of a Docker engine for real containers, ``unix:///...``; by default they are threads.
        name: What everything of it on the engine and in the registry begins with; by default one of its own.
        cache: Where wheels and layers are kept from run to run, as on a laptop; by default the user's cache.

    Raises:
        ValueError: The environment names no base image or registry.
    """

    kind = "sagemaker"
    pause = 0.1
    calls_every = 0.03  # each request is also work of the one process that the double is
    seconds = 300

    def __init__(
        self,
        folder: Path,  # noqa: ARG002
        models: Path,
        *,
        engine: str | None = None,
        name: str | None = None,
        cache: Path | None = None,
    ) -> None:
        missing = [each for each in (BASE, REGISTRY) if not os.environ.get(each)]
        if missing:
            raise ValueError(f"{' and '.join(missing)} must be set, for an image and a registry that are there")
        self._cache = cache or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        self._threads = engine is None
        name = name or f"crash-{uuid.uuid4().hex[:6]}"
        runner = ["--in-process", "deployer.testing.crash.hosted:containers"]
        if engine is not None:
            runner = ["--docker", engine, "--name", name]
        registry = ["--registry", os.environ[REGISTRY], "--registry-proxy", "--registry-prefix", f"{name}/"]
        self._double = Spawned([*runner, *registry, "--region", "eu-west-1"])
        self._models = models
        for lot in LOTS:
            write_served_model(self._models / lot, lot)
        self._left = contextlib.ExitStack()
        self._clients: dict[str, Any] = {}

    def __enter__(self) -> SageMakerBench:
        with contextlib.ExitStack() as opened:
            opened.enter_context(self._double)
            opened.enter_context(_environment(self._surroundings()))
            self._client("iam").create_role(RoleName=_ROLE, AssumeRolePolicyDocument=json.dumps(_TRUST))
            self._left = opened.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._left.close()

    def _surroundings(self) -> dict[str, str]:
        none = dict.fromkeys(("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"), os.devnull)
        return {**self._double.environment, **none, "AWS_EC2_METADATA_DISABLED": "true"}

    @property
    def options(self) -> dict[str, JSON]:
        return {"role": _ROLE}

    def connect(self) -> Target:
        kind = Registry().kind("sagemaker")
        return kind.connect(kind.options.model_validate(self.options), Site("crash"))

    def fields(self, lot: CrashLot) -> dict[str, JSON]:
        return {
            "model": str(self._models / lot),
            "image": {"base": os.environ[BASE]},
            "env": {LOT: lot} if self._threads else {},
            "health": {"consecutive": 1, "timeout": "120s"},
        }

    def environ(self, lot: CrashLot) -> dict[str, str]:  # noqa: ARG002 - the same for all
        return {**self._surroundings(), "XDG_CACHE_HOME": str(self._cache)}

    def begin(self, word: str, prepare: Callable[[], None]) -> None:
        super().begin(word, prepare)
        if trouble := self._double.tell("GET", "figures")["trouble"]:
            raise RuntimeError(f"the double has had trouble: {trouble}")

    def clear(self) -> None:
        """Let the account be empty, but for its role."""
        kinds = (("endpoint", "Endpoint"), ("endpoint-config", "EndpointConfig"), ("model", "Model"))
        for kind, word in kinds:
            for each in self._all("sagemaker", f"list_{kind.replace('-', '_')}s", f"{word}s"):
                with contextlib.suppress(SpecError):  # it was on its way out
                    self._double.tell("POST", "vanish", {"kind": kind, "name": each[f"{word}Name"]})
        s3 = self._client("s3")
        for bucket in s3.list_buckets()["Buckets"]:
            for each in self._all("s3", "list_objects_v2", "Contents", Bucket=bucket["Name"]):
                s3.delete_object(Bucket=bucket["Name"], Key=each["Key"])
            s3.delete_bucket(Bucket=bucket["Name"])
        for each in self._all("logs", "describe_log_groups", "logGroups"):
            self._client("logs").delete_log_group(logGroupName=each["logGroupName"])
        for each in self._all("ecr", "describe_repositories", "repositories"):
            self._client("ecr").delete_repository(repositoryName=each["repositoryName"], force=True)

    def holdings(self) -> JSON:
        """What is there of each kind, but for endpoints that are on their way out."""
        endpoints = self._all("sagemaker", "list_endpoints", "Endpoints")
        configs = self._all("sagemaker", "list_endpoint_configs", "EndpointConfigs")
        models = self._all("sagemaker", "list_models", "Models")
        buckets = [each["Name"] for each in self._client("s3").list_buckets()["Buckets"]]
        objects = [each for name in buckets for each in self._all("s3", "list_objects_v2", "Contents", Bucket=name)]
        groups = self._all("logs", "describe_log_groups", "logGroups")
        return {
            "endpoints": {
                each["EndpointName"]: self._endpoint(each) for each in endpoints if each["EndpointStatus"] != _GOING
            },
            "configs": {each["EndpointConfigName"]: self._tags(each["EndpointConfigArn"]) for each in configs},
            "models": sorted(each["ModelName"] for each in models),
            "objects": sorted(each["Key"] for each in objects),
            "logs": sorted(each["logGroupName"] for each in groups),
            "repositories": self._repositories(),
        }

    def _endpoint(self, listed: dict[str, Any]) -> JSON:
        tags = self._tags(listed["EndpointArn"])
        described = self._client("sagemaker").describe_endpoint(EndpointName=listed["EndpointName"])
        variants = described.get("ProductionVariants") or ()
        return {
            "status": described["EndpointStatus"], "config": described.get("EndpointConfigName"), "tags": tags,
            "counts": [each.get("DesiredInstanceCount") for each in variants],
        }  # fmt: skip

    def _tags(self, arn: str) -> dict[str, JSON]:
        found = {each["Key"]: each["Value"] for each in self._all("sagemaker", "list_tags", "Tags", ResourceArn=arn)}
        return {key: re.sub(r"\d{9,}(\.\d+)?", "MOMENT", value) for key, value in found.items()}

    def _repositories(self) -> dict[str, JSON]:
        names = [each["repositoryName"] for each in self._all("ecr", "describe_repositories", "repositories")]
        return {name: len(self._client("ecr").list_images(repositoryName=name)["imageIds"]) for name in names}

    def _all(self, service: str, operation: str, key: str, **asked: str) -> list[dict[str, Any]]:
        pages = self._client(service).get_paginator(operation).paginate(**asked)
        return [each for page in pages for each in page.get(key) or ()]

    def _client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = import_module("botocore.session").Session().create_client(service)
        return self._clients[service]


@contextlib.contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """With these variables of AWS's, and no others."""
    before = dict(os.environ)
    for name in [each for each in before if each.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
