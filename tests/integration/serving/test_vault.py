"""Secrets that lie in Secrets Manager: read by a started server from moto's, through the SageMaker double."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import boto3
import pytest

from deployer.endpoint import Code
from deployer.testing.sagemaker import Spawned
from deployer_sagemaker.causes import cause_of
from tests.integration.serving.conftest import Start
from tests.integration.serving.runtime import Runtime

pytestmark = pytest.mark.skipif(find_spec("moto") is None, reason="needs moto")

Saved = Callable[[str], Path]
TOKEN, PASSWORD = "tok-of-a-vault-4f1d", "pass-of-a-vault-9c2e"


@pytest.fixture(scope="module")
def double() -> Generator[Spawned, None, None]:
    with Spawned(["--in-process", "echo"]) as spawned:
        yield spawned


@pytest.fixture(scope="module")
def secrets(double: Spawned) -> dict[str, str]:
    """Name -> ARN."""
    client: Any = boto3.client(
        "secretsmanager", endpoint_url=double.url, region_name="us-east-1",
        aws_access_key_id="a", aws_secret_access_key="b",
    )  # fmt: skip
    held = {"token": TOKEN, "database": json.dumps({"user": "ada", "password": PASSWORD})}
    return {name: client.create_secret(Name=name, SecretString=value)["ARN"] for name, value in held.items()}


@pytest.fixture
def policed(double: Spawned) -> Generator[Callable[[Any], None], None, None]:
    """Has the double check every call by a policy, until the end of the test."""

    def police(document: Any) -> None:
        double.tell("PUT", "policy", document)

    yield police
    double.tell("DELETE", "policy")


def place(double: Spawned, **references: str) -> dict[str, str]:
    """The environment of a container: AWS's address, and references."""
    given = {f"DEPLOYER_SERVING_VAULT_{name}": reference for name, reference in references.items()}
    return {**double.environment, **given, "AWS_EC2_METADATA_DISABLED": "true"}


def shown(runtime: Runtime, name: str) -> Any:
    return runtime.predict({"dataframe_records": [{"what": "environment", "name": name}]}).json["predictions"][name]


def test_the_model_finds_the_values_and_nobody_else(
    start: Start, saved: Saved, double: Spawned, secrets: dict[str, str]
) -> None:
    references = {"API_TOKEN": secrets["token"], "DB_PASSWORD": f"{secrets['database']}:password::"}
    runtime = start(saved("outputs"), "--log-level", "debug", **place(double, **references)).ready()
    assert (shown(runtime, "API_TOKEN"), shown(runtime, "DB_PASSWORD")) == (TOKEN, PASSWORD)
    event = runtime.event("secrets")
    assert event["names"] == ["API_TOKEN", "DB_PASSWORD"]
    runtime.terminate()
    assert runtime.ended() == 0
    assert not [line for line in runtime.lines if TOKEN in line or PASSWORD in line]


def test_a_right_that_is_missing_is_told_by_its_action(
    *, start: Start, saved: Saved, double: Spawned, secrets: dict[str, str], policed: Callable[[Any], None]
) -> None:
    policed({"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}})
    runtime = start(saved("outputs"), **place(double, API_TOKEN=secrets["token"]))
    assert runtime.ended() == 1
    event = runtime.event("start-failed")
    assert event["error_type"] == "SecretUnavailable"
    assert event["error"].startswith(
        f"API_TOKEN is not read: not authorized to perform: secretsmanager:GetSecretValue on resource: "
        f"{secrets['token']} (User: "
    )
    found = cause_of(event["error"])
    assert found is not None
    assert (found.code, found.subject) == (Code.PERMISSION, "secretsmanager:GetSecretValue")
    assert not [each for each in runtime.events if each["event"] == "ready"]


def test_a_secret_that_is_not_there(start: Start, saved: Saved, double: Spawned) -> None:
    arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:lost-AbCdEf"
    runtime = start(saved("outputs"), **place(double, API_TOKEN=arn))
    assert runtime.ended() == 1
    assert f"there is no secret {arn}" in runtime.event("start-failed")["error"]


class _Role(BaseHTTPRequestHandler):
    """Hands out what a container's role has, as the agent beside it does (botocore: ContainerProvider)."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        told = {
            "AccessKeyId": "ASIAOFAROLE", "SecretAccessKey": "of-a-role", "Token": "t",
            "Expiration": "2999-01-01T00:00:00Z",
        }  # fmt: skip
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def test_the_credentials_of_the_container_s_role(
    *, start: Start, saved: Saved, double: Spawned, secrets: dict[str, str]
) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Role) as agent:
        threading.Thread(target=agent.serve_forever, daemon=True).start()
        environment = place(double, API_TOKEN=secrets["token"])
        environment |= {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
        environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = f"http://127.0.0.1:{agent.server_port}/role"
        runtime = start(saved("outputs"), **environment).ready()
        agent.shutdown()
    assert _Role.asked == ["/role"]
    assert shown(runtime, "API_TOKEN") == TOKEN
    assert "of-a-role" not in "".join(runtime.lines)


def test_no_credentials(start: Start, saved: Saved, double: Spawned, secrets: dict[str, str], tmp_path: Path) -> None:
    environment = place(double, API_TOKEN=secrets["token"])
    environment |= {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "HOME": str(tmp_path)}
    runtime = start(saved("outputs"), **environment)
    assert runtime.ended() == 1
    assert "no AWS credentials" in runtime.event("start-failed")["error"]


def test_the_sdk_is_not_there(
    *, start: Start, saved: Saved, double: Spawned, secrets: dict[str, str], tmp_path: Path
) -> None:
    """An image that was made without such secrets, and is given one by hand."""
    (tmp_path / "without").mkdir()
    (tmp_path / "without" / "botocore.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'botocore'\", name='botocore')"
    )
    environment = place(double, API_TOKEN=secrets["token"])
    runtime = start(saved("outputs"), **environment, PYTHONPATH=str(tmp_path / "without"))
    assert runtime.ended() == 1
    event = runtime.event("start-failed")
    assert "botocore" in event["error"]
    assert event["missing_module"] is None  # the model's own requirements are not to blame
