"""The double with real containers, real pushes and real predictions."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.integration.azureml.conftest import Place, PushError
from tests.plugins.waiting import eventually


def test_a_pushed_image_is_hosted_as_azure_does(new_place: Callable[..., Place]) -> None:
    place = new_place()
    environment = place.environment(place.push())
    store = place.arm("GET", "datastores/workspaceblobstore").json["properties"]
    about = {"Authorization": f"Bearer {place.token('https://storage.azure.com/.default')}"}
    about |= {"x-ms-version": "2023-11-03", "x-ms-blob-type": "BlockBlob"}
    where = f"/{store['accountName']}/{store['containerName']}/models/iris/MLmodel"
    assert place.send("PUT", where, b"{}", about).status == 201
    uri = "azureml://subscriptions/s/datastores/workspaceblobstore/paths/models/iris"
    model = place.arm("PUT", "models/iris/versions/1", {"properties": {"modelUri": uri}}).json["id"]
    place.endpoint()
    assert place.deploy(environment, variables={"LEVEL": "info"}, model=model)["status"] == "Succeeded", place.log()

    said = place.ask(b"x=1")
    assert (said.status, said.headers["azureml-model-deployment"]) == (200, "r01")
    told = {"path": "/invocations", "env": "info", "files": {"iris/MLmodel": "{}"}, "asked": "x=1"}
    assert said.json == told
    failed = place.ask(b"fail")
    assert (failed.status, failed.data) == (424, b"no such column")
    assert "serving []" in place.log()

    place.double.tell("POST", "crash", {"name": "fraud/r01"})
    assert place.ask().status == 503
    eventually(lambda: place.ask().status == 200)

    assert place.ended(place.arm("DELETE", "onlineEndpoints/fraud"))["status"] == "Succeeded"
    figures = place.double.tell("GET", "figures")
    assert (figures["now"], figures["trouble"]) == ({}, [])


def test_a_container_that_ends_leaves_the_telling_line(new_place: Callable[..., Place]) -> None:
    place = new_place()
    place.endpoint()
    told = place.deploy(place.environment(place.push()), variables={"BROKEN": "1"})
    assert told["status"] == "Failed"
    assert "the container ended with exit code 1" in told["error"]["message"]
    assert "oe-tsg#error-resourcenotready" in told["error"]["message"]
    assert place.log().count("_pickle.UnpicklingError: invalid load key") == 4


def test_an_update_to_a_container_that_is_never_ready(new_place: Callable[..., Place]) -> None:
    place = new_place("--scale", "0.05", "--probes", "2")
    place.endpoint()
    environment = place.environment(place.push())
    assert place.deploy(environment)["status"] == "Succeeded"
    told = place.deploy(environment, variables={"NEVER_READY": "1"})
    assert "Liveness probe failed: HTTP probe failed with statuscode: 503" in told["error"]["message"]
    assert place.ask().status == 200
    assert place.double.tell("GET", "figures")["peak"] == 2


def test_an_image_that_was_not_pushed(new_place: Callable[..., Place]) -> None:
    place = new_place()
    place.endpoint()
    image = place.push().replace("served", "missing")
    told = place.deploy(place.environment(image))
    assert "Unable to download user container image: manifest for" in told["error"]["message"]


def test_a_push_needs_the_right_to_push(new_place: Callable[..., Place]) -> None:
    place = new_place()
    registries = "Microsoft.ContainerRegistry/registries"
    rights = [{"actions": ["Microsoft.MachineLearningServices/*", f"{registries}/read", f"{registries}/pull/read"]}]
    place.double.tell("PUT", "rights", rights)
    with pytest.raises(PushError):
        place.push()
    assert f"{registries}/push/write" in place.double.tell("GET", "rights")["refused"]
