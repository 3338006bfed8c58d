"""From Azure's documents to facts, and back."""

from __future__ import annotations

from typing import Any

import pytest

from deployer_azureml.documents import (
    read_deployment,
    read_endpoint,
    read_environment,
    read_scaler,
    seconds_of,
    writable,
)
from deployer_azureml.marks import Marks, Role
from deployer_azureml.requests import config_of
from deployer_azureml.scaling import autoscale_body
from tests.unit.azureml.values import (
    OTHER,
    REVISION,
    SCORING,
    deployment_document,
    endpoint_document,
    place,
    release,
    spec,
)


def test_an_endpoint() -> None:
    found = read_endpoint(endpoint_document(traffic={"R1A2B3C4": 90, OTHER: 10, "old": 0}, mirrorTraffic={OTHER: 20}))
    assert (found.name, found.state, found.scoring_uri) == ("iris", "Succeeded", SCORING)
    assert found.traffic == {REVISION: 90, OTHER: 10}
    assert found.mirror == {OTHER: 20}
    assert (found.compute, found.public, found.identity, found.connections) == ("", True, "SystemAssigned", False)
    assert found.operation == "https://management/op"
    assert found.marks == Marks("team", "iris", Role.ENDPOINT)
    assert found.settled
    assert 1.79e9 < found.created < found.modified


def test_one_that_has_nothing_yet() -> None:
    told = {"scoringUri": None, "traffic": None, "mirrorTraffic": None, "properties": None, "authMode": None}
    document = {**endpoint_document(state="Creating", **told), "identity": None, "tags": None, "systemData": {}}
    found = read_endpoint(document)
    assert (found.traffic, found.mirror, found.scoring_uri, found.operation, found.marks) == ({}, {}, "", "", None)
    assert not found.settled
    assert found.created == 0


def test_what_stands_on_kubernetes_with_identities_of_its_own() -> None:
    document = endpoint_document(
        compute="/subscriptions/x/workspaces/team/computes/AKS", publicNetworkAccess="Disabled",
        properties={"enforce_access_to_default_secret_stores": "Enabled"},
    )  # fmt: skip
    ids = {"/subscriptions/x/B": {"clientId": "c", "principalId": "p"}, "/subscriptions/x/a": {}}
    document["identity"] = {"type": "UserAssigned", "userAssignedIdentities": ids}
    found = read_endpoint(document)
    assert (found.compute, found.public, found.connections) == ("AKS", False, True)
    assert found.identities == ("/subscriptions/x/a", "/subscriptions/x/b")
    assert found.document["identity"] == {
        "type": "UserAssigned", "userAssignedIdentities": {"/subscriptions/x/B": {}, "/subscriptions/x/a": {}},
    }  # fmt: skip


@pytest.mark.parametrize("document", [endpoint_document(newer={"a": 1}), deployment_document(startupProbe={"x": 1})])
def test_what_is_written_back_is_all_that_azure_does_not_write_by_itself(document: dict[str, Any]) -> None:
    kept = writable(document)
    assert set(kept) <= {"location", "kind", "tags", "sku", "identity", "properties"}
    own = {"provisioningState", "scoringUri", "swaggerUri"}
    assert kept["properties"] == {key: value for key, value in document["properties"].items() if key not in own}
    assert kept["tags"] == document["tags"]
    assert "principalId" not in kept.get("identity", {})


def test_the_fingerprint_is_of_what_would_be_lost() -> None:
    one = read_endpoint(endpoint_document()).basis
    same = endpoint_document(
        state="Updating", properties={"azureml.onlineendpointid": "x", "AzureAsyncOperationUri": "o"}
    )
    assert read_endpoint(same).basis == one
    for other in (
        endpoint_document(traffic={}),
        endpoint_document(tags={"a": "b"}),
        endpoint_document(description="d"),
    ):
        assert read_endpoint(other).basis != one


def test_a_deployment() -> None:
    found = read_deployment(deployment_document(count=3), "why")
    assert (found.name, found.revision, found.count, found.instance_type) == (REVISION, REVISION, 3, "Standard_DS2_v2")
    assert (found.bounds, found.trouble, found.settled) == (None, "why", True)
    adopted = read_deployment(deployment_document(name="Blue"))
    assert (adopted.name, adopted.key, adopted.revision) == ("Blue", "blue", REVISION)
    assert read_deployment(deployment_document(tags={"team": "x"})).revision == ""
    wrong = Marks("team", "iris", Role.ENDPOINT, REVISION).tags()
    assert read_deployment(deployment_document(tags=wrong)).revision == ""
    scale = {"scaleType": "TargetUtilization", "minInstances": 1, "maxInstances": 4}
    assert read_deployment(deployment_document(scaleSettings=scale)).bounds == (1, 4)
    assert read_deployment({**deployment_document(), "sku": None}).count == 1


def test_an_environment_is_ours_by_its_tags_not_by_its_name() -> None:
    from deployer_azureml.revisions import environment_body

    body = environment_body(spec(), release(), place())
    found = read_environment({**body, "name": f"{REVISION}-00000000", "id": "/x"})
    assert found is not None
    assert (found.revision, found.image.partition("@")[0]) == (REVISION, "teamacr.azurecr.io/deployer/iris")
    assert read_environment({"name": f"{REVISION}-00000000", "properties": {"image": "x"}}) is None
    archived = {**body["properties"], "isArchived": True}
    assert read_environment({"name": f"{REVISION}-00000000", "properties": archived}) is None


def test_an_autoscale_setting() -> None:
    wish = spec(replicas={"min": 2, "max": 5})
    tags = Marks("team", "iris", Role.AUTOSCALE, REVISION).tags()
    body = autoscale_body(wish, config_of(wish), f"/x/deployments/{REVISION.upper()}", "westeurope", tags)
    assert body is not None
    found = read_scaler({**body, "name": "deployer-x"})
    assert found is not None
    assert (found.deployment, found.bounds, found.shape) == (REVISION, (2, 5), body["tags"]["deployer.shape"])
    off = read_scaler({**body, "name": "x", "properties": {**body["properties"], "enabled": False}})
    assert off is not None
    assert off.shape == ""
    assert read_scaler({**body, "name": "x", "tags": {}}) is None
    assert read_scaler({**body, "name": "x", "properties": {"profiles": []}}) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-11-29T06:00:00+00:00", 1795932000.0),
        ("2026-11-29T06:00:00.1234567+00:00", 1795932000.123456),
        ("2026-11-29T06:00:00Z", 1795932000.0),
        ("2026-11-29T06:00:00", 1795932000.0),
        ("", 0.0),
        (None, 0.0),
    ],
)
def test_times(text: object, seconds: float) -> None:
    assert seconds_of(text) == pytest.approx(seconds, abs=1e-3)
