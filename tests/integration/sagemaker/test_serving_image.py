"""An image as deployer assembles it, with a secret of Secrets Manager, run and asked as SageMaker does it."""

from __future__ import annotations

import hashlib
import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_socket
from botocore.exceptions import ClientError

from deployer.spec import DeploymentSpec
from deployer_docker.client import connect, engine_address
from deployer_docker.config import DockerOptions
from deployer_sagemaker.attributes import BEHIND, attributes_of, headers_in
from deployer_sagemaker.vault import references
from tests.e2e.tiny import EXAMPLE, write_tiny
from tests.integration.sagemaker.assembling import assembled
from tests.integration.sagemaker.conftest import Place
from tests.plugins.docker import Image, Scope

pytestmark = [pytest.mark.index, pytest.mark.slow, pytest.mark.timeout(900)]

TOKEN = "tok-of-an-image-71ab"
MODEL = """\
import hashlib, os


class Model:
    def predict(self, frame, params=None):
        return [hashlib.sha256(os.environ["API_TOKEN"].encode()).hexdigest()] * len(frame)


def _load_pyfunc(path):
    return Model()
"""
DIGEST = hashlib.sha256(TOKEN.encode()).hexdigest()


def wish(model: Path, base: str, arn: str) -> DeploymentSpec:
    return DeploymentSpec.model_validate(
        {
            "name": "fraud",
            "model": str(model),
            "target": "sagemaker",
            "image": {"base": base},
            "secrets": {"API_TOKEN": {"ref": f"{arn}:token::"}},
        }
    )


def reachable(api: Any) -> str:
    """An address of this machine that containers reach, where the engine is this machine's."""
    (config,) = [each for each in api.inspect_network("bridge")["IPAM"]["Config"] if "Gateway" in each]
    gateway = str(config["Gateway"])
    try:
        socket.create_server((gateway, 0)).close()
    except OSError as error:
        pytest.skip(f"the engine runs on another machine, whose containers do not reach this one: {error}")
    pytest_socket.socket_allow_hosts(["127.0.0.1", "::1", "localhost", gateway], allow_unix_socket=True)
    return gateway


def hosted(place: Place, role: str, image: str, name: str, environment: dict[str, str]) -> str:
    """The status of an endpoint of that name when it is no longer made; the real server takes real seconds to load."""
    client = place.client("sagemaker")
    container = {"Image": image, "Environment": environment}
    client.create_model(ModelName=name, ExecutionRoleArn=role, PrimaryContainer=container)
    variant = {
        "VariantName": "primary", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1,
        "ContainerStartupHealthCheckTimeoutInSeconds": 600,
    }  # fmt: skip
    client.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    client.create_endpoint(EndpointName=name, EndpointConfigName=name)
    until = time.monotonic() + 120
    while (status := client.describe_endpoint(EndpointName=name)["EndpointStatus"]) == "Creating":
        assert time.monotonic() < until, place.log(name)
        time.sleep(0.1)
    return str(status)


def invoke(place: Place, attributes: str = "", body: Any = EXAMPLE) -> tuple[Any, str]:
    answer = place.client("sagemaker-runtime").invoke_endpoint(
        EndpointName="fraud", Body=json.dumps(body), ContentType="application/json",
        **({"CustomAttributes": attributes} if attributes else {}),
    )  # fmt: skip
    return json.loads(answer["Body"].read()), answer["CustomAttributes"]


def test_it_serves_with_its_secret_and_says_why_it_may_not(
    *, new_place: Callable[..., Place], docker_host: str, docker_scope: Scope, base_image: Image, tmp_path: Path
) -> None:
    api = connect(engine_address(DockerOptions(host=docker_host)))
    place = new_place("--host", reachable(api))
    arn = place.client("secretsmanager").create_secret(Name="t", SecretString=json.dumps({"token": TOKEN}))["ARN"]
    spec = wish(write_tiny(tmp_path / "model", MODEL), base_image.reference, arn)
    name = f"{docker_scope.name}/assembled:1"
    assert "botocore" in assembled(spec, name, docker_host, tmp_path)
    labels = api.inspect_image(name)["Config"]["Labels"]
    assert labels["com.amazonaws.sagemaker.capabilities.accept-bind-to-port"] == "true"
    role, image = place.role(), place.push(name="assembled", image=name)
    given = {**references(spec), **BEHIND, **place.double.environment, "DEPLOYER_SERVING_REVISION": "r1a2b3c4"}
    assert hosted(place, role, image, "fraud", given) == "InService", place.log()

    answer, attributes = invoke(place, attributes_of({"Deployer-Verify": "1", "Deployer-Revision": "r1a2b3c4"}))
    assert answer == {"predictions": [DIGEST, DIGEST]}
    assert headers_in(attributes) == {"deployer-revision": "r1a2b3c4", "deployer-parity": "equal"}
    ready, attributes = invoke(place, attributes_of({}, "/ready"))
    assert (ready, attributes) == ({"state": "ready"}, "deployer-revision=r1a2b3c4")
    assert invoke(place, "trace=7")[1] == "deployer-revision=r1a2b3c4,trace=7"
    with pytest.raises(ClientError) as misled:
        invoke(place, attributes_of({"Deployer-Revision": "r7654321"}))
    assert misled.value.response["OriginalStatusCode"] == 421
    stream = place.client("sagemaker-runtime").invoke_endpoint_with_response_stream(
        EndpointName="fraud", Body=json.dumps(EXAMPLE), ContentType="application/json"
    )
    assert stream["CustomAttributes"] == "deployer-revision=r1a2b3c4"
    parts = b"".join(each["PayloadPart"]["Bytes"] for each in stream["Body"])
    assert json.loads(parts) == {"predictions": [DIGEST, DIGEST]}
    assert TOKEN not in "\n".join(place.log())

    allowed = ["sagemaker:*", "iam:*", "ecr:*", "logs:*", "s3:*"]
    place.tell("PUT", "policy", {"Statement": {"Effect": "Allow", "Action": allowed, "Resource": "*"}})
    assert hosted(place, role, image, "refused", given) == "Failed"
    said = [json.loads(line) for line in place.log("refused") if '"start-failed"' in line]
    assert f"not authorized to perform: secretsmanager:GetSecretValue on resource: {arn}" in said[0]["error"]
