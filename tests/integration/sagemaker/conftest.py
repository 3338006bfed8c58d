"""The double as a process, with a real engine and a real registry behind it, and an image that was made for it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from deployer.testing.sagemaker import Spawned
from deployer_docker.client import connect, engine_address
from deployer_docker.config import DockerOptions
from deployer_docker.engine import DockerEngine
from tests.conformance.images import image_on, layer_of
from tests.plugins.docker import Image, ImageRegistry, Scope
from tests.plugins.waiting import eventually

SERVER = """\
import http.server, json, os, pathlib, signal, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self, status, text=""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(text.encode())))
        for name in ("Content-Type", "X-Amzn-SageMaker-Custom-Attributes"):
            if self.headers[name]:
                self.send_header(name, self.headers[name])
        self.end_headers()
        self.wfile.write(text.encode())
    def do_GET(self):
        self.answer(200 if self.path == "/ping" and not os.environ.get("NEVER_READY") else 503)
    def do_POST(self):
        asked = self.rfile.read(int(self.headers["Content-Length"] or 0)).decode()
        if asked == "fail":
            return self.answer(500, "no such column")
        model = pathlib.Path("/opt/ml/model")
        files = {str(each.relative_to(model)): each.read_text() for each in model.rglob("*") if each.is_file()}
        told = {"args": sys.argv[1:], "env": os.environ.get("LEVEL"), "files": files, "asked": asked}
        self.answer(200, json.dumps(told))
    def log_message(self, form, *args):
        pass
def leave(*_):
    print("draining", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
if os.environ.get("BROKEN"):
    raise SystemExit("_pickle.UnpicklingError: invalid load key")
print("serving", sys.argv[1:], flush=True)
http.server.ThreadingHTTPServer(("0.0.0.0", 8080), Handler).serve_forever()
"""


class PushError(Exception):
    """The engine's words."""


@dataclass
class Place:
    """A double that runs, and an image that it can host."""

    double: Spawned
    scope: Scope
    registry: ImageRegistry
    api: Any
    image: str
    """By which the engine has it, not pushed yet."""
    foreign: str
    """The same, but that it says to be for another machine."""

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.double.url,
            region_name="us-east-1",
            aws_access_key_id="a",
            aws_secret_access_key="b",
            config=Config(retries={"total_max_attempts": 1}),
        )

    def push(self, name: str = "served", tag: str = "1", image: str = "") -> str:
        """As any client does: a repository, a login, a push; the image's name in ECR."""
        ecr = self.client("ecr")
        if not [each for each in ecr.describe_repositories()["repositories"] if each["repositoryName"] == name]:
            ecr.create_repository(repositoryName=name, imageTagMutability="IMMUTABLE")
        (about,) = ecr.describe_repositories(repositoryNames=[name])["repositories"]
        uri = about["repositoryUri"]
        (given,) = ecr.get_authorization_token()["authorizationData"]
        user, _, password = base64.b64decode(given["authorizationToken"]).decode().partition(":")
        assert given["proxyEndpoint"].endswith((self.registry.tls, self.double.url))
        self.api.tag(image or self.image, uri, tag)
        lines = self.api.push(uri, tag, auth_config={"username": user, "password": password}, stream=True, decode=True)
        errors = [line["error"] for line in lines if "error" in line]
        self.api.remove_image(f"{uri}:{tag}")
        if errors:
            raise PushError(errors[0])
        return f"{uri}:{tag}"

    def role(self) -> str:
        trust = {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
            ],
        }
        made = self.client("iam").create_role(RoleName="hosting", AssumeRolePolicyDocument=json.dumps(trust))
        return str(made["Role"]["Arn"])

    def endpoint(self, role: str, image: str, name: str = "fraud", **more: Any) -> dict[str, Any]:
        """A model, a configuration and an endpoint of that name; what DescribeEndpoint tells in the end."""
        client, isolation = self.client("sagemaker"), more.pop("isolated", False)
        container = {"Image": image, **more}
        client.create_model(
            ModelName=name, ExecutionRoleArn=role, PrimaryContainer=container, EnableNetworkIsolation=isolation
        )
        variant = {
            "VariantName": "primary",
            "ModelName": name,
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": 1,
            "ContainerStartupHealthCheckTimeoutInSeconds": 60,
        }
        client.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
        client.create_endpoint(EndpointName=name, EndpointConfigName=name)
        return self.settled(name)

    def settled(self, name: str = "fraud") -> dict[str, Any]:
        """Polls: DescribeEndpoint is how a client waits."""
        client = self.client("sagemaker")

        def over() -> dict[str, Any]:
            told: dict[str, Any] = client.describe_endpoint(EndpointName=name)
            if told["EndpointStatus"] not in ("Creating", "Updating", "RollingBack"):
                return told
            self.tell("POST", "clock", {"advance": 0.2})
            return {}

        return eventually(over)

    def tell(self, method: str, route: str, value: Any = None) -> Any:
        return self.double.tell(method, route, value)

    def log(self, name: str = "fraud") -> list[str]:
        logs, group = self.client("logs"), f"/aws/sagemaker/Endpoints/{name}"
        streams = logs.describe_log_streams(logGroupName=group)["logStreams"]
        return [
            event["message"]
            for stream in streams
            for event in logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"])["events"]
        ]


@pytest.fixture
def new_place(
    tmp_path: Path, docker_host: str, docker_scope: Scope, image_registry: ImageRegistry, base_image: Image
) -> Generator[Callable[..., Place]]:
    """Starts the double as a process."""
    api = connect(engine_address(DockerOptions(host=docker_host)))
    engine = DockerEngine(api)
    config = {
        "Env": ["PATH=/usr/bin:/bin"],
        "Entrypoint": ["python3", "-u", "/opt/server.py"],
        "Labels": {"io.deployer.test": docker_scope.name},
    }
    layer = layer_of({"opt/server.py": SERVER.encode()})
    found = api.inspect_image(base_image.reference)
    images = []
    for number, about in enumerate((found, {**found, "Architecture": "s390x"})):
        archive, made = image_on(about, [layer], config)
        engine.load([archive])
        images.append(f"{docker_scope.name}/served:{number}")
        engine.tag(made, images[-1])
    password = tmp_path / "password"
    password.write_text(image_registry.password)
    started: list[Spawned] = []

    def start(*more: str, tls: bool = True) -> Place:
        registry = ["--registry", image_registry.tls, "--registry-user", image_registry.user]
        registry += ["--registry-password-file", str(password), "--registry-ca", str(image_registry.ca)]
        registry += ["--registry-prefix", f"{docker_scope.name}/"]
        if not tls:
            registry = ["--registry", image_registry.plain]
        spawned = Spawned(["--docker", docker_host, "--name", docker_scope.name, *registry, *more])
        started.append(spawned.__enter__())
        return Place(spawned, docker_scope, image_registry, api, *images)

    yield start
    for spawned in started:
        process = spawned.process
        spawned.__exit__()
        assert process.returncode == 0
    assert [each for each in docker_scope.left() if each.kind in ("container", "network")] == []
