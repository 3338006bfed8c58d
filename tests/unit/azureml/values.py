"""Values for tests, and what Azure tells."""

from __future__ import annotations

from typing import Any

from deployer.endpoint import ImageRef, ModelRef, Record, Release
from deployer.spec import DeploymentSpec
from deployer_azureml.config import AzureMLConfig
from deployer_azureml.documents import read_deployment, read_endpoint
from deployer_azureml.facts import DeploymentFact, EndpointFact, EnvironmentFact, Facts
from deployer_azureml.marks import Marks, Role
from deployer_azureml.requests import Place, config_of

__all__ = [
    "IDENTITY", "IMAGE", "OTHER", "REVISION", "SCORING", "WORKSPACE", "config", "deployment", "deployment_document",
    "endpoint", "endpoint_document", "environment", "facts", "place", "record", "release", "spec",
]  # fmt: skip

REVISION, OTHER = "r1a2b3c4", "r5d6e7f8"
WORKSPACE = (
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/ml/providers"
    "/Microsoft.MachineLearningServices/workspaces/team"
)
IMAGE = "teamacr.azurecr.io/deployer/iris@sha256:" + "b" * 64
SCORING = "https://iris.westeurope.inference.ml.azure.com/invocations"
IDENTITY = (
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/ml/providers/Microsoft.ManagedIdentity"
    "/userAssignedIdentities/models"
)
_ABOUT = {"createdAt": "2026-11-29T06:00:00.1234567+00:00", "lastModifiedAt": "2026-11-29T06:05:00+00:00"}


def spec(**fields: Any) -> DeploymentSpec:
    model = {} if fields.get("image", {}).get("use") else {"model": "models:/iris/4"}
    return DeploymentSpec(**{"name": "iris", **model, "target": "azureml", **fields})


def config(**fields: Any) -> AzureMLConfig:
    return config_of(spec(config=fields))


def place(**fields: Any) -> Place:
    return Place(**{"id": WORKSPACE, "location": "westeurope", "owner": "team", **fields})


def release(revision: str = REVISION, **fields: Any) -> Release:
    model = ModelRef(uri="models:/iris@champion", resolved="models:/iris/4", digest="d" * 64)
    image = ImageRef(id="sha256:" + "a" * 64, reference=IMAGE)
    return Release(
        revision=revision, digest=revision[1:] + "0" * 57, model=model, lock="l" * 64, runtime="1", image=image,
        fields=fields,
    )  # fmt: skip


def record(**fields: Any) -> Record:
    base = {"endpoint": "iris", "owner": "team", "generation": 1, "created": 5.0, "spec": spec().wish()}
    releases = {REVISION: release(), OTHER: release(OTHER)}
    return Record.model_validate({**base, "releases": releases, **fields})


def endpoint_document(*, state: str = "Succeeded", tags: dict[str, str] | None = None, **told: Any) -> dict[str, Any]:
    """As the service tells it (recorded, Azure/azure-sdk-assets)."""
    return {
        "id": f"{WORKSPACE}/onlineEndpoints/iris",
        "name": "iris",
        "type": "Microsoft.MachineLearningServices/workspaces/onlineEndpoints",
        "kind": "Managed",
        "location": "westeurope",
        "tags": Marks("team", "iris", Role.ENDPOINT).tags() if tags is None else tags,
        "identity": {"type": "SystemAssigned", "principalId": "p", "tenantId": "t"},
        "systemData": _ABOUT,
        "properties": {
            "authMode": "Key",
            "scoringUri": SCORING,
            "swaggerUri": None,
            "compute": None,
            "traffic": {REVISION: 100},
            "mirrorTraffic": {},
            "publicNetworkAccess": "Enabled",
            "provisioningState": state,
            "properties": {"azureml.onlineendpointid": "x", "AzureAsyncOperationUri": "https://management/op"},
            **told,
        },
    }


def endpoint(*, trouble: str = "", **fields: Any) -> EndpointFact:
    return read_endpoint(endpoint_document(**fields), trouble)


def deployment_document(
    revision: str = REVISION, *, name: str = "", state: str = "Succeeded", count: int = 1,
    tags: dict[str, str] | None = None, **told: Any,
) -> dict[str, Any]:  # fmt: skip
    named = name or revision
    return {
        "id": f"{WORKSPACE}/onlineEndpoints/iris/deployments/{named}",
        "name": named,
        "kind": "Managed",
        "location": "westeurope",
        "tags": Marks("team", "iris", Role.DEPLOYMENT, revision).tags() if tags is None else tags,
        "sku": {"name": "Default", "tier": "Standard", "capacity": count},
        "systemData": _ABOUT,
        "properties": {
            "endpointComputeType": "Managed",
            "environmentId": f"{WORKSPACE}/environments/deployer-iris/versions/{revision}-00000000",
            "instanceType": "Standard_DS2_v2",
            "scaleSettings": {"scaleType": "Default"},
            "environmentVariables": {},
            "provisioningState": state,
            "properties": {"AzureAsyncOperationUri": "https://management/op2"},
            **told,
        },
    }


def deployment(revision: str = REVISION, *, trouble: str = "", **fields: Any) -> DeploymentFact:
    return read_deployment(deployment_document(revision, **fields), trouble)


def environment(revision: str = REVISION) -> EnvironmentFact:
    version = f"{revision}-00000000"
    return EnvironmentFact(version, f"{WORKSPACE}/environments/deployer-iris/versions/{version}", IMAGE, revision)


def facts(**fields: Any) -> Facts:
    base: dict[str, Any] = {
        "name": "iris", "target": "azure", "owner": "team", "record": record(), "endpoint": endpoint(),
        "deployments": (deployment(),), "environments": (environment(),), "now": 1.8e9,
    }  # fmt: skip
    return Facts(**{**base, **fields})
