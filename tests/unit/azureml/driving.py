"""Drives what is due on the double by plain HTTP, without the connection: for tests of the parts beside the verbs."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from deployer.endpoint import Record
from deployer.target import Request, Response
from deployer_azureml.calls import Call, Due
from deployer_azureml.config import API
from deployer_azureml.diagnose import Written, read_logs
from deployer_azureml.documents import read_deployment, read_endpoint, read_environment, read_scaler
from deployer_azureml.errors import Refused, failure_of_operation, refused_of
from deployer_azureml.facts import Facts
from deployer_azureml.invoking import answer_of, sent, trouble_of_answer
from deployer_azureml.marks import read_marks
from deployer_azureml.requests import Place
from deployer_azureml.workspace import read_workspace
from tests.unit.azureml.values import record

if TYPE_CHECKING:
    from deployer.testing.azureml import Double

__all__ = ["Driver"]

_READERS: dict[str, Callable[[Any], Any]] = {"Endpoint": read_endpoint, "Deployment": read_deployment}


class Driver:
    """One endpoint of a workspace.

    Args:
        double: The double.
        kept: The endpoint's Record.
    """

    def __init__(self, double: Double, kept: Record | None = None) -> None:
        from deployer.testing.azureml import DoubleCredential

        self.double = double
        self.record = kept if kept is not None else record()
        self.name = self.record.endpoint
        self.made: list[str] = []
        self._context = ssl.create_default_context(cafile=double.ca)
        self._credential = DoubleCredential(double.environment)
        self._token = ""
        workspace = read_workspace(self.get(self._workspace) or {})
        self.place = Place(workspace.id, workspace.location, "team")

    @property
    def _workspace(self) -> str:
        return self.double.workspace

    @property
    def _group(self) -> str:
        return self._workspace.partition("/providers/Microsoft.MachineLearningServices")[0]

    # Wire.

    def send(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Response:
        """One request; the URL may be a path."""
        where, about = urlsplit(self.double.url), urlsplit(url)
        connection = http.client.HTTPSConnection(
            str(where.hostname), where.port or 443, context=self._context, timeout=30
        )
        try:
            connection.request(method, about.path + (f"?{about.query}" if about.query else ""), body, dict(headers))
            answer = connection.getresponse()
            return Response(answer.status, answer.read(), {name.lower(): text for name, text in answer.getheaders()})
        finally:
            connection.close()

    def arm(self, method: str, path: str, body: Any = None) -> Any:
        """One request to ARM; what it answered."""
        if not self._token:
            self._token = self._credential.get_token("https://management.azure.com/.default").token
        url = path if "api-version" in path else f"{path}?{urlencode({'api-version': API})}"
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        answer = self.send(method, url, None if body is None else json.dumps(body).encode(), headers)
        if answer.status >= 300:
            raise refused_of(
                answer.status, answer.body, f"{method} {path.partition('/workspaces/')[2].partition('/')[2]}"
            )
        return json.loads(answer.body) if answer.body else None

    def get(self, path: str) -> Any:
        """None for what is not there."""
        try:
            return self.arm("GET", path)
        except Refused as refused:
            if refused.missing:
                return None
            raise

    # What the target does.

    def facts(self) -> Facts:
        """Look at it."""
        about = f"{self._workspace}/onlineEndpoints/{self.name}"
        main = self.get(about)
        told = (self.get(f"{about}/deployments") or {"value": []})["value"] if main is not None else []
        versions = self.get(f"{self._workspace}/environments/deployer-{self.name}/versions") or {"value": []}
        settings = self.get(f"{self._group}/providers/microsoft.insights/autoscalesettings") or {"value": []}
        environments = [read_environment(each) for each in versions["value"]]
        scalers = [read_scaler(each) for each in settings["value"]]
        return Facts(
            name=self.name, target="azure", owner="team", record=self.record,
            endpoint=read_endpoint(main, self._trouble(main)) if main is not None else None,
            deployments=tuple(read_deployment(each, self._trouble(each)) for each in told),
            environments=tuple(each for each in environments if each is not None),
            scalers=tuple(each for each in scalers if each is not None), now=time.time(),
        )  # fmt: skip

    def _trouble(self, document: Mapping[str, Any]) -> str:
        told = document["properties"]
        address = (told.get("properties") or {}).get("AzureAsyncOperationUri")
        if told["provisioningState"] not in ("Failed", "Canceled") or not address:
            return ""
        failure = failure_of_operation(self.arm("GET", address) or {})
        return failure.telling if failure is not None else ""

    def make(self, call: Call) -> bool:
        """Make one call; False where Azure is busy with it."""
        base = self._group if call.thing == "Autoscale" else self._workspace
        path = f"{base}/{call.path}"
        if "there" in call.fine and (found := self.get(path)) is not None:
            tags = {**(found.get("tags") or {}), **((found.get("properties") or {}).get("tags") or {})}
            assert read_marks(tags) is not None, "somebody else's"
            return True
        if call.basis and _READERS[call.thing](self.get(path)).basis != call.basis:
            return False
        try:
            self.arm(call.method, path, call.body)
        except Refused as refused:
            if (refused.busy and "busy" in call.fine) or (refused.missing and "gone" in call.fine):
                return refused.missing
            raise
        self.made.append(call.operation)
        return True

    def ask(self, due: Callable[[Facts], Due]) -> bool:
        """Make what is due now; whether that was all."""
        found = due(self.facts())
        return all(self.make(call) for call in found.calls) and found.is_last

    def drive(self, due: Callable[[Facts], Due], seconds: float = 120) -> None:
        """Until nothing is left to do, and Azure has done it."""
        until = time.monotonic() + seconds
        while not (self.ask(due) and self.is_settled()):
            assert time.monotonic() < until, due(self.facts())
            self.pause()

    def is_settled(self) -> bool:
        """Whether Azure changes nothing of it now."""
        seen = self.facts()
        return (seen.endpoint is None or seen.endpoint.settled) and all(each.settled for each in seen.deployments)

    def pause(self) -> None:
        clock = self.double.world.clock
        clock.wait(0.01 / clock.scale)

    def logs(self, deployment: str) -> Written:
        """What a deployment's container wrote."""
        path = f"{self._workspace}/onlineEndpoints/{self.name}/deployments/{deployment}/getLogs"
        answer = self.arm("POST", path, {"containerType": "InferenceServer", "tail": 100})
        return read_logs(str(answer["content"]))

    def invoke(self, request: Request, revision: str | None = None) -> Response:
        """Send a request, by the endpoint's key."""
        seen = self.facts()
        asked = sent(seen, request, revision=revision)
        key = self.arm("POST", f"{self._workspace}/onlineEndpoints/{self.name}/listKeys")["primaryKey"]
        answer = self.send(asked.method, asked.url, asked.body, {**asked.headers, "Authorization": f"Bearer {key}"})
        trouble = trouble_of_answer(seen, answer.status, answer.body, answer.headers)
        if trouble is not None:
            raise trouble
        return answer_of(seen, answer.status, answer.body, answer.headers)
