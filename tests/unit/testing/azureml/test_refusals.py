"""What the service refuses, the double refuses, in its words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from deployer.testing.azureml import Durations
from tests.unit.testing.azureml.conftest import Place


@pytest.mark.parametrize("name", ["ab", "1fraud", "fraud_1", "fraud-", "f" * 33, "fräud"])
def test_names(place: Place, name: str) -> None:
    from urllib.parse import quote

    said = place.endpoint(quote(name))
    assert (said.status, said.code) == (400, "UserError")
    assert "is invalid" in said.message


def test_an_endpoint_needs_a_location_properties_and_a_known_mode(place: Place) -> None:
    where = "onlineEndpoints/fraud"
    assert place.arm("PUT", where, {"properties": {"authMode": "Key"}}).code == "LocationRequired"
    assert place.arm("PUT", where, {"location": "westus", "properties": {"authMode": "Key"}}).status == 400
    assert place.arm("PUT", where, {"location": "eastus2"}).status == 400
    assert "authMode" in place.endpoint(mode="key").message
    assert place.arm("PUT", where, [1]).code == "InvalidRequestContent"
    assert "userAssignedIdentities" in place.endpoint(identity={"type": "UserAssigned"}).message
    assert "tags" in place.endpoint(tags={str(number): "x" for number in range(51)}).message
    assert place.endpoint(tags={"a": "x" * 257}).code == "InvalidTagNameOrValue"


def test_traffic_cannot_be_set_at_the_first_create(place: Place) -> None:
    assert "does not exist" in place.endpoint(traffic={"r01": 100}).message


@pytest.mark.parametrize(
    ("properties", "text"),
    [
        ({"traffic": {"r01": 90}}, "Sum of traffic must be 0 or 100"),
        ({"traffic": {"r01": 90, "r02": 20}}, "Sum of traffic"),
        ({"traffic": {"r01": 50.5, "r02": 49.5}}, "whole number"),
        ({"traffic": {"r01": 110, "r02": -10}}, "whole number"),
        ({"traffic": {"r09": 100}}, "does not exist"),
        ({"traffic": {"r01": 100}, "mirrorTraffic": {"r02": 51}}, "at most 50"),
        ({"traffic": {"r01": 100}, "mirrorTraffic": {"r01": 10}}, "either live or mirror"),
        ({"mirrorTraffic": {"r01": 10, "r02": 10}}, "one deployment alone"),
    ],
)
def test_traffic(new_place: Callable[..., Place], properties: dict[str, Any], text: str) -> None:
    place = new_place()
    place.ended(place.endpoint())
    operations = [place.deploy(name) for name in ("r01", "r02")]
    for each in operations:
        place.ended(each)
    said = place.endpoint(**properties)
    assert (said.status, said.code) == (400, "UserError")
    assert text in said.message


def test_a_deployment_without_what_it_needs(place: Place) -> None:
    place.ended(place.endpoint())
    where, good = "onlineEndpoints/fraud/deployments/r01", place.body()

    def put(**properties: Any) -> Any:
        body = {**good, "properties": {**good["properties"], **properties}}
        return place.arm("PUT", where, body)

    assert "endpointComputeType" in put(endpointComputeType="Kubernetes").message
    assert "Unsupported VM size" in put(instanceType="Standard_X1").json["error"]["details"][0]["message"]
    assert "needs an environment" in put(environmentId=None).message
    assert put(environmentId=good["properties"]["environmentId"] + "9").status == 404
    assert "180" in put(requestSettings={"requestTimeout": "PT4M"}).message
    assert "duration" in put(requestSettings={"requestTimeout": 5000}).message
    assert "above 0" in put(livenessProbe={"initialDelay": "PT0S"}).message
    assert "Default alone" in put(scaleSettings={"scaleType": "TargetUtilization"}).message
    assert "sku" in place.arm("PUT", where, {**good, "sku": None}).message
    assert "1 to 50" in place.arm("PUT", where, {**good, "sku": {"name": "Default", "capacity": 51}}).message
    assert "LocationRequired" in place.arm("PUT", where, {**good, "location": None}).code
    assert place.arm("PUT", where.replace("fraud", "none"), good).code == "ResourceNotFound"
    assert place.arm("PUT", where.replace("r01", "1r"), good).status == 400


def test_quota_counts_a_fifth_more(new_place: Callable[..., Place]) -> None:
    place = new_place(quotas={"standardDSv2Family": 6})
    place.ended(place.endpoint())
    said = place.deploy()
    assert (said.status, said.code, said.message) == (400, "BadRequest", "The request is invalid.")
    (detail,) = said.json["error"]["details"]
    assert detail["code"] == "InferencingClientCreateDeploymentFailed"
    assert "Not enough quota available for Standard_DS3_v2" in detail["message"]
    assert "Current usage/limit: 0/6. Additional needed: 8" in detail["message"]
    assert "https://aka.ms/oe-tsg#error-outofquota" in detail["message"]
    assert place.arm("GET", "onlineEndpoints/fraud/deployments/r01").status == 404
    place.double.tell("PUT", "quotas", {"standardDSv2Family": 8})
    place.ended(place.deploy())
    subscription = place.double.options.subscription
    where = f"/subscriptions/{subscription}/providers/Microsoft.MachineLearningServices/locations/eastus2/usages"
    usage = {each["name"]["value"]: each for each in place.arm("GET", where).json["value"]}["standardDSv2Family"]
    assert (usage["currentValue"], usage["limit"]) == (8, 8)
    # A deployment is not counted twice when it is changed.
    assert place.deploy(image="better:2").status == 200


def test_a_name_that_somebody_has_in_the_region(new_place: Callable[..., Place]) -> None:
    place = new_place(taken=frozenset({"fraud"}), workspaces=("ws", "other"))
    said = place.endpoint()
    assert "There is already an endpoint with this name" in said.json["error"]["details"][0]["message"]
    place.ended(place.endpoint("mine"))
    other = place.double.workspace.replace("/ws", "/other")
    said = place.arm("PUT", f"{other}/onlineEndpoints/mine", {"location": "eastus2", "properties": {"authMode": "Key"}})
    assert "There is already an endpoint with this name" in said.json["error"]["details"][0]["message"]


def test_a_busy_endpoint(new_place: Callable[..., Place]) -> None:
    place = new_place(durations=Durations(endpoint=600, probe_every=0.01))
    place.endpoint()
    said = place.deploy()
    assert (said.status, said.code) == (409, "Conflict")
    assert said.message == "Cannot create a deployment in endpoint fraud because it is in Creating provisioning state."
    assert place.endpoint().status == 409
    assert place.arm("DELETE", "onlineEndpoints/fraud").status == 409


def test_what_cannot_be_changed(place: Place) -> None:
    place.ended(place.endpoint())
    user = {"type": "UserAssigned", "userAssignedIdentities": {"/subscriptions/s/x/me": {}}}
    assert "identity" in place.endpoint(identity=user).message
    assert "authMode" in place.endpoint(mode="AADToken").message
    assert "compute" in place.endpoint(compute="azureml:cluster").message
    place.environment(image="good:1")
    said = place.arm("PUT", "environments/env/versions/1", {"properties": {"image": "other:1"}})
    assert (said.status, said.json["error"]["innerError"]["code"]) == (409, "Conflict")
    assert place.arm("PUT", "environments/env/versions/1", {"properties": {"image": "good:1"}}).status == 200


def test_api_versions(place: Place) -> None:
    bare = place.send("GET", place.double.workspace, headers={"Authorization": f"Bearer {place.token()}"})
    assert bare.code == "MissingApiVersionParameter"
    assert place.arm("GET", "onlineEndpoints", version="2020-08-01").code == "NoRegisteredProviderFound"
    assert place.arm("GET", "onlineEndpoints", version="latest").code == "NoRegisteredProviderFound"
    place.serving()
    patch = {"properties": {"traffic": {"r01": 0}}}
    assert place.arm("PATCH", "onlineEndpoints/fraud", patch).code == "InvalidRequestContent"
    said = place.arm("PATCH", "onlineEndpoints/fraud", patch, version="2022-02-01-preview")
    assert said.status == 202
    place.ended(said)
    assert place.ask().status == 404
    place.ended(place.arm("PATCH", "onlineEndpoints/fraud", {"tags": {"a": "b"}}))
    assert place.arm("GET", "onlineEndpoints/fraud").json["tags"] == {"a": "b"}


def test_places_that_are_not_there(place: Place) -> None:
    workspace = place.double.workspace
    assert place.arm("GET", workspace.replace("/ws", "/none")).code == "ResourceNotFound"
    assert place.arm("GET", workspace.replace("/rg/", "/none/")).code == "ResourceGroupNotFound"
    other = workspace.replace(place.double.options.subscription, "33333333-0000-4000-8000-000000000003")
    assert place.arm("GET", other).code == "SubscriptionNotFound"
    assert place.arm("GET", "batchEndpoints/x").code == "InvalidResourceType"


def test_a_kubernetes_endpoint(place: Place) -> None:
    assert "not found" in place.endpoint(compute="azureml:none").message
    place.ended(place.endpoint(compute=f"{place.double.workspace}/computes/cluster"))
    assert place.arm("GET", "onlineEndpoints/fraud").json["kind"] == "K8S"
    scale = {"scaleType": "TargetUtilization", "minInstances": 2, "maxInstances": 4}
    body = place.body(endpointComputeType="Kubernetes", scaleSettings=scale, instanceType="defaultinstancetype")
    del body["sku"]
    assert place.ended(place.arm("PUT", "onlineEndpoints/fraud/deployments/r01", body))["status"] == "Succeeded"
    assert place.double.tell("GET", "figures")["now"] == {"fraud": 2}
    place.ended(place.route({"r01": 100}))
    assert place.ask().status == 200
    place.ended(place.arm("PUT", "onlineEndpoints/fraud/deployments/r02", body))
    assert "no mirror" in place.route({"r01": 100}, mirrorTraffic={"r02": 10}).message
