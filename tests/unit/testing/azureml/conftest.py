"""A double in this process, with containers that are threads, asked by plain HTTP."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from deployer.testing.azureml import Double, DoubleCredential, Durations, InProcess, Options
from deployer.testing.azureml.echo import echo

BUSY = ("Creating", "Updating", "Scaling", "Deleting")
GOOD = "good:1"
VERSION = "2024-10-01"


@dataclass(frozen=True)
class Said:
    """An answer."""

    status: int
    headers: Mapping[str, str]
    data: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.data)

    @property
    def code(self) -> str:
        return str(self.json["error"]["code"])

    @property
    def message(self) -> str:
        return str(self.json["error"]["message"])


@dataclass
class Place:
    """A double and a client of it."""

    double: Double
    containers: InProcess
    tokens: dict[str, str] = field(default_factory=dict)

    def send(
        self, method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None, host: str = ""
    ) -> Said:
        """One request; the URL may be a path."""
        where, about = urlsplit(self.double.url), urlsplit(url)
        context = ssl.create_default_context(cafile=self.double.ca)
        connection = http.client.HTTPSConnection(str(where.hostname), where.port or 443, context=context, timeout=30)
        try:
            target = about.path + (f"?{about.query}" if about.query else "")
            more = {"Host": host} if host else {}
            connection.request(method, target, body, {**more, **(headers or {})})
            answer = connection.getresponse()
            return Said(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    def token(self, scope: str = "https://management.azure.com/.default") -> str:
        if scope not in self.tokens:
            self.tokens[scope] = DoubleCredential(self.double.environment).get_token(scope).token
        return self.tokens[scope]

    def arm(self, method: str, path: str, body: Any = None, version: str = VERSION, **query: str) -> Said:
        """One request to ARM, of a path below the workspace, or a whole one."""
        where = path if path.startswith(("/subscriptions", "https:")) else f"{self.double.workspace}/{path}"
        if "api-version" not in where:
            where += f"?{urlencode({'api-version': version, **query})}"
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.token()}", "Content-Type": "application/json"}
        return self.send(method, where, data, headers)

    def endpoint(self, name: str = "fraud", mode: str = "Key", **properties: Any) -> Said:
        """A PUT of one; tags, identity and kind by name."""
        more: dict[str, Any] = {key: properties.pop(key) for key in ("tags", "identity") if key in properties}
        body = {"location": "eastus2", "properties": {"authMode": mode, **properties}, **more}
        return self.arm("PUT", f"onlineEndpoints/{name}", body)

    def environment(self, name: str = "env", version: str = "1", image: str = GOOD) -> str:
        route = {"port": 8080, "path": "/health"}
        routes = {
            "livenessRoute": route,
            "readinessRoute": route,
            "scoringRoute": {"port": 8080, "path": "/invocations"},
        }
        said = self.arm(
            "PUT",
            f"environments/{name}/versions/{version}",
            {"properties": {"image": image, "inferenceConfig": routes}},
        )
        assert said.status in (200, 201), said.json
        return str(said.json["id"])

    def body(self, image: str = GOOD, count: int = 1, **properties: Any) -> dict[str, Any]:
        """What a deployment's PUT has."""
        version = image.replace(":", "-").replace("/", "-")
        return {
            "location": "eastus2",
            "sku": {"name": "Default", "capacity": count},
            "tags": {"made": "here"},
            "properties": {
                "endpointComputeType": "Managed",
                "environmentId": self.environment(version=version, image=image),
                "instanceType": "Standard_DS3_v2",
                **properties,
            },
        }

    def deploy(self, name: str = "r01", image: str = GOOD, endpoint: str = "fraud", **more: Any) -> Said:
        return self.arm("PUT", f"onlineEndpoints/{endpoint}/deployments/{name}", self.body(image, **more))

    def route(self, traffic: Mapping[str, int], endpoint: str = "fraud", **properties: Any) -> Said:
        """A PUT of what is there, with other traffic."""
        found = self.arm("GET", f"onlineEndpoints/{endpoint}").json
        kept = {key: found["properties"][key] for key in ("authMode", "description", "mirrorTraffic", "compute")}
        body = {key: found[key] for key in ("location", "tags", "identity")}
        body["properties"] = {**kept, "traffic": dict(traffic), **properties}
        return self.arm("PUT", f"onlineEndpoints/{endpoint}", body)

    def settled(self, name: str = "fraud", seconds: float = 120) -> Any:
        """An endpoint (or ``ENDPOINT/DEPLOYMENT``) that nothing happens with any more."""
        path, until = f"onlineEndpoints/{name.replace('/', '/deployments/')}", time.monotonic() + seconds
        while (said := self.arm("GET", path)).status == 200 and said.json["properties"]["provisioningState"] in BUSY:
            assert time.monotonic() < until, said.json
            self.pause()
        return said.json

    def ended(self, said: Said, seconds: float = 120) -> Any:
        """What the operation says in the end that an answer began."""
        assert said.status in (200, 201, 202), said.data
        until = time.monotonic() + seconds
        while not (told := self.arm("GET", said.headers["Azure-AsyncOperation"]).json).get("endTime"):
            assert time.monotonic() < until, told
            self.pause()
        return told

    def advance(self, seconds: float) -> None:
        self.double.tell("POST", "clock", {"advance": seconds})
        self.tokens.clear()

    def pause(self) -> None:
        clock = self.double.world.clock
        clock.wait(0.01 / clock.scale)

    def serving(self, name: str = "fraud", deployment: str = "r01", **more: Any) -> None:
        """An endpoint whose traffic goes to one deployment."""
        self.ended(self.endpoint(name))
        self.ended(self.deploy(deployment, endpoint=name, **more))
        self.ended(self.route({deployment: 100}, name))

    def ask(self, name: str = "fraud", body: bytes = b"{}", key: str = "", **headers: str) -> Said:
        """A scoring request; by the endpoint's key."""
        said = self.arm("GET", f"onlineEndpoints/{name}").json["properties"]
        key = key or str(self.arm("POST", f"onlineEndpoints/{name}/listKeys").json["primaryKey"])
        about = {"Authorization": f"Bearer {key}", **{each.replace("_", "-"): value for each, value in headers.items()}}
        return self.send("POST", said["scoringUri"], body, about)


@pytest.fixture
def new_place() -> Generator[Callable[..., Place]]:
    """Makes a double."""
    made: list[Place] = []

    def make(images: Mapping[str, Any] | None = None, **options: Any) -> Place:
        containers = InProcess({"": echo} if images is None else images)
        options.setdefault("durations", Durations(probe_every=0.01))
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
