"""What the suite needs of the Azure ML target: the double in this process, with containers that are threads.

The real runtime in real containers is behind the double where an engine is there; here the target's own logic is under
test, with its life cycle, its refusals and the minutes in which it takes no change.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from deployer.endpoint import ImageRef
from deployer.testing.azureml import InProcess
from deployer.testing.azureml.faults import Fault
from deployer.testing.azureml.state import BUSY
from deployer.testing.cloud.in_process import Started
from deployer.testing.conformance import Failure, Lot, Workbench
from deployer_azureml import kind
from deployer_azureml.client import Azure
from deployer_azureml.config import AzureMLOptions
from deployer_azureml.marks import read_marks

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from deployer.endpoint import Release
    from deployer.target import Site, Target, TargetKind
    from deployer.testing.azureml import Double
    from deployer.testing.cloud.containers import Wish
    from deployer.value import JSON

__all__ = ["AzureMLWorkbench", "Lots", "options_of"]

SURE = ("adopt", "configure", "route", "stage", "write_record")
"""Verbs that certainly ask for a change, whatever Azure is at; of others the first question fails."""
ALONE = ("configure", "route", "write_record")
"""Of these there is one change: half of it is all of it, with its answer lost."""
DRAIN = 0.15
"""Seconds."""
_CHANGES = ("Put", "Patch", "Delete")
_BLOBS = ("GetBlob", "ListBlobs", "PutBlob", "DeleteBlob")
_ERRORS: Mapping[Failure, tuple[str, int, str]] = {
    "throttled": ("TooManyRequests", 429, "The request is being throttled."),
    "server-error": ("InternalServerError", 500, "An internal server error occurred."),
    "permission": ("AuthorizationFailed", 403, "The client does not have authorization to perform action 'x'"),
}
_EVENTS: Mapping[str, Mapping[str, JSON]] = {
    "load-fails": {"event": "load-failed", "error_type": "UnpicklingError", "error": "invalid load key, 'x'."},
    "missing-dependency": {
        "event": "load-failed",
        "error_type": "ModuleNotFoundError",
        "error": "No module named 'absent'",
        "missing_module": "absent",
    },
}
"""What our server says of such a model, as it logs it."""


class _Draining(Started):
    """Answers those who were on their way when it was told to end, as our server does."""

    def stop(self, grace: float) -> None:
        time.sleep(DRAIN)
        super().stop(grace)


class Lots(InProcess):
    """Containers of the suite's four models."""

    def __init__(self) -> None:
        super().__init__({"": _server})

    def start(self, wish: Wish) -> Started:
        container = _Draining(wish, _server)
        self.started.append(container)
        for lot, event in _EVENTS.items():
            if lot in wish.image:
                container.write(json.dumps(event))
                container.end(1)
        return container


def _server(wish: Wish, write: Callable[[str], None]) -> WSGIApplication:
    """As our own server answers, as far as the suite looks."""
    revision = wish.environment.get("DEPLOYER_SERVING_REVISION")
    write(json.dumps({"time": datetime.now(UTC).isoformat(), "event": "started", "image": wish.image}))

    def application(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        status, answer = "200 OK", b""
        headers = [("Content-Type", "application/json")]
        if environ.get("HTTP_DEPLOYER_PATH", environ["PATH_INFO"]) not in ("/live", "/ready"):
            try:
                rows = json.loads(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))["inputs"]
                answer = json.dumps({"predictions": [sum(row) for row in rows]}).encode()
            except ValueError:
                status, answer = "400 Bad Request", b'{"error": "that is no JSON"}'
            if revision and environ.get("HTTP_DEPLOYER_REVISION", revision) != revision:
                status, answer = "421 Misdirected Request", b'{"error": "another revision is meant"}'
            headers += [("Deployer-Revision", revision)] if revision else []
            headers += [("Deployer-Parity", "equal")] if environ.get("HTTP_DEPLOYER_VERIFY") else []
        start(status, [*headers, ("Content-Length", str(len(answer)))])
        return [answer]

    return application


@dataclass(frozen=True, kw_only=True)
class _Next(Fault):
    """The next call that is a change, or any."""

    change: bool = True
    blobs: bool | None = None

    def fits(self, operation: str, name: str) -> bool:
        del name
        if operation in ("Token", "OpenId", "DiscoverInstance"):
            return False
        if self.blobs is not None and (operation in _BLOBS) is not self.blobs:
            return False
        return operation.startswith(_CHANGES) or not self.change


def options_of(double: Double, **more: Any) -> AzureMLOptions:
    """The double's workspace, by the double's own addresses."""
    cloud = {"name": "Double", "manager": double.url, "login": double.url, "blobs": f"{double.url}/{{account}}"}
    about = double.options
    where = {
        "subscription": about.subscription, "resource_group": about.group, "workspace": about.workspaces[0],
        "cloud": {**cloud, "ca_bundle": double.ca},
    }  # fmt: skip
    return AzureMLOptions.model_validate({**where, **more})


class AzureMLWorkbench(Workbench):
    """One workspace.

    Args:
        double: Its double.
        scope: What the names of a test begin with.
        config: Of each spec.
    """

    address = "deployer_azureml:kind"
    patience = 30.0
    pace = 0.1
    stride = 1 if os.environ.get("DEPLOYER_TEST_EVERY_STOP") else 3  # each of them takes a new endpoint
    copies = 50

    def __init__(self, double: Double, scope: str, config: Mapping[str, JSON] | None = None) -> None:
        self.double = double
        self._scope = scope
        self._config = dict(config or {})
        self._targets: list[Target] = []
        self.azure = Azure(self.options)

    @property
    def kind(self) -> TargetKind:
        return kind

    @property
    def options(self) -> AzureMLOptions:
        return options_of(self.double)

    def connect(self, site: Site | None = None) -> Target:
        made = super().connect(site)
        self._targets.append(made)
        return made

    def config(self, lot: Lot) -> dict[str, JSON]:
        del lot
        return {"startup": "60s", "instance_type": "Standard_DS2_v2", **self._config}

    def release(self, lot: Lot = "first", secrets: Mapping[str, int] | None = None) -> Release:
        plain = super().release(lot, secrets)
        image = ImageRef(id="", reference=f"conformance-{lot}:1")
        return plain.model_copy(update={"image": image, "spec": self.spec("any", lot).wish()})

    def inject(self, verb: str, failure: Failure) -> bool:
        if failure == "timeout":
            return False
        if verb in SURE:  # what is asked for is not left for a later look
            self._until(self._is_at_rest)
        for target in self._targets:
            vars(target)["_azure"].clock.forget()  # as one that has not asked for the time of late
            if "_doors" in vars(target):
                vars(target)["_doors"]._known.clear()
        # Of what is asked side by side, a Record that may not be read is told as such, and is no error of the look.
        blobs = verb.endswith("_record") if verb in ("list", "observe", "read_record") or "invoke" in verb else None
        wanted: dict[str, Any] = {"operation": "any", "change": verb in SURE, "blobs": blobs}
        if failure == "lost" or (failure == "half" and verb in ALONE):
            fault = _Next(**wanted, lost=True)
        elif failure == "half":
            fault = _Next(**wanted, skip=1, error="InternalServerError", status=500)
        else:
            code, status, message = _ERRORS[failure]
            fault = _Next(**wanted, error=code, status=status, message=message)
        self.double.world.faults.clear()
        self.double.world.faults.add(fault)
        return True

    def _is_at_rest(self) -> bool:
        with self.double.world.lock:
            mine = [each for each in self._workspace.endpoints.values() if self._scope in each.name]
            return not any(each.state in BUSY for main in mine for each in (main, *main.deployments.values()))

    def answered(self, target: Target, name: str, revision: str) -> int:
        """Azure Monitor counts no copies."""
        del target
        return sum(each.deployment == revision for each in self.double.world.figures.scored(name))

    @property
    def location(self) -> str:
        """The region."""
        return self.double.options.location

    def foreign_image(self) -> str:
        """What an endpoint of another tool runs."""
        return "conformance-first:1"

    def put_foreign(self, name: str) -> None:
        routes = {each: {"port": 8080, "path": "/ready"} for each in ("livenessRoute", "readinessRoute")}
        routes["scoringRoute"] = {"port": 8080, "path": "/invocations"}
        image = {"image": self.foreign_image(), "inferenceConfig": routes}
        environment = f"{self.azure.workspace}/environments/theirs-{name}/versions/1"
        tags, where = {"by": "hand"}, self.location
        self.azure.ask("PUT", environment, {"properties": image})
        about = f"onlineEndpoints/{name}"
        endpoint = {"location": where, "tags": tags, "properties": {"authMode": "Key", "traffic": {}}}
        self.azure.ask("PUT", about, endpoint)
        self._until(lambda: self._state(about) == "Succeeded")
        properties = {
            "endpointComputeType": "Managed", "instanceType": "Standard_DS2_v2", "environmentId": environment,
        }  # fmt: skip
        deployment = {"location": where, "tags": tags, "sku": {"name": "Default", "capacity": 1}}
        self.azure.ask("PUT", f"{about}/deployments/blue", {**deployment, "properties": properties})
        self._until(lambda: self._state(f"{about}/deployments/blue") == "Succeeded")
        self.azure.ask("PUT", about, {**endpoint, "properties": {"authMode": "Key", "traffic": {"blue": 100}}})
        self._until(lambda: self._state(about) == "Succeeded")

    def _state(self, path: str) -> str:
        return str(self.azure.ask("GET", path)["properties"]["provisioningState"])

    def _until(self, there: Callable[[], bool]) -> None:
        end = time.monotonic() + self.patience
        while not there():
            assert time.monotonic() < end
            time.sleep(self.pace)

    def foreign_untouched(self, name: str) -> bool:
        found = self.azure.ask("GET", f"onlineEndpoints/{name}")
        runs = self.azure.ask("GET", f"onlineEndpoints/{name}/deployments/blue")
        told = found["properties"]
        well = told["provisioningState"] == runs["properties"]["provisioningState"] == "Succeeded"
        return bool(well and found["tags"] == runs["tags"] == {"by": "hand"} and told["traffic"] == {"blue": 100})

    def running(self, name: str) -> JSON:
        with self.double.world.lock:
            found = self._workspace.endpoints.get(name)
            runs = [*found.deployments.values()] if found is not None else []
            return sorted(each.id for deployment in runs for each in deployment.instances)

    @property
    def _workspace(self) -> Any:
        return next(iter(self.double.world.workspaces.values()))

    def leftovers(self) -> list[str]:
        """Endpoints, deployments, environments and autoscale settings of ours, and Records, of the test's own."""
        world, found = self.double.world, self._workspace
        with world.lock:
            things = [each.name for each in found.endpoints.values() if read_marks(each.tags) is not None]
            things += [f"{name}:{version}" for kind, name, version in found.assets if kind == "environments"]
            things += [*world.autoscale]
        with world.blobs.lock:
            things += [*(world.blobs.container(found.container) or {})]
        return sorted(each for each in things if self._scope in each and not each.startswith("theirs-"))
