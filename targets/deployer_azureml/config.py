"""What the Azure ML target is told: where it works, and a spec's ``config``."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from deployer.quantity import Seconds
from deployer.spec import Scope
from deployer.spec.fields import scoped
from deployer.target.container import ContainerConfig
from deployer.value import Value
from deployer_azureml.clouds import AnyCloud, Cloud
from deployer_azureml.table import FAMILIES
from deployer_azureml.wishes import Capture, Identity, InstanceType, Limits, WholeSeconds

__all__ = ["API", "AzureMLConfig", "AzureMLOptions"]

API = "2025-12-01"
"""The generally available version of the workspace's REST API that documents are read and written by; that of
azure-ai-ml 1.35.2 where the SDK names none. One version for reading and writing, so that nothing is lost between."""
_PREFIX = r"^[A-Za-z0-9]+([._/-][A-Za-z0-9]+)*$"
_REPOSITORY = r"^[a-z0-9]+([._/-][a-z0-9]+)*$"

_NO_PLACE = {
    "code_configuration": "the server of a model is ours; a scoring script has no place in it",
    "scoring_script": "the server of a model is ours; a scoring script has no place in it",
    "environment": "the environment is made of the image; take image.use for one that is there",
    "instance_count": "say replicas",
    "environment_variables": "say env",
    "scale_settings": "say replicas: {min: 1, max: 5}",
    "traffic": "traffic is moved by the roll-out: rollout.strategy, deployer traffic",
    "mirror_traffic": "copies are sent by rollout.strategy: shadow",
    "max_queue_wait_ms": "Azure heeds it no more; say timeout",
}
"""Words of Azure's own documents that have another place here, and which."""


class AzureMLOptions(Value):
    """Which workspace is meant, and what of it is used."""

    subscription: str | None = Field(
        default=None, pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
        description="By default AZURE_SUBSCRIPTION_ID, or a config.json of the studio.",
    )  # fmt: skip
    resource_group: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9._()-]{0,89}[A-Za-z0-9_()-]$",
        description="By default AZUREML_ARM_RESOURCEGROUP.",
    )
    workspace: str | None = Field(
        default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{1,32}$", description="By default AZUREML_ARM_WORKSPACE_NAME."
    )
    cloud: AnyCloud = Field(
        default=Cloud(), description="public, us-government, china, or addresses: {manager: https://..., blobs: ...}."
    )
    tenant: str | None = Field(
        default=None, pattern=r"^[A-Za-z0-9.-]+$", description="Entra ID's, by its id or domain."
    )
    identity: str | None = Field(
        default=None, description="The client id of a managed identity to work as, where there are several."
    )
    store: str | None = Field(
        default=None, pattern=r"^[A-Za-z0-9_]{1,255}$",
        description="The blob datastore where records and models lie; by default the workspace's own.",
    )  # fmt: skip
    prefix: str = Field(default="deployer", pattern=_PREFIX, description="What the names of its blobs begin with.")
    registry: str | None = Field(
        default=None, pattern=r"^[a-z0-9.:-]+$", description="The registry's login server; by default the workspace's."
    )
    repository: str = Field(
        default="deployer", pattern=_REPOSITORY, description="What the names of its repositories begin with."
    )
    tags: dict[str, str] = Field(default={}, description="Tags of all that it makes, such as a cost centre's.")
    api_version: str = Field(
        default=API, pattern=r"^\d{4}-\d{2}-\d{2}(-preview)?$",
        description="Of the workspace's REST API, where a cloud lags behind.",
    )  # fmt: skip


class AzureMLConfig(ContainerConfig):
    """A spec's ``config`` on the Azure ML target."""

    instance_type: InstanceType | None = scoped(
        Scope.REVISION, None, description="Such as Standard_DS3_v2; by default the smallest that resources fit into."
    )
    families: tuple[str, ...] = scoped(
        Scope.REVISION, (), description="Families that one is chosen from, the preferred first: FSv2, DSv2."
    )
    concurrency: int | None = scoped(
        Scope.REVISION, None, ge=1, le=1000,
        description="Requests at once on each replica; Azure answers 429 beyond twice as many. By default threads.",
    )  # fmt: skip
    startup: WholeSeconds = scoped(
        Scope.REVISION, 900.0, ge=10, le=7200, description="The longest that a replica may take to be ready."
    )
    timeout: Seconds = scoped(
        Scope.REVISION, 60.0, gt=0, le=300,
        description="The longest that a prediction may take: at most 3m, on a Kubernetes compute 5m.",
    )  # fmt: skip
    data_capture: Capture | None = scoped(
        Scope.REVISION, None, description="Requests and answers kept as blobs: {what: both, percent: 10}."
    )
    app_insights: bool = scoped(Scope.REVISION, False, description="Whether its output goes to Application Insights.")
    limits: Limits | None = scoped(
        Scope.REVISION, None, description="On a Kubernetes compute, what a replica may take at most."
    )
    no_code: bool = scoped(
        Scope.REVISION, False, description="Register the MLflow model, and let Azure build image and server."
    )
    compute: str | None = scoped(
        Scope.ENDPOINT, None, pattern=r"^[A-Za-z][A-Za-z0-9-]{0,30}[A-Za-z0-9]$",
        description="A Kubernetes compute of the workspace; by default Azure's own machines. Cannot be changed later.",
    )  # fmt: skip
    auth_mode: Literal["key", "aml_token", "aad_token"] = scoped(
        Scope.ENDPOINT, "key", description="How callers are let in: by key, by a token of the workspace, by Entra ID."
    )
    identity: tuple[Identity, ...] = scoped(
        Scope.ENDPOINT, (), description="User-assigned identities; by default one of its own. Cannot be changed later."
    )
    connections: bool = scoped(
        Scope.ENDPOINT, False,
        description="Whether its own identity is let at the workspace's connections. Cannot be changed later.",
    )  # fmt: skip
    public: bool = scoped(
        Scope.ENDPOINT, True, description="Whether it can be reached from outside the workspace's private endpoints."
    )
    cooldown: WholeSeconds = scoped(
        Scope.ENDPOINT, 300.0, ge=60, le=86400, description="How long the autoscaler waits after each change."
    )

    @model_validator(mode="before")
    @classmethod
    def _no_place(cls, value: Any) -> Any:
        for word in value if isinstance(value, dict) else ():
            if word in _NO_PLACE:
                raise ValueError(f"{word}: {_NO_PLACE[word]}")
        return value

    @model_validator(mode="after")
    def _one_identity(self) -> Self:
        if self.connections and self.identity:
            raise ValueError(
                "connections: Azure lets only an endpoint's own identity at them; give yours the role "
                "'Azure Machine Learning Workspace Connection Secrets Reader', and leave connections out"
            )
        return self

    @field_validator("families")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            if each not in FAMILIES:
                raise ValueError(
                    f"no sizes of {each} are known; there are {', '.join(FAMILIES)}, or name a type by "
                    "config.instance_type"
                )
        return value
