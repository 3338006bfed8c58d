"""The documents that Azure is sent."""

from __future__ import annotations

from typing import Any

import pytest

from deployer.errors import SpecError
from deployer_azureml.requests import create_endpoint, instance_type
from deployer_azureml.revisions import deployment_body, environment_body, environment_of
from deployer_azureml.wishes import iso
from tests.unit.azureml.values import IDENTITY, IMAGE, REVISION, WORKSPACE, config, place, release, spec

MARKS = {"deployer.managed-by": "deployer", "deployer.owner": "team", "deployer.endpoint": "iris"}


def test_an_endpoint() -> None:
    assert create_endpoint(spec(labels={"team": "risk"}), place(tags={"cost": "7"})) == {
        "location": "westeurope",
        "kind": "Managed",
        "tags": {
            "cost": "7", "team": "risk", **MARKS, "deployer.role": "endpoint", "deployer.labels": "team",
        },
        "identity": {"type": "SystemAssigned"},
        "properties": {"authMode": "Key", "publicNetworkAccess": "Enabled", "traffic": {}, "properties": {}},
    }  # fmt: skip


def test_an_endpoint_as_it_is_wished() -> None:
    found = create_endpoint(spec(config={"auth_mode": "aad_token", "public": False, "identity": [IDENTITY]}), place())
    assert found["identity"] == {"type": "UserAssigned", "userAssignedIdentities": {IDENTITY: {}}}
    assert found["properties"]["authMode"] == "AADToken"
    assert found["properties"]["publicNetworkAccess"] == "Disabled"
    found = create_endpoint(spec(config={"connections": True, "compute": "aks"}), place())
    assert found["kind"] == "Kubernetes"
    assert found["properties"] == {
        "authMode": "Key", "traffic": {}, "compute": f"{WORKSPACE}/computes/aks",
        "properties": {"enforce_access_to_default_secret_stores": "enabled"},
    }  # fmt: skip


def test_an_environment_is_the_image_and_where_it_is_asked() -> None:
    found = environment_body(spec(), release(), place())["properties"]
    assert found["image"] == IMAGE
    assert {name: route["path"] for name, route in found["inferenceConfig"].items()} == {
        "livenessRoute": "/live", "readinessRoute": "/ready", "scoringRoute": "/invocations",
    }  # fmt: skip
    assert {route["port"] for route in found["inferenceConfig"].values()} == {8080}
    assert found["tags"]["deployer.role"] == "environment"
    with pytest.raises(SpecError, match="has no image"):
        environment_body(spec(), release().model_copy(update={"image": None}), place())


def test_an_equal_environment_has_an_equal_version_and_labels_make_no_other() -> None:
    one = environment_of(spec(), release())
    assert one.startswith(f"{REVISION}-")
    assert len(one) == 17
    assert environment_of(spec(labels={"a": "b"}, replicas=4), release()) == one
    routes = {"port": 9000, "ready": "/up", "invocations": "/v1/x"}
    other = spec(image={"use": IMAGE}, config={"routes": routes})
    assert environment_of(other, release()) != one
    found = environment_body(other, release(), place())["properties"]["inferenceConfig"]
    assert [each["path"] for each in found.values()] == ["/up", "/up", "/v1/x"]
    assert found["scoringRoute"]["port"] == 9000


def test_a_deployment() -> None:
    found = deployment_body(spec(env={"LOG": "info"}, replicas=2), release(), place())
    version = environment_of(spec(), release())
    assert (found["location"], found["kind"], found["sku"]) == (
        "westeurope", "Managed", {"name": "Default", "capacity": 2},
    )  # fmt: skip
    assert found["tags"] == {
        **MARKS, "deployer.role": "deployment", "deployer.revision": REVISION, "deployer.model": "models:/iris/4",
        "deployer.digest": release().digest,
    }  # fmt: skip
    told = found["properties"]
    assert told["environmentId"] == f"{WORKSPACE}/environments/deployer-iris/versions/{version}"
    assert (told["endpointComputeType"], told["instanceType"]) == ("Managed", "Standard_DS2_v2")
    assert told["scaleSettings"] == {"scaleType": "Default"}
    assert told["requestSettings"] == {"requestTimeout": "PT1M5S", "maxConcurrentRequestsPerInstance": 4}
    assert told["readinessProbe"] == {
        "initialDelay": "PT1S", "period": "PT10S", "timeout": "PT5S", "failureThreshold": 90, "successThreshold": 1,
    }  # fmt: skip
    assert told["livenessProbe"]["failureThreshold"] == 6
    variables = told["environmentVariables"]
    assert variables["LOG"] == "info"
    assert variables["DEPLOYER_SERVING_REVISION"] == REVISION
    assert variables["DEPLOYER_SERVING_BEHIND"] == "azureml"
    assert "model" not in told
    assert "dataCollector" not in told


def test_what_is_wished_of_requests_and_what_is_kept_of_them() -> None:
    wish = {"timeout": "170s", "threads": 8, "data_capture": {"what": "request", "percent": 5, "roll": "day"}}
    told = deployment_body(spec(config=wish), release(), place())["properties"]
    assert told["requestSettings"] == {"requestTimeout": "PT2M55S", "maxConcurrentRequestsPerInstance": 8}
    assert told["dataCollector"] == {
        "collections": {"request": {"dataCollectionMode": "Enabled", "samplingRate": 0.05}}, "rollingRate": "Day",
    }  # fmt: skip
    wish = {"timeout": "3m", "concurrency": 20, "data_capture": {}, "app_insights": True}
    told = deployment_body(spec(config=wish), release(), place())["properties"]
    assert told["requestSettings"] == {"requestTimeout": "PT3M", "maxConcurrentRequestsPerInstance": 20}
    assert set(told["dataCollector"]["collections"]) == {"request", "response"}
    assert told["appInsightsEnabled"] is True


def test_secrets_are_references_that_azure_resolves() -> None:
    vault = f"https://team-vault.vault.azure.net/secrets/db/{'0a' * 16}"
    connection = "azureml://connections/openai/credentials/key"
    wish = spec(secrets={"DB": {"ref": vault}, "KEY": {"ref": connection}})
    variables = deployment_body(wish, release(), place())["properties"]["environmentVariables"]
    assert variables["DB"] == f"${{{{keyvault:{vault}}}}}"
    assert variables["KEY"] == f"${{{{{connection}}}}}"


def test_a_ready_image_gets_the_spec_s_own_variables_alone() -> None:
    wish = spec(
        image={"use": IMAGE}, env={"A": "1"},
        config={"routes": {"port": 9000, "ready": "/up", "invocations": "/v1/x"}, "startup": "10m"},
    )  # fmt: skip
    told = deployment_body(wish, release(), place())["properties"]
    assert told["environmentVariables"] == {"A": "1"}
    assert told["livenessProbe"] == told["readinessProbe"]
    assert told["readinessProbe"]["failureThreshold"] == 60


def test_weights_are_mounted_from_an_asset() -> None:
    model = f"{WORKSPACE}/models/deployer-weights/versions/0123456789abcdef"
    told = deployment_body(spec(image={"weights": "mount"}), release(), place(model=model))["properties"]
    assert (told["model"], told["modelMountPath"]) == (model, "/opt/ml/models")
    variables = told["environmentVariables"]
    assert variables["DEPLOYER_SERVING_MODEL"] == "/opt/ml/models/deployer-weights/0123456789abcdef/model"
    assert variables["DEPLOYER_SERVING_MODEL_DIGEST"] == "d" * 64


def test_no_code_names_the_model_and_no_environment() -> None:
    model = f"{WORKSPACE}/models/iris/versions/4"
    told = deployment_body(spec(config={"no_code": True}, env={"A": "1"}), release(), place(model=model))["properties"]
    assert told["model"] == model
    assert told["environmentVariables"] == {"A": "1"}
    for name in ("environmentId", "readinessProbe", "modelMountPath"):
        assert name not in told


def test_on_kubernetes_resources_are_asked_for() -> None:
    wish = spec(
        config={"compute": "aks", "limits": {"memory": "4Gi"}, "timeout": "5m"},
        replicas={"min": 1, "max": 3, "value": 60}, resources={"cpu": 0.5, "memory": "2Gi", "gpu": 1},
    )  # fmt: skip
    told = deployment_body(wish, release(), place(), serving=2)
    assert (told["kind"], told["sku"]["capacity"]) == ("Kubernetes", 2)
    properties = told["properties"]
    assert properties["containerResourceRequirements"] == {
        "containerResourceRequests": {"cpu": "500m", "memory": str(2 * 2**30), "gpu": "1"},
        "containerResourceLimits": {"cpu": "500m", "memory": str(4 * 2**30), "gpu": "1"},
    }
    assert properties["scaleSettings"] == {
        "scaleType": "TargetUtilization", "minInstances": 1, "maxInstances": 3, "pollingInterval": "PT1S",
        "targetUtilizationPercentage": 60,
    }  # fmt: skip
    assert "instanceType" not in properties
    assert properties["requestSettings"]["requestTimeout"] == "PT5M"


def test_which_instances() -> None:
    assert instance_type(spec(), config()) == "Standard_DS2_v2"
    assert instance_type(spec(), config(instance_type="standard_ds3_V2")) == "Standard_DS3_v2"
    assert instance_type(spec(), config(instance_type="Standard_New1")) == "Standard_New1"
    assert instance_type(spec(), config(compute="aks")) is None
    assert instance_type(spec(), config(compute="aks", instance_type="gpu")) == "gpu"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(5, "PT5S"), (60, "PT1M"), (65, "PT1M5S"), (3600, "PT1H"), (3661, "PT1H1M1S"), (0.5, "PT0.5S"), (0, "PT0S")],
)
def test_durations(seconds: float, text: str) -> None:
    assert iso(seconds) == text


def test_a_range_begins_with_what_serves() -> None:
    wish: dict[str, Any] = {"min": 1, "max": 4}
    for serving, count in ((0, 1), (3, 3), (9, 4)):
        assert deployment_body(spec(replicas=wish), release(), place(), serving)["sku"]["capacity"] == count
