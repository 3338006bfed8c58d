"""From a spec and a revision to the documents that Azure ML is sent. Pure.

Documents are Azure's own (REST API of ``Microsoft.MachineLearningServices``), whole: PUT replaces a thing by them.
`deployer_azureml.scaling` has those about counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from deployer.endpoint import Mirrored, Traffic
from deployer.spec import DeploymentSpec
from deployer.target.reading import read_config
from deployer.value import JSON
from deployer_azureml.config import AzureMLConfig
from deployer_azureml.documents import SECRET_STORES
from deployer_azureml.facts import EndpointFact, Facts
from deployer_azureml.marks import LABELS, Marks, Role
from deployer_azureml.sizes import canonical, smallest

__all__ = [
    "AUTH_MODES",
    "Place",
    "config_of",
    "create_endpoint",
    "instance_type",
    "with_labels",
    "with_mirror",
    "with_traffic",
]

AUTH_MODES = {"key": "Key", "aml_token": "AMLToken", "aad_token": "AADToken"}
"""``config.auth_mode`` -> Azure's word (azure-ai-ml: EndpointAuthMode)."""


@dataclass(frozen=True)
class Place:
    """What the workspace and the options give to what is made.

    Attributes:
        id: The workspace's, of Azure Resource Manager.
        location: Its region: endpoints are made there.
        owner: Who marks what is made.
        tags: The named target's own.
        model: The id of the registered model of ``config.no_code``, or of the weights that are mounted; "" for none.
        model_folder: The folder in that asset.
    """

    id: str
    location: str
    owner: str = "default"
    tags: Mapping[str, str] = field(default_factory=dict)
    model: str = ""
    model_folder: str = "model"

    @property
    def workspace(self) -> str:
        """Its name."""
        return self.id.rpartition("/")[2]


def config_of(spec: DeploymentSpec) -> AzureMLConfig:
    """The spec's ``config``, read.

    Raises:
        SpecError: A key is unknown, or a value is not usable.
    """
    return read_config(spec, AzureMLConfig, "azureml")


def instance_type(spec: DeploymentSpec, config: AzureMLConfig) -> str | None:
    """What its instances are; None on a Kubernetes compute where none is named: the resources are asked for there.

    Raises:
        SpecError: No type is named, and ``resources`` fit into none.
    """
    if config.compute is not None:
        return config.instance_type
    if config.instance_type is not None:
        return canonical(config.instance_type)
    return smallest(spec.resources, families=config.families).type


# The endpoint.


def create_endpoint(spec: DeploymentSpec, place: Place) -> dict[str, JSON]:
    """The document of an endpoint that is not there yet; it can have no traffic, since it has no deployments."""
    config = config_of(spec)
    marks = Marks(place.owner, spec.name, Role.ENDPOINT)
    properties: dict[str, JSON] = {
        "authMode": AUTH_MODES[config.auth_mode],
        "publicNetworkAccess": "Enabled" if config.public else "Disabled",
        "traffic": {},
        "properties": {SECRET_STORES: "enabled"} if config.connections else {},
    }
    if config.compute is not None:
        properties["compute"] = f"{place.id}/computes/{config.compute}"
        del properties["publicNetworkAccess"]
    return {
        "location": place.location,
        "kind": "Kubernetes" if config.compute is not None else "Managed",
        "tags": {**place.tags, **marks.tags(spec.labels)},
        "identity": _identity(config),
        "properties": properties,
    }


def _identity(config: AzureMLConfig) -> dict[str, JSON]:
    if not config.identity:
        return {"type": "SystemAssigned"}
    return {"type": "UserAssigned", "userAssignedIdentities": {each: {} for each in config.identity}}


def with_labels(main: EndpointFact, spec: DeploymentSpec, place: Place) -> dict[str, JSON]:
    """Its document with what is wished of the endpoint: labels, how callers are let in, who reaches it."""
    config = config_of(spec)
    properties = {**main.document["properties"], "authMode": AUTH_MODES[config.auth_mode]}
    if not main.compute:
        properties["publicNetworkAccess"] = "Enabled" if config.public else "Disabled"
    kept = {
        key: value for key, value in main.document.get("tags", {}).items() if key not in main.labels and key != LABELS
    }
    tags = {**kept, **place.tags, **Marks(place.owner, spec.name, Role.ENDPOINT).tags(spec.labels)}
    return {**main.document, "tags": tags, "properties": properties}


def with_traffic(main: EndpointFact, facts: Facts, traffic: Traffic) -> dict[str, JSON]:
    """Its document with other traffic; a deployment that gets some gets no copies any more, since Azure takes no both.

    Args:
        main: The endpoint.
        facts: What was found of its deployments.
        traffic: By revision.
    """
    shares: dict[str, JSON] = {}
    for revision, percent in traffic.items():
        deployment = facts.find(revision)
        shares[deployment.name if deployment is not None else revision] = percent
    taken = {name.lower() for name in shares}
    told = main.document["properties"]
    mirror = {key: value for key, value in (told.get("mirrorTraffic") or {}).items() if key.lower() not in taken}
    return {**main.document, "properties": {**told, "traffic": shares, "mirrorTraffic": mirror if traffic else {}}}


def with_mirror(main: EndpointFact, facts: Facts, mirrored: Mirrored | None) -> dict[str, JSON]:
    """Its document with other copies."""
    deployment = facts.find(mirrored.revision) if mirrored is not None else None
    copies = {deployment.name: mirrored.percent} if mirrored is not None and deployment is not None else {}
    return {**main.document, "properties": {**main.document["properties"], "mirrorTraffic": copies}}
