"""What the one who deploys must be allowed to do, and the endpoint's identity. Data, for ``doctor`` and infra/azure.

Actions are those of Azure's roles ("Azure permissions for AI + machine learning"), each once for each thing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["DEPLOYING", "ENDPOINT_ROLES", "Right", "Scope", "actions"]

_ML = "Microsoft.MachineLearningServices"
_WORKSPACE = f"{_ML}/workspaces"
_BLOB = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
_SCALE = "Microsoft.Insights/autoscaleSettings"


class Scope(StrEnum):
    """What a right is on."""

    WORKSPACE = "workspace"
    GROUP = "resource group"
    SUBSCRIPTION = "subscription"
    REGISTRY = "container registry"
    STORE = "container of the workspace's store"


@dataclass(frozen=True)
class Right:
    """One action.

    Attributes:
        action: ``Microsoft.MachineLearningServices/workspaces/onlineEndpoints/write``.
        why: For people.
        on: What it is on.
        data: Whether it is among a role's DataActions.
        always: Whether every release needs it; else only a wish that says so, or another command.
    """

    action: str
    why: str
    on: Scope = Scope.WORKSPACE
    data: bool = False
    always: bool = True


DEPLOYING: tuple[Right, ...] = (
    Right(f"{_WORKSPACE}/read", "where it is, its store and registry"),
    Right(f"{_WORKSPACE}/onlineEndpoints/read", "how it is; list"),
    Right(f"{_WORKSPACE}/onlineEndpoints/write", "an endpoint, its labels and its traffic"),
    Right(f"{_WORKSPACE}/onlineEndpoints/delete", "what is not wished any more"),
    Right(f"{_WORKSPACE}/onlineEndpoints/deployments/read", "its revisions"),
    Right(f"{_WORKSPACE}/onlineEndpoints/deployments/write", "a revision, and its count"),
    Right(f"{_WORKSPACE}/onlineEndpoints/deployments/delete", "what is not wished any more"),
    Right(f"{_WORKSPACE}/onlineEndpoints/deployments/getLogs/action", "logs, and why it does not start"),
    Right(f"{_WORKSPACE}/onlineEndpoints/listKeys/action", "to verify and predict, with auth_mode: key"),
    Right(f"{_WORKSPACE}/onlineEndpoints/token/action", "the same, with auth_mode: aml_token", always=False),
    Right(f"{_WORKSPACE}/onlineEndpoints/score/action", "the same, with auth_mode: aad_token", always=False),
    Right(f"{_WORKSPACE}/environments/read", "whether a revision's environment is there"),
    Right(f"{_WORKSPACE}/environments/versions/read", "whose it is"),
    Right(f"{_WORKSPACE}/environments/versions/write", "a revision's environment: its image, where that is asked"),
    Right(f"{_WORKSPACE}/environments/versions/delete", "what is not wished any more", always=False),
    Right(f"{_WORKSPACE}/models/read", "azureml:NAME@LABEL", always=False),
    Right(f"{_WORKSPACE}/models/versions/read", "azureml:NAME:VERSION", always=False),
    Right(f"{_WORKSPACE}/models/versions/write", "config.no_code, image.weights: mount", always=False),
    Right(f"{_WORKSPACE}/models/versions/delete", "gc", always=False),
    Right(f"{_WORKSPACE}/datastores/read", "where records lie"),
    Right(f"{_WORKSPACE}/datastores/listSecrets/action", "a store that is let at by key", always=False),
    Right(f"{_WORKSPACE}/connections/listsecrets/action", "config.connections", always=False),
    Right(f"{_ML}/locations/mfeOperationsStatus/read", "how far Azure is, and why it failed", Scope.SUBSCRIPTION),
    Right(f"{_ML}/locations/usages/read", "doctor: cores in use, and that there are", Scope.SUBSCRIPTION, always=False),
    Right("Microsoft.Resources/subscriptions/providers/read", "doctor", Scope.SUBSCRIPTION, always=False),
    Right("Microsoft.Authorization/permissions/read", "doctor", always=False),
    Right("Microsoft.Insights/metrics/read", "figures", always=False),
    Right(f"{_SCALE}/read", "whether an autoscaler has a count", Scope.GROUP),
    Right(f"{_SCALE}/write", "a range", Scope.GROUP, always=False),
    Right(f"{_SCALE}/delete", "a range that ends", Scope.GROUP, always=False),
    Right("Microsoft.ContainerRegistry/registries/read", "its login server", Scope.REGISTRY),
    Right("Microsoft.ContainerRegistry/registries/pull/read", "to push what is missing alone", Scope.REGISTRY),
    Right("Microsoft.ContainerRegistry/registries/push/write", "to push", Scope.REGISTRY),
    Right("Microsoft.ContainerRegistry/registries/metadata/read", "gc", Scope.REGISTRY, always=False),
    Right("Microsoft.ContainerRegistry/registries/artifacts/delete", "gc", Scope.REGISTRY, always=False),
    Right(f"{_BLOB}/read", "records", Scope.STORE, data=True),
    Right(f"{_BLOB}/write", "records", Scope.STORE, data=True),
    Right(f"{_BLOB}/delete", "records", Scope.STORE, data=True),
)
"""Of the one who runs deployer."""

ENDPOINT_ROLES: tuple[tuple[str, Scope, str], ...] = (
    ("AcrPull", Scope.REGISTRY, "its image"),
    ("Storage Blob Data Reader", Scope.STORE, "a model that is mounted"),
    ("AzureML Metrics Writer (preview)", Scope.WORKSPACE, "figures of its machines"),
)
"""Built-in roles of the endpoint's identity. Azure gives them to an endpoint's own; a user-assigned one has to have
them ("Authentication for managed online endpoints": automatic role assignment)."""


def actions(*, data: bool, on: Scope | None = None) -> tuple[str, ...]:
    """For a role's Actions or DataActions.

    Args:
        data: Which of the two.
        on: Of one kind of thing; None: of all.
    """
    return tuple(each.action for each in DEPLOYING if each.data is data and on in (None, each.on))
