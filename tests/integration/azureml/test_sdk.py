"""The real azure-ai-ml on the double: its own address (way A), and Azure's names with the real credentials (way D)."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import pytest

from deployer.testing.azureml import Double, DoubleCredential, Options

ml = pytest.importorskip("azure.ai.ml")
entities = pytest.importorskip("azure.ai.ml.entities")
identity = pytest.importorskip("azure.identity")
errors = pytest.importorskip("azure.core.exceptions")

VARIABLES = ("AZUREML_DEV_URL_MFE", "AZURE_AUTHORITY_HOST")


class Place:
    """A client and the double that it talks to."""

    def __init__(self, way: str, double: Double, credential: Any) -> None:
        self.way, self.double = way, double
        options = double.options
        self.ml = ml.MLClient(
            credential, options.subscription, options.group, "ws", polling_interval=1, retry_total=2,
            show_progress=False,
        )  # fmt: skip

    def endpoint(self, **more: Any) -> Any:
        made = entities.ManagedOnlineEndpoint(name="fraud", auth_mode="key", tags={"made": "here"}, **more)
        return self.ml.online_endpoints.begin_create_or_update(made).result()

    def deployment(self, name: str, image: str = "good:1", **more: Any) -> Any:
        ready = {"port": 8080, "path": "/health"}
        routes = {"liveness_route": ready, "readiness_route": ready, "scoring_route": {**ready, "path": "/invocations"}}
        environment = entities.Environment(
            name="served", version=image.replace(":", "-"), image=image, inference_config=routes
        )
        return entities.ManagedOnlineDeployment(
            name=name, endpoint_name="fraud", environment=environment, instance_type="Standard_DS3_v2",
            instance_count=1, **more,
        )  # fmt: skip

    def deploy(self, name: str, image: str = "good:1", **more: Any) -> Any:
        return self.ml.online_deployments.begin_create_or_update(self.deployment(name, image, **more)).result()

    def route(self, traffic: Mapping[str, int]) -> Any:
        found = self.ml.online_endpoints.get("fraud")
        found.traffic = dict(traffic)
        return self.ml.online_endpoints.begin_create_or_update(found).result()


@pytest.fixture(params=["A", "D"])
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Generator[Place]:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    with Double(Options(proxy=request.param == "D", retry_after=20)) as double:
        for name, value in (double.proxied if request.param == "D" else double.environment).items():
            monkeypatch.setenv(name, value)
        credential: Any = DoubleCredential(double.environment)
        if request.param == "D":
            credential = identity.DefaultAzureCredential(exclude_managed_identity_credential=True)
        yield Place(request.param, double, credential)
        assert double.world.trouble == []


def test_the_whole_life(place: Place, tmp_path: Path) -> None:
    client = place.ml
    with pytest.raises(errors.ResourceNotFoundError):
        client.online_endpoints.get("fraud")
    assert place.endpoint().provisioning_state == "Succeeded"
    assert place.deploy("r01").provisioning_state == "Succeeded"
    assert place.deploy("r02", "better:2").provisioning_state == "Succeeded"
    found = client.online_endpoints.get("fraud")
    assert found.scoring_uri.endswith("/invocations")
    assert place.route({"r01": 90, "r02": 10}).traffic == {"r01": 90, "r02": 10}
    assert client.online_endpoints.get("fraud").tags["made"] == "here"
    request = tmp_path / "request.json"
    request.write_text("{}")
    said = client.online_endpoints.invoke("fraud", request_file=str(request), deployment_name="r02")
    assert '"image": "better:2"' in said
    keys = client.online_endpoints.get_keys("fraud")
    client.online_endpoints.begin_regenerate_keys("fraud", key_type="primary").result()
    assert client.online_endpoints.get_keys("fraud").primary_key != keys.primary_key
    assert "serving good:1" in client.online_deployments.get_logs("r01", "fraud", lines=10)
    assert Counter(each.name for each in client.online_deployments.list("fraud")) == Counter(["r01", "r02"])
    place.route({"r02": 100})
    client.online_deployments.begin_delete("r01", "fraud").result()
    client.online_endpoints.begin_delete("fraud").result()
    assert list(client.online_endpoints.list()) == []
    assert place.double.world.figures.json()["now"] == {}


def test_what_fails_reaches_the_client(place: Place) -> None:
    place.endpoint()
    place.double.fault("PutDeployment", outcome="Failed", reason="liveness")
    with pytest.raises(errors.HttpResponseError) as failed:
        place.deploy("r01")
    # An operation that fails is an answer that succeeds.
    assert (failed.value.status_code, failed.value.error.code) == (200, "ResourceNotReady")
    place.double.tell("PUT", "quotas", {"standardDSv2Family": 6})
    with pytest.raises(errors.HttpResponseError) as refused:
        place.deploy("r02")
    assert refused.value.status_code == 400
    assert "Not enough quota available" in refused.value.error.details[0].message
    with pytest.raises(errors.HttpResponseError) as sums:
        place.route({"r01": 50})
    assert "Sum of traffic" in sums.value.error.message or "state Failed" in sums.value.error.message
    place.double.tell("PUT", "rights", [{"actions": ["*/read"]}])
    with pytest.raises(errors.HttpResponseError) as denied:
        place.endpoint()
    assert denied.value.error.code == "AuthorizationFailed"


def test_a_stuck_deployment_is_waited_for_no_longer_than_wished(place: Place) -> None:
    place.endpoint()
    place.double.fault("PutDeployment", outcome="Stuck")
    poller = place.ml.online_deployments.begin_create_or_update(place.deployment("r01"))
    poller.wait(0.3)
    assert not poller.done()
    assert poller.status() == "Updating"
    place.double.tell("POST", "vanish", {"name": "fraud"})
    with pytest.raises(errors.HttpResponseError):
        poller.result()


def test_without_an_operation_the_state_is_polled(place: Place) -> None:
    place.endpoint()
    place.double.fault("PutDeployment", headerless=True)
    assert place.deploy("r01").provisioning_state == "Succeeded"
    place.double.fault("PutDeployment", headerless=True, outcome="Failed", reason="crash")
    with pytest.raises(errors.HttpResponseError) as failed:
        place.deploy("r02")
    assert failed.value.error is None


def test_throttling_is_tried_again(place: Place) -> None:
    place.endpoint()
    place.double.fault("GetEndpoint", error="TooManyRequests", status=429, retry=1, times=1)
    began = time.monotonic()
    assert place.ml.online_endpoints.get("fraud").name == "fraud"
    assert time.monotonic() - began >= 1


def test_a_model_is_uploaded_and_downloaded(place: Place, tmp_path: Path) -> None:
    if place.way == "A":
        pytest.skip("the storage account has Azure's own name: by the proxy alone")
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "MLmodel").write_text("flavors:\n  python_function:\n    loader_module: x\n")
    (folder / "data.bin").write_bytes(b"x" * 1000)
    made = place.ml.models.create_or_update(entities.Model(path=str(folder), name="iris", type="mlflow_model"))
    assert made.version == "1"
    assert place.ml.models.get("iris", label="latest").version == "1"
    place.ml.models.download("iris", "1", download_path=str(tmp_path / "there"))
    assert (tmp_path / "there/iris/model/data.bin").read_bytes() == b"x" * 1000
    place.endpoint()
    assert place.deploy("r01", model=f"azureml:{made.name}:1").provisioning_state == "Succeeded"
