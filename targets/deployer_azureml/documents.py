"""From the documents of the workspace's REST API to facts. Pure.

Of each document is kept what has to be written back: Azure's PUT replaces the whole thing, so that what is left out is
lost, tags, copies and identity too (reference of ``OnlineEndpoints_CreateOrUpdate``; azure-ai-ml's own entities drop
some of it). What Azure alone writes is left out of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from deployer.value import JSON, digest
from deployer_azureml.facts import DeploymentFact, EndpointFact, EnvironmentFact, ScalerFact
from deployer_azureml.marks import Role, labels_of, read_marks
from deployer_azureml.names import revision_in
from deployer_azureml.scaling import SHAPE

__all__ = [
    "OPERATION",
    "SECRET_STORES",
    "read_deployment",
    "read_endpoint",
    "read_environment",
    "read_scaler",
    "seconds_of",
    "writable",
]

OPERATION = "AzureAsyncOperationUri"
"""Of ``properties.properties``: where Azure's last operation on the thing is told of, its error too."""
SECRET_STORES = "enforce_access_to_default_secret_stores"  # noqa: S105 - a name of Azure's, and no secret
"""Of ``properties.properties``: whether the endpoint's own identity is let at the workspace's connections."""
_READ_ONLY = frozenset({"provisioningState", "scoringUri", "swaggerUri"})


def seconds_of(text: object) -> float:
    """A time such as ``2026-03-03T20:17:59.3412345+00:00``, since the epoch; 0 for none."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return 0.0
    return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp()


def writable(document: Mapping[str, Any]) -> dict[str, JSON]:
    """What to write so that a thing stays as it is: the document without what Azure alone writes."""
    found: dict[str, JSON] = {
        key: document[key] for key in ("location", "kind", "tags", "sku", "identity") if document.get(key) is not None
    }
    if isinstance(document.get("identity"), Mapping):
        found["identity"] = _identity(document["identity"])
    properties = document.get("properties") or {}
    found["properties"] = {key: value for key, value in properties.items() if key not in _READ_ONLY}
    return found


def _identity(told: Mapping[str, Any]) -> dict[str, JSON]:
    """Its type, and whose they are: the ids of principals are Azure's to tell."""
    found: dict[str, JSON] = {"type": told.get("type") or "None"}
    if told.get("userAssignedIdentities"):
        found["userAssignedIdentities"] = {key: {} for key in told["userAssignedIdentities"]}
    return found


def _basis(document: Mapping[str, JSON]) -> str:
    """A fingerprint of what would be written back, without what Azure writes at each operation."""
    properties: Mapping[str, Any] = document.get("properties") or {}
    inner = {key: value for key, value in (properties.get("properties") or {}).items() if key != OPERATION}
    return digest({**document, "properties": {**properties, "properties": inner}})[:16]


def _text(value: object) -> str:
    return str(value) if value else ""


def _tags(document: Mapping[str, Any]) -> dict[str, str]:
    return {str(key): str(value) for key, value in (document.get("tags") or {}).items()}


def _shares(told: Mapping[str, Any] | None) -> dict[str, int]:
    return {str(key).lower(): int(value) for key, value in (told or {}).items() if int(value)}


def read_endpoint(document: Mapping[str, Any], trouble: str = "") -> EndpointFact:
    """From an online endpoint.

    Args:
        document: As Azure tells it.
        trouble: What its operation told, where that failed (`deployer_azureml.errors.trouble_of`).
    """
    told: Mapping[str, Any] = document["properties"]
    inner: Mapping[str, Any] = told.get("properties") or {}
    identity: Mapping[str, Any] = document.get("identity") or {}
    about: Mapping[str, Any] = document.get("systemData") or {}
    tags, kept = _tags(document), writable(document)
    marks = read_marks(tags)
    return EndpointFact(
        name=str(document["name"]),
        id=_text(document.get("id")),
        state=_text(told.get("provisioningState")),
        location=_text(document.get("location")),
        auth_mode=_text(told.get("authMode")),
        traffic=_shares(told.get("traffic")),
        mirror=_shares(told.get("mirrorTraffic")),
        scoring_uri=_text(told.get("scoringUri")),
        compute=_text(told.get("compute")).rpartition("/")[2].rpartition(":")[2],
        public=_text(told.get("publicNetworkAccess")).lower() != "disabled",
        identity=_text(identity.get("type")),
        identities=tuple(sorted(str(each).lower() for each in identity.get("userAssignedIdentities") or ())),
        connections=_text(inner.get(SECRET_STORES)).lower() == "enabled",
        created=seconds_of(about.get("createdAt")),
        modified=seconds_of(about.get("lastModifiedAt")),
        operation=_text(inner.get(OPERATION)),
        trouble=trouble,
        marks=marks if marks is not None and marks.role is Role.ENDPOINT else None,
        labels=labels_of(tags),
        document=kept,
        basis=_basis(kept),
    )


def read_deployment(document: Mapping[str, Any], trouble: str = "") -> DeploymentFact:
    """From an online deployment; the same."""
    told: Mapping[str, Any] = document["properties"]
    inner: Mapping[str, Any] = told.get("properties") or {}
    about: Mapping[str, Any] = document.get("systemData") or {}
    scale: Mapping[str, Any] = told.get("scaleSettings") or {}
    own = scale.get("scaleType") == "TargetUtilization"
    kept = writable(document)
    marks = read_marks(_tags(document))
    return DeploymentFact(
        name=str(document["name"]),
        id=_text(document.get("id")),
        state=_text(told.get("provisioningState")),
        count=int((document.get("sku") or {}).get("capacity") or 1),
        bounds=(int(scale.get("minInstances") or 0), int(scale.get("maxInstances") or 0)) if own else None,
        instance_type=_text(told.get("instanceType")),
        environment=_text(told.get("environmentId")),
        model=_text(told.get("model")),
        created=seconds_of(about.get("createdAt")),
        modified=seconds_of(about.get("lastModifiedAt")),
        operation=_text(inner.get(OPERATION)),
        trouble=trouble,
        marks=marks if marks is not None and marks.role is Role.DEPLOYMENT and marks.revision else None,
        document=kept,
        basis=_basis(kept),
    )


def read_environment(document: Mapping[str, Any]) -> EnvironmentFact | None:
    """From an environment's version; None when it is not ours. An asset's own tags are among its properties."""
    told: Mapping[str, Any] = document.get("properties") or {}
    marks = read_marks({**_tags(document), **_tags(told)})
    version = str(document["name"])
    if marks is None or marks.role is not Role.ENVIRONMENT or told.get("isArchived"):
        return None
    revision = marks.revision or revision_in(version) or ""
    return EnvironmentFact(version, _text(document.get("id")), _text(told.get("image")), revision, marks.records)


def read_scaler(document: Mapping[str, Any]) -> ScalerFact | None:
    """From an autoscale setting of Azure Monitor; None when it is not ours."""
    marks = read_marks(_tags(document))
    told: Mapping[str, Any] = document.get("properties") or {}
    profiles = told.get("profiles") or ()
    if marks is None or marks.role is not Role.AUTOSCALE or not profiles:
        return None
    capacity: Mapping[str, Any] = profiles[0].get("capacity") or {}
    of = _text(told.get("targetResourceUri")).rpartition("/")[2].lower()
    bounds = int(capacity.get("minimum") or 0), int(capacity.get("maximum") or 0)
    # One that somebody switched off is not as it was wished.
    shape = _tags(document).get(SHAPE, "") if told.get("enabled", True) else ""
    return ScalerFact(str(document["name"]), of, *bounds, shape)
