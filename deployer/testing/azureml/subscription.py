"""What is there around endpoints: workspaces, datastores, computes, quotas, the registry, permissions, metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deployer.testing.azureml.answers import Answer, Refusal, told
from deployer.testing.azureml.identity import object_id
from deployer.testing.azureml.sizes import SIZES
from deployer.testing.azureml.state import PROVIDER, Workspace
from deployer.testing.azureml.wire import LOGIN, MANAGEMENT

if TYPE_CHECKING:
    from deployer.testing.azureml.wire import Asked
    from deployer.testing.azureml.world import World

__all__ = [
    "compute",
    "datastore",
    "datastore_secrets",
    "datastores",
    "metadata",
    "permissions",
    "provider",
    "registry",
    "sizes",
    "usages",
    "workspace",
]

DATASTORE = "workspaceblobstore"
"""The default datastore's name (documented)."""


def _workspace(world: World, asked: Asked) -> Workspace:
    return world.workspace(asked.names["group"], asked.names["workspace"])


def workspace(world: World, asked: Asked) -> Answer:
    """GET of a workspace."""
    found, options = _workspace(world, asked), world.options
    group = found.id.partition("/providers/")[0]
    registries = f"{group}/providers/Microsoft.ContainerRegistry/registries"
    return told(
        {
            "id": found.id,
            "name": found.name,
            "type": f"{PROVIDER}/workspaces",
            "location": found.location,
            "tags": {},
            "kind": "Default",
            "sku": {"name": "Basic", "tier": "Basic"},
            "identity": {
                "type": "SystemAssigned",
                "principalId": object_id(found.id),
                "tenantId": options.tenant,
            },
            "properties": {
                "friendlyName": found.name,
                "description": "",
                "provisioningState": "Succeeded",
                "workspaceId": found.guid,
                "storageAccount": f"{group}/providers/Microsoft.Storage/storageAccounts/{options.account}",
                "keyVault": f"{group}/providers/Microsoft.Keyvault/vaults/{found.name}-vault",
                "applicationInsights": f"{group}/providers/Microsoft.insights/components/{found.name}-insights",
                "containerRegistry": f"{registries}/{options.registry_name}",
                "hbiWorkspace": False,
                "publicNetworkAccess": "Enabled",
                "v1LegacyMode": False,
                "privateLinkCount": 0,
                "discoveryUrl": f"{asked.base}/discovery",
                "mlFlowTrackingUri": f"azureml://{found.location}.api.azureml.ms/mlflow/v1.0{found.id}",
            },
            "systemData": {},
        }
    )


def _store(world: World, found: Workspace) -> dict[str, Any]:
    kinds = {"AccountKey": "AccountKey", "Sas": "Sas", "None": "None"}
    return {
        "id": f"{found.id}/datastores/{DATASTORE}",
        "name": DATASTORE,
        "type": f"{PROVIDER}/workspaces/datastores",
        "properties": {
            "description": None,
            "tags": None,
            "properties": None,
            "isDefault": True,
            "credentials": {"credentialsType": kinds[world.options.credentials]},
            "datastoreType": "AzureBlob",
            "accountName": world.options.account,
            "containerName": found.container,
            "endpoint": "core.windows.net",
            "protocol": "https",
            "serviceDataAccessAuthIdentity": "None",
        },
        "systemData": {},
    }


def datastore(world: World, asked: Asked) -> Answer:
    """GET of a datastore; there is the default one."""
    found = _workspace(world, asked)
    if asked.names["datastore"] != DATASTORE:
        raise Refusal(404, "UserError", f"Datastore {asked.names['datastore']} not found.", inner=("NotFound",))
    return told(_store(world, found))


def datastores(world: World, asked: Asked) -> Answer:
    """GET of all."""
    return told({"value": [_store(world, _workspace(world, asked))]})


def datastore_secrets(world: World, asked: Asked) -> Answer:
    """POST listSecrets: the account's key or a shared access signature of the container."""
    datastore(world, asked)
    if world.options.credentials == "AccountKey":
        return told({"secretsType": "AccountKey", "key": world.blobs.key})
    if world.options.credentials == "Sas":
        container = _workspace(world, asked).container
        signature = world.blobs.signature(container, "racwdl", world.now() + 3600)
        return told({"secretsType": "Sas", "sasToken": signature})
    raise Refusal(400, "UserError", "The datastore has no secrets; it is used by identity.", inner=("BadArgument",))


def compute(world: World, asked: Asked) -> Answer:
    """GET of an attached Kubernetes cluster."""
    found, name = _workspace(world, asked), asked.names["compute"]
    if name not in world.options.computes:
        raise Refusal(404, "ComputeNotFound", f"Compute {name} not found.")
    return told(
        {
            "id": f"{found.id}/computes/{name}",
            "name": name,
            "type": f"{PROVIDER}/workspaces/computes",
            "location": found.location,
            "properties": {"computeType": "Kubernetes", "provisioningState": "Succeeded", "isAttachedCompute": True},
        }
    )


def usages(world: World, asked: Asked) -> Answer:
    """GET usages of the region: vCPUs of each family, used and at most."""
    base = f"/subscriptions/{asked.names['subscription']}/providers/{PROVIDER}/locations/{world.options.location}"
    return told(
        {
            "value": [
                {
                    "id": f"{base}/usages/{family}",
                    "type": f"{PROVIDER}/usages",
                    "unit": "Count",
                    "currentValue": world.cores(family),
                    "limit": world.quota(family),
                    "name": {"value": family, "localizedValue": f"{family} Cluster Dedicated vCPUs"},
                }
                for family in sorted({each.family for each in SIZES.values()})
            ]
        }
    )


def sizes(world: World, asked: Asked) -> Answer:
    """GET vmSizes of the region."""
    del world, asked
    return told(
        {
            "value": [
                {
                    "name": each.name,
                    "family": each.family,
                    "vCPUs": each.cores,
                    "gpus": each.gpus,
                    "memoryGB": each.memory,
                    "lowPriorityCapable": False,
                    "premiumIO": True,
                    "supportedComputeTypes": ["ComputeInstance", "AmlCompute"],
                }
                for each in SIZES.values()
            ]
        }
    )


def registry(world: World, asked: Asked) -> Answer:
    """GET of the container registry."""
    options = world.options
    if asked.names["registry"].lower() != options.registry_name:
        raise Refusal(
            404,
            "ResourceNotFound",
            f"The Resource 'Microsoft.ContainerRegistry/registries/{asked.names['registry']}' "
            f"under resource group '{asked.names['group']}' was not found. For more details please go to "
            "https://aka.ms/ARMResourceNotFoundFix",
        )
    return told(
        {
            "id": asked.path,
            "name": options.registry_name,
            "type": "Microsoft.ContainerRegistry/registries",
            "location": options.location,
            "sku": {"name": "Basic", "tier": "Basic"},
            "properties": {
                "loginServer": world.login_server(asked.call),
                "provisioningState": "Succeeded",
                "adminUserEnabled": False,
                "anonymousPullEnabled": False,
            },
        }
    )


def permissions(world: World, asked: Asked) -> Answer:
    """GET permissions at a scope: those that whoever asks has."""
    del asked
    empty: dict[str, Any] = {"notActions": [], "dataActions": [], "notDataActions": []}
    given = world.rights.permissions
    return told({"value": [{**empty, "actions": ["*"]}] if given is None else [{**empty, **each} for each in given]})


def provider(world: World, asked: Asked) -> Answer:
    """GET of a resource provider: whether the subscription is registered with it."""
    name = asked.names["provider"]
    return told(
        {
            "id": f"/subscriptions/{world.options.subscription}/providers/{name}",
            "namespace": name,
            "registrationState": "NotRegistered" if name.lower() in world.unregistered else "Registered",
        }
    )


def metadata(world: World, asked: Asked) -> Answer:
    """GET /metadata/endpoints: the cloud's addresses, for ``ARM_CLOUD_METADATA_URL``."""
    login = f"https://{LOGIN}" if asked.call.real else asked.base
    manager = f"https://{MANAGEMENT}" if asked.call.real else asked.base
    return told(
        [
            {
                "name": "AzureDouble",
                "portal": "https://portal.azure.com",
                "resourceManager": f"{manager}/",
                "authentication": {
                    "loginEndpoint": login,
                    "audiences": [manager],
                    "tenant": world.options.tenant,
                    "identityProvider": "AAD",
                },
                "suffixes": {"storage": "core.windows.net", "acrLoginServer": "azurecr.io"},
            }
        ]
    )
