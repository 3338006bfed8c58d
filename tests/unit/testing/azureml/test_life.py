"""The life of an endpoint and its deployments, as plain HTTP sees it."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from deployer.testing.azureml import Durations
from deployer.testing.azureml.echo import echo
from tests.unit.testing.azureml.conftest import Place


def never(wish: Any, write: Callable[[str], None]) -> Any:
    """A container that lives and answers no probe well."""
    write("still loading")

    def application(environ: Any, start: Any) -> Iterable[bytes]:
        start("503 Loading", [("Content-Length", "0")])
        return [b""]

    return application


def crashes(wish: Any, write: Any) -> Any:
    """A container that ends as soon as it is asked."""
    write("_pickle.UnpicklingError: invalid load key")

    def application(environ: Any, start: Any) -> Iterable[bytes]:
        threading.Thread(target=write.__self__.end, args=(1,)).start()
        start("503 Ending", [("Content-Length", "0")])
        return [b""]

    return application


def test_an_endpoint_is_created_asynchronously(place: Place) -> None:
    said = place.endpoint(tags={"made": "here"}, description="a test")
    assert said.status == 201
    assert said.json["properties"]["provisioningState"] == "Creating"
    assert said.json["properties"]["scoringUri"] is None
    assert "Retry-After" not in said.headers
    assert said.headers["Location"].startswith(f"{place.double.url}{place.double.workspace}/onlineEndpoints/fraud?")
    told = place.ended(said)
    assert (told["status"], told["percentComplete"]) == ("Succeeded", 100.0)
    found = place.arm("GET", "onlineEndpoints/fraud").json
    assert found["properties"]["provisioningState"] == "Succeeded"
    assert found["properties"]["properties"]["AzureAsyncOperationUri"] in said.headers["Azure-AsyncOperation"]
    assert (found["tags"], found["properties"]["description"]) == ({"made": "here"}, "a test")
    assert found["identity"]["type"] == "SystemAssigned"


def test_a_deployment_serves_by_its_header_before_it_has_traffic(place: Place) -> None:
    place.ended(place.endpoint())
    assert place.ask().status == 404
    said = place.deploy()
    assert (said.status, said.json["properties"]["provisioningState"]) == (201, "Creating")
    assert place.ended(said)["status"] == "Succeeded"
    found = place.arm("GET", "onlineEndpoints/fraud").json["properties"]
    assert found["scoringUri"].endswith("/scoring/fraud/invocations")
    lost = place.ask()
    assert lost.status == 404
    assert lost.data.startswith(b"No valid deployments to route to.")
    answer = place.ask(azureml_model_deployment="r01", body=b"x=1")
    assert (answer.status, answer.headers["azureml-model-deployment"]) == (200, "r01")
    assert (answer.json["path"], answer.json["got"], answer.json["image"]) == ("/invocations", "x=1", "good:1")
    assert place.ask(azureml_model_deployment="r99").status == 404


def test_traffic_is_split_and_mirrored(place: Place) -> None:
    place.serving()
    place.ended(place.deploy("r02", image="better:2"))
    place.ended(place.route({"r01": 50, "r02": 50}))
    seen = Counter(place.ask().json["image"] for _ in range(40))
    assert set(seen) == {"good:1", "better:2"}
    place.ended(place.route({"r01": 100, "r02": 0}, mirrorTraffic={"r02": 50}))
    place.double.tell("DELETE", "figures")
    for _ in range(40):
        assert place.ask().json["image"] == "good:1"
    until = time.monotonic() + 10
    while not place.double.tell("GET", "figures")["mirrored"].get("fraud/r02") and time.monotonic() < until:
        place.pause()
    assert 0 < place.double.tell("GET", "figures")["mirrored"]["fraud/r02"] < 40


def test_a_put_is_the_whole_endpoint(place: Place) -> None:
    place.ended(place.endpoint(tags={"made": "here"}, description="a test"))
    place.ended(place.deploy())
    place.ended(place.route({"r01": 100}))
    place.ended(place.endpoint())
    found = place.arm("GET", "onlineEndpoints/fraud").json
    assert (found["tags"], found["properties"]["traffic"], found["properties"]["description"]) == ({}, {}, None)


def test_traffic_is_told_when_it_is_there(new_place: Callable[..., Place]) -> None:
    place = new_place(durations=Durations(traffic=3600, probe_every=0.01))
    place.ended(place.endpoint())
    place.ended(place.deploy())
    said = place.route({"r01": 100})
    assert said.json["properties"]["provisioningState"] == "Updating"
    assert place.arm("GET", "onlineEndpoints/fraud").json["properties"]["traffic"] == {}
    place.advance(3600)
    place.ended(said)
    assert place.arm("GET", "onlineEndpoints/fraud").json["properties"]["traffic"] == {"r01": 100}


def test_a_container_that_crashes_fails_the_operation_and_leaves_its_log(new_place: Callable[..., Place]) -> None:
    place = new_place({"bad": crashes, "": echo})
    place.ended(place.endpoint())
    told = place.ended(place.deploy(image="bad:1"))
    assert (told["status"], told["error"]["code"]) == ("Failed", "BadArgument")
    assert "User container has crashed or terminated" in told["error"]["message"]
    assert "https://aka.ms/oe-tsg#error-resourcenotready" in told["error"]["message"]
    found = place.arm("GET", "onlineEndpoints/fraud/deployments/r01").json
    assert found["properties"]["provisioningState"] == "Failed"
    assert "error" not in found
    log = place.arm(
        "POST", "onlineEndpoints/fraud/deployments/r01/getLogs", {"containerType": "InferenceServer", "tail": 2}
    ).json["content"]
    assert "UserContainerStart: InProgress" in log
    assert log.count("UnpicklingError") == 2
    assert place.ended(place.arm("DELETE", "onlineEndpoints/fraud/deployments/r01"))["status"] == "Succeeded"
    assert place.double.tell("GET", "figures")["now"] == {}


def test_a_container_that_is_never_ready(new_place: Callable[..., Place]) -> None:
    place = new_place({"slow": never, "": echo}, scale=0.001)
    place.ended(place.endpoint())
    told = place.ended(place.deploy(image="slow:1"))
    assert told["error"]["code"] == "ResourceNotReady"
    assert "Liveness probe failed: HTTP probe failed with statuscode: 503" in told["error"]["message"]


def test_an_image_that_is_not_there(new_place: Callable[..., Place]) -> None:
    place = new_place({"good": echo})
    place.ended(place.endpoint())
    told = place.ended(place.deploy(image="none:1"))
    assert "Unable to download user container image" in told["error"]["message"]
    log = place.arm("POST", "onlineEndpoints/fraud/deployments/r01/getLogs", {}).json["content"]
    assert "ImagePullFailed" in log


@pytest.mark.parametrize("keeps", [True, False])
def test_an_update_that_fails(new_place: Callable[..., Place], keeps: bool) -> None:
    place = new_place({"slow": never, "": echo}, scale=0.001, guesses={"failed-update-keeps-serving": keeps})
    place.serving()
    assert place.ended(place.deploy(image="slow:1"))["status"] == "Failed"
    answer = place.ask()
    assert answer.status == (200 if keeps else 503)
    assert place.double.tell("GET", "figures")["peak"] == 2


def test_an_update_replaces_the_instances(place: Place) -> None:
    place.serving()
    place.ended(place.deploy(image="better:2", count=2))
    assert place.ask().json["image"] == "better:2"
    assert place.settled("fraud/r01")["sku"]["capacity"] == 2
    until = time.monotonic() + 10
    while place.double.tell("GET", "figures")["now"] != {"fraud": 2} and time.monotonic() < until:
        place.pause()
    assert place.double.tell("GET", "figures")["now"] == {"fraud": 2}
    assert place.double.tell("GET", "figures")["peak"] == 3


def test_patch_scales_without_a_restart(place: Place) -> None:
    place.serving()
    (first,) = place.containers.started
    said = place.arm("PATCH", "onlineEndpoints/fraud/deployments/r01", {"sku": {"name": "Default", "capacity": 3}})
    assert (said.status, said.json["properties"]["provisioningState"]) == (202, "Scaling")
    assert place.ended(said)["status"] == "Succeeded"
    assert place.double.tell("GET", "figures")["now"] == {"fraud": 3}
    place.ended(place.arm("PATCH", "onlineEndpoints/fraud/deployments/r01", {"sku": {"capacity": 1}}))
    assert first.exit_code() is None


def test_what_crashes_later_is_started_again(place: Place) -> None:
    place.serving()
    place.double.tell("POST", "crash", {"name": "fraud/r01"})
    until = time.monotonic() + 10
    assert place.ask().status == 503
    while (answer := place.ask()).status != 200 and time.monotonic() < until:
        place.pause()
    assert answer.status == 200
    assert len(place.containers.started) == 2


def test_deleting_an_endpoint_deletes_its_deployments(place: Place) -> None:
    place.serving()
    said = place.arm("DELETE", "onlineEndpoints/fraud")
    assert (said.status, said.data) == (202, b"null")
    assert place.ended(said)["status"] == "Succeeded"
    assert place.arm("GET", "onlineEndpoints/fraud").code == "ResourceNotFound"
    assert place.arm("DELETE", "onlineEndpoints/fraud").status == 204
    assert place.double.tell("GET", "figures")["now"] == {}
    assert place.containers.started[0].exit_code() == 0


def test_a_model_is_mounted(place: Place) -> None:
    world = place.double.world
    container = world.workspace("rg", "ws").container
    world.blobs.put(container, "LocalUpload/abc/model/MLmodel", b"flavors: {}", 0.0, metadata={})
    store = "azureml://subscriptions/s/resourcegroups/rg/workspaces/ws/datastores/workspaceblobstore"
    uri = f"{store}/paths/LocalUpload/abc/model"
    made = place.arm(
        "PUT", "models/iris/versions/1", {"properties": {"modelUri": uri, "modelType": "mlflow_model"}}
    ).json["id"]
    place.serving(model=made)
    said = place.ask().json
    assert "model/MLmodel" in said["files"]
    assert said["env"]["AZUREML_MODEL_DIR"] == "/var/azureml-app/azureml-models/iris/1"


@pytest.mark.parametrize("built", ["", "good:1"])
def test_a_model_alone_is_built_or_not(new_place: Callable[..., Place], built: str) -> None:
    place = new_place(built=built)
    container = place.double.world.workspace("rg", "ws").container
    place.double.world.blobs.put(container, "p/MLmodel", b"{}", 0.0, metadata={})
    made = place.arm("PUT", "models/iris/versions/1", {"properties": {"modelUri": "azureml://x/paths/p"}}).json["id"]
    place.ended(place.endpoint())
    body = place.body(model=made)
    del body["properties"]["environmentId"]
    told = place.ended(place.arm("PUT", "onlineEndpoints/fraud/deployments/r01", body))
    if built:
        assert told["status"] == "Succeeded"
        assert place.ask(azureml_model_deployment="r01").json["path"] == "/score"
    else:
        assert told["error"]["code"] == "ImageBuildFailure"
        assert told["error"]["details"][0]["code"] == "BuildLogs"


def test_a_model_that_is_not_in_the_store(place: Place) -> None:
    made = place.arm("PUT", "models/iris/versions/1", {"properties": {"modelUri": "azureml://x/paths/p"}}).json["id"]
    place.ended(place.endpoint())
    told = place.ended(place.deploy(model=made))
    assert "Unable to download user model" in told["error"]["message"]
