"""What the double can be told at its start: durations, quotas, names, where its containers and images are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deployer.testing.cloud.containers import Containers
from deployer.testing.cloud.images import Registry

__all__ = ["Durations", "Options", "Registry"]


@dataclass(frozen=True, kw_only=True)
class Durations:
    """How long things take, in nominal seconds (see `deployer.testing.cloud.clock`).

    Azure takes minutes for most of these (recorded: 95 s for an endpoint, nine minutes for a deployment); the defaults
    are short, since what they are does not matter to a client that polls, and every one of them can be set.
    """

    endpoint: float = 0.05
    """``Creating`` of an endpoint."""
    traffic: float = 0.02
    """``Updating`` of an endpoint; its traffic is the new one afterwards."""
    provision: float = 0.05
    """From the accepted deployment to the first container's start: Azure finds machines."""
    scale: float = 0.02
    """``Scaling`` beside the time that containers take."""
    delete: float = 0.02
    """``Deleting``, beside the time that the containers take to end."""
    keys: float = 0.02
    """The operation of regenerateKeys."""
    probes: float = 1.0
    """Nominal seconds for each second of a probe's own settings: where the clock is fast (``Options.scale``), its
    inverse lets slow containers have the time that Azure gives them."""
    probe_every: float = 0.05
    """Between two probes; ours alone: Azure waits for the initial delay, then a period. Real seconds."""
    restarts: int = 3
    """How often a container that ends is started before the deployment fails (guessed). A number."""
    grace: float = 30.0
    """Between SIGTERM and SIGKILL (guessed: Kubernetes' default). Real seconds."""
    token: float = 3599.0
    """Entra's access tokens (documented: 60 to 90 minutes; recorded: 3599). Real seconds, as all that a client compares
    with its own clock."""
    aml_token: float = 43200.0
    """An endpoint's own tokens (guessed). Real seconds."""
    metrics: float = 0.0
    """After which a request's figures are seen in Azure Monitor (documented: within minutes)."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """All options of one double.

    Attributes:
        host: The address that it listens at.
        port: 0 finds a free one.
        proxy: Whether it has a proxy beside it, which leads every host of Azure's to it.
        tenant: The directory.
        client: The application that may ask for tokens, with its ``secret``.
        secret: See ``client``.
        subscription: The subscription.
        group: The resource group.
        workspaces: Names of its workspaces, the first being the usual one.
        location: Their region.
        account: Name of the storage account.
        registry_name: Name of the container registry in Azure.
        scale: Real seconds of a nominal one.
        durations: How long things take.
        retry_after: What ``retry-after-ms`` of a long-running operation says; 0 sends none (recorded: there is none).
        quotas: VM family (`deployer.testing.azureml.sizes`) to vCPUs.
        quota: For families that are not named there.
        taken: Endpoint names that somebody else has in the region.
        computes: Names of attached Kubernetes clusters.
        registry: Where images really are; None takes image names as they are.
        containers: Who runs them.
        built: The image that stands for what Azure builds of an MLflow model without an environment; without one such
            a build fails.
        credentials: What listSecrets of the datastore has: ``AccountKey``, ``Sas``, or ``None`` for identity alone.
        rights: Permissions (``actions``, ``notActions``, ``dataActions``, ``notDataActions`` each) of which one must
            allow every call; None allows all.
        guesses: Name of a guessed behaviour (`deployer.testing.azureml.behaviours`) to its other value.
    """

    host: str = "127.0.0.1"
    port: int = 0
    proxy: bool = False
    tenant: str = "72f988bf-0000-4000-8000-00000000d0b1"
    client: str = "11111111-0000-4000-8000-000000000001"
    secret: str = "double"  # noqa: S105
    subscription: str = "22222222-0000-4000-8000-000000000002"
    group: str = "rg"
    workspaces: tuple[str, ...] = ("ws",)
    location: str = "eastus2"
    account: str = "doublestore"
    registry_name: str = "doubleacr"
    scale: float = 1.0
    durations: Durations = field(default_factory=Durations)
    retry_after: int = 0
    quotas: Mapping[str, int] = field(default_factory=dict)
    quota: int = 100
    taken: frozenset[str] = frozenset()
    computes: tuple[str, ...] = ("cluster",)
    registry: Registry | None = None
    containers: Containers | None = None
    built: str = ""
    credentials: str = "AccountKey"
    rights: tuple[Mapping[str, Any], ...] | None = None
    guesses: Mapping[str, bool] = field(default_factory=dict)
