"""The defects that `test_sdk_defects` names are those of the real SDK: asked of it, where it is installed.

One that fails here was mended by Microsoft: take it off the list, and out of ADR 0020. Measured with azure-ai-ml
1.35.2, so that other versions are passed over.
"""

from __future__ import annotations

import json
import ssl
import threading
import urllib.request
from collections.abc import Generator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from deployer_azureml.config import API

if TYPE_CHECKING:
    from deployer.testing.azureml import Double

MEASURED = "1.35.2"
IMAGE = "good:1"
SIZE = "Standard_DS3_v2"


class Place:
    """The real client, on a double.

    Args:
        double: Where.
        client: ``azure.ai.ml.MLClient``.
    """

    def __init__(self, double: Double, client: Any) -> None:
        self.double, self.client = double, client
        self.entities = import_module("azure.ai.ml.entities")

    def endpoint(self, **fields: Any) -> Any:
        """The entity, written."""
        entity = self.entities.ManagedOnlineEndpoint(**{"name": "iris", "auth_mode": "key", **fields})
        return self.client.online_endpoints.begin_create_or_update(entity).result()

    def deployment(self, name: str, **fields: Any) -> Any:
        """An entity of a deployment, not written yet."""
        routes = {
            f"{each}_route": {"port": 8080, "path": path}
            for each, path in {"liveness": "/live", "readiness": "/ready", "scoring": "/invocations"}.items()
        }
        environment = self.entities.Environment(name="ours", version="1", image=IMAGE, inference_config=routes)
        wish = {"environment": environment, "instance_type": SIZE, "instance_count": 1, **fields}
        return self.entities.ManagedOnlineDeployment(name=name, endpoint_name="iris", **wish)

    def deploy(self, name: str) -> None:
        """Written, and waited for."""
        self.client.online_deployments.begin_create_or_update(self.deployment(name)).result()

    def told(self, path: str) -> Any:
        """What Azure tells of a thing, all of it."""
        url = f"{self.double.url}{self.double.workspace}/{path}?api-version={API}"
        token = self.client._credential.get_token("https://management.azure.com/.default").token
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
        tls = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=self.double.ca))
        with urllib.request.build_opener(urllib.request.ProxyHandler({}), tls).open(request, timeout=30) as answer:
            return json.load(answer)


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Generator[Place]:
    """By way A: its own variable names the double."""
    ml = pytest.importorskip("azure.ai.ml", reason="azure-ai-ml is not installed: pip install azure-ai-ml")
    pytest.importorskip("cryptography", reason="cryptography is not installed")
    from deployer.testing.azureml import Double, DoubleCredential, Durations, InProcess, Options
    from deployer.testing.azureml.echo import echo

    if ml.__version__ != MEASURED:
        pytest.skip(f"measured with azure-ai-ml {MEASURED}, and {ml.__version__} is installed")
    options = Options(
        containers=InProcess({"": echo}), durations=Durations(probe_every=0.01, probes=0.05), retry_after=20
    )  # fmt: skip
    with Double(options) as double:
        for name, value in double.environment.items():
            monkeypatch.setenv(name, value)
        client = ml.MLClient(
            DoubleCredential(double.environment), options.subscription, options.group, options.workspaces[0],
            connection_verify=double.ca, retry_total=1, show_progress=False,
        )  # fmt: skip
        yield Place(double, client)


def test_a_pinned_request_pins_all_later_ones(place: Place, tmp_path: Path) -> None:
    headers = import_module("azure.ai.ml.constants._endpoint").EndpointInvokeFields.DEFAULT_HEADER
    kept = dict(headers)
    try:
        place.endpoint()
        place.deploy("blue")
        place.deploy("green")
        place.endpoint(traffic={"blue": 100})
        file = tmp_path / "request.json"
        file.write_text("{}")
        place.client.online_endpoints.invoke("iris", request_file=str(file), deployment_name="green")
        place.client.online_endpoints.invoke("iris", request_file=str(file))
        assert headers["azureml-model-deployment"] == "green"
        assert place.double.tell("GET", "figures")["scored"] == {"iris/green": 2}
    finally:
        headers.clear()
        headers.update(kept)


def test_each_wait_is_a_thread_that_prints_dots(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.endpoint()
    before = set(threading.enumerate())
    poller = place.client.online_deployments.begin_create_or_update(place.deployment("blue"))
    started = [each.name for each in threading.enumerate() if each not in before]
    poller.result()
    assert any("LROPoller" in each for each in started)
    assert "." in capsys.readouterr().out


def test_a_wait_with_an_end_crashes(place: Place) -> None:
    place.endpoint()
    place.double.fault("PutDeployment", outcome="Stuck")
    poller = place.client.online_deployments.begin_create_or_update(place.deployment("blue"))
    with pytest.raises(AttributeError, match="endpoint_compute_type"):
        poller.result(timeout=0.2)


def test_a_change_of_traffic_wipes_what_it_does_not_say(place: Place) -> None:
    place.endpoint(tags={"cost-centre": "4711"}, description="of team risk")
    place.deploy("blue")
    place.endpoint(traffic={"blue": 100})
    found = place.told("onlineEndpoints/iris")
    assert found["tags"] == {}
    assert not found["properties"].get("description")


def test_what_is_read_and_written_back_lacks_what_it_does_not_know(place: Place) -> None:
    place.endpoint()
    place.deploy("blue")
    world = place.double.world.endpoint("iris")
    assert world is not None
    world[1].deployments["blue"].properties["startupProbe"] = {"failureThreshold": 90}
    entity = place.client.online_deployments.get("blue", endpoint_name="iris")
    entity.tags["changed"] = "yes"
    place.client.online_deployments.begin_create_or_update(entity).result()
    found = place.told("onlineEndpoints/iris/deployments/blue")
    assert found["tags"]["changed"] == "yes"
    assert "startupProbe" not in found["properties"]


def test_what_failed_has_the_status_of_a_success(place: Place) -> None:
    place.endpoint()
    place.double.fault("PutDeployment", outcome="Failed", reason="image")
    with pytest.raises(import_module("azure.core.exceptions").HttpResponseError) as caught:
        place.deploy("blue")
    assert caught.value.status_code == 200


def test_each_creation_asks_for_the_workspace_and_writes_the_environment_first(place: Place) -> None:
    place.endpoint()
    place.double.tell("PUT", "quotas", {"standardDSv2Family": 0})
    place.double.tell("DELETE", "calls")
    with pytest.raises(Exception, match="quota"):
        place.deploy("blue")
    made = [each["operation"] for each in place.double.tell("GET", "calls")]
    assert made.index("PutAsset") < made.index("GetWorkspace") < made.index("PutDeployment")
