"""The double as a process, with a real engine and a real registry behind it, and an image that was made for it."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from deployer.testing.azureml import DoubleCredential, Spawned
from deployer_docker.client import connect, engine_address
from deployer_docker.config import DockerOptions
from deployer_docker.engine import DockerEngine
from tests.conformance.images import image_on, layer_of
from tests.plugins.docker import Image, ImageRegistry, Scope
from tests.plugins.waiting import eventually

NOBODY = "00000000-0000-0000-0000-000000000000"
SERVER = """\
import http.server, json, os, pathlib, signal, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self, status, text=""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())
    def do_GET(self):
        self.answer(200 if self.path == "/ready" and not os.environ.get("NEVER_READY") else 503)
    def do_POST(self):
        asked = self.rfile.read(int(self.headers["Content-Length"] or 0)).decode()
        if asked == "fail":
            return self.answer(500, "no such column")
        model = pathlib.Path(os.environ.get("AZUREML_MODEL_DIR", "/nowhere"))
        files = {str(each.relative_to(model)): each.read_text() for each in model.rglob("*") if each.is_file()}
        told = {"path": self.path, "env": os.environ.get("LEVEL"), "files": files, "asked": asked}
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
http.server.ThreadingHTTPServer(("0.0.0.0", 5005), Handler).serve_forever()
"""


class PushError(Exception):
    """The engine's words."""


@dataclass(frozen=True)
class Said:
    """An answer."""

    status: int
    headers: Mapping[str, str]
    data: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.data)


@dataclass
class Place:
    """A double that runs, and an image that it can host."""

    double: Spawned
    registry: ImageRegistry
    api: Any
    image: str
    """By which the engine has it, not pushed yet."""

    def send(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Said:
        where, about = urlsplit(self.double.url), urlsplit(url)
        context = ssl.create_default_context(cafile=self.double.ca)
        connection = http.client.HTTPSConnection(str(where.hostname), where.port or 443, context=context, timeout=60)
        try:
            connection.request(method, about.path + (f"?{about.query}" if about.query else ""), body, dict(headers))
            answer = connection.getresponse()
            return Said(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    def token(self, scope: str = "https://management.azure.com/.default") -> str:
        return DoubleCredential(self.double.environment).get_token(scope).token

    def arm(self, method: str, path: str, body: Any = None) -> Said:
        where = path if path.startswith(("/subscriptions", "https:")) else f"{self.double.workspace}/{path}"
        where += "" if "api-version" in where else "?api-version=2024-10-01"
        data = None if body is None else json.dumps(body).encode()
        return self.send(method, where, data, {"Authorization": f"Bearer {self.token()}"})

    def push(self, name: str = "served", tag: str = "1") -> str:
        """As any client does: Entra's token, the registry's refresh token, a push by the engine; the image's name."""
        about = self.arm("GET", self.double.workspace).json["properties"]["containerRegistry"]
        host = self.arm("GET", about).json["properties"]["loginServer"]
        form = {"grant_type": "access_token", "service": host, "access_token": self.token()}
        refresh = self.send("POST", "/oauth2/exchange", urlencode(form).encode(), {}).json["refresh_token"]
        self.api.tag(self.image, f"{host}/{name}", tag)
        login = {"username": NOBODY, "password": refresh}
        lines = list(self.api.push(f"{host}/{name}", tag, auth_config=login, stream=True, decode=True))
        self.api.remove_image(f"{host}/{name}:{tag}")
        if errors := [line["error"] for line in lines if "error" in line]:
            raise PushError(errors[0])
        return f"{host}/{name}:{tag}"

    def environment(self, image: str, version: str = "1") -> str:
        ready = {"port": 5005, "path": "/ready"}
        routes = {
            "livenessRoute": ready,
            "readinessRoute": ready,
            "scoringRoute": {"port": 5005, "path": "/invocations"},
        }
        body = {"properties": {"image": image, "inferenceConfig": routes}}
        return str(self.arm("PUT", f"environments/served/versions/{version}", body).json["id"])

    def endpoint(self) -> None:
        body = {"location": "eastus2", "properties": {"authMode": "Key"}}
        assert self.ended(self.arm("PUT", "onlineEndpoints/fraud", body))["status"] == "Succeeded"

    def deploy(
        self, environment: str, name: str = "r01", variables: Mapping[str, str] | None = None, **more: Any
    ) -> Any:
        """A deployment; what its operation says in the end."""
        probe = {"initialDelay": "PT1S", "period": "PT1S", "timeout": "PT2S", "failureThreshold": 30}
        properties = {
            "endpointComputeType": "Managed",
            "environmentId": environment,
            "instanceType": "Standard_DS3_v2",
            "environmentVariables": dict(variables or {}),
            "livenessProbe": probe,
            "readinessProbe": probe,
            "requestSettings": {"requestTimeout": "PT30S"},
            **more,
        }
        body = {"location": "eastus2", "sku": {"name": "Default", "capacity": 1}, "properties": properties}
        return self.ended(self.arm("PUT", "onlineEndpoints/fraud/deployments/r01", body))

    def ended(self, said: Said) -> Any:
        """Polls: that is how a client waits."""
        assert said.status in (200, 201, 202), said.data

        def over() -> Any:
            told = self.arm("GET", said.headers["Azure-AsyncOperation"]).json
            return told if told.get("endTime") else None

        return eventually(over)

    def ask(self, body: bytes = b"{}", deployment: str = "r01") -> Said:
        uri = self.arm("GET", "onlineEndpoints/fraud").json["properties"]["scoringUri"]
        key = self.arm("POST", "onlineEndpoints/fraud/listKeys").json["primaryKey"]
        return self.send("POST", uri, body, {"Authorization": f"Bearer {key}", "azureml-model-deployment": deployment})

    def log(self, deployment: str = "r01") -> str:
        where = f"onlineEndpoints/fraud/deployments/{deployment}/getLogs"
        return str(self.arm("POST", where, {"containerType": "InferenceServer", "tail": 100}).json["content"])


@pytest.fixture
def new_place(
    tmp_path: Path, docker_host: str, docker_scope: Scope, image_registry: ImageRegistry, base_image: Image
) -> Generator[Callable[..., Place]]:
    """Starts the double as a process."""
    api = connect(engine_address(DockerOptions(host=docker_host)))
    engine = DockerEngine(api)
    config = {
        "Env": ["PATH=/usr/bin:/bin"],
        "Cmd": ["python3", "-u", "/opt/server.py"],
        "Labels": {"io.deployer.test": docker_scope.name},
    }
    archive, made = image_on(
        api.inspect_image(base_image.reference), [layer_of({"opt/server.py": SERVER.encode()})], config
    )
    engine.load([archive])
    image = f"{docker_scope.name}/served:1"
    engine.tag(made, image)
    password = tmp_path / "password"
    password.write_text(image_registry.password)
    started: list[Spawned] = []

    def start(*more: str) -> Place:
        registry = ["--registry", image_registry.tls, "--registry-user", image_registry.user]
        registry += ["--registry-password-file", str(password), "--registry-ca", str(image_registry.ca)]
        registry += ["--registry-prefix", f"{docker_scope.name}/", "--docker", docker_host]
        spawned = Spawned([*registry, "--name", docker_scope.name, "--grace", "5", *more])
        started.append(spawned.__enter__())
        return Place(spawned, image_registry, api, image)

    yield start
    for spawned in started:
        process = spawned.process
        spawned.__exit__()
        assert process.returncode == 0
    assert [each for each in docker_scope.left() if each.kind in ("container", "network")] == []
