"""How models of Azure ML are named: short and long forms of the SDK and the CLI, and MLflow's with its address. Pure.

- ``azureml:NAME:VERSION`` and ``azureml:NAME@latest``, of the workspace that is meant;
- ``azureml:/subscriptions/S/resourceGroups/G/providers/Microsoft.MachineLearningServices/workspaces/W/models/NAME/
  versions/V``, an id, which is the form that is remembered, since it needs no settings; the provider may be left out;
- ``models:/NAME/VERSION`` where ``MLFLOW_TRACKING_URI`` is ``azureml://REGION.api.azureml.ms/mlflow/v1.0/
  subscriptions/...``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from deployer.errors import SpecError
from deployer_azureml.clouds import Cloud
from deployer_azureml.wheres import Where

__all__ = ["FORMS", "Kept", "ModelName", "kept_in", "long_form", "parse_model", "workspace_of"]

FORMS = "azureml:NAME:VERSION, azureml:NAME@latest, or azureml: and the id of a version, as az ml model show has it"
_I = re.IGNORECASE
_WORD = "[A-Za-z0-9][A-Za-z0-9._-]{0,254}"
_WORKSPACE = (
    r"/subscriptions/(?P<subscription>[0-9a-f-]{36})/resourceGroups/(?P<group>[A-Za-z0-9._()-]{1,90})"
    r"(?:/providers/Microsoft\.MachineLearningServices)?/workspaces/(?P<workspace>[A-Za-z0-9_-]{2,33})"
)
_SHORT = re.compile(rf"azureml:(?P<name>{_WORD})(?::(?P<version>{_WORD})|@(?P<label>{_WORD}))")
_LONG = re.compile(
    rf"azureml:/?{_WORKSPACE}/models/(?P<name>{_WORD})(?:/versions/(?P<version>{_WORD})|/labels/(?P<label>{_WORD}))", _I
)
_OF_MLFLOW = re.compile(rf"models:/(?P<name>{_WORD})(?:/(?P<version>{_WORD})|@(?P<label>{_WORD}))")
_ADDRESS = re.compile(rf"azureml://[^/@]+/mlflow/[^/]+{_WORKSPACE}/?(?:\?.*)?", _I)
_ELSEWHERE = re.compile(r"azureml://(registries|feeds|locations)/", _I)
_IN_STORE = re.compile(rf"azureml:/(?:{_WORKSPACE}|/)/?datastores/(?P<store>[A-Za-z0-9_]+)/paths/(?P<path>[^?#]+)", _I)


@dataclass(frozen=True)
class ModelName:
    """A model that is named.

    Attributes:
        name: Its own.
        version: Which; None where a label says it.
        label: Such as ``latest``; None where a version is said.
        where: Its workspace; None: the one that is meant.
    """

    name: str
    version: str | None = None
    label: str | None = None
    where: Where | None = None


@dataclass(frozen=True)
class Kept:
    """Where a model's files lie.

    Attributes:
        path: Of the container, without a slash at either end.
        store: The datastore; "" where the address of the container is told instead.
        container: That address, ``https://ACCOUNT.blob.core.windows.net/CONTAINER``; "" for the datastore's.
    """

    path: str
    store: str = ""
    container: str = ""


def parse_model(uri: str, registry: str | None = None) -> ModelName:
    """Take a model's URI apart.

    Args:
        uri: In one of these forms.
        registry: The address of MLflow's registry, for ``models:/``.

    Raises:
        SpecError: It has none of them.
    """
    where = workspace_of(registry) if registry else None
    for form in (_SHORT, _LONG, *((_OF_MLFLOW,) if where is not None else ())):
        found = form.fullmatch(uri)
        if found is None:
            continue
        parts = found.groupdict()
        own = _where(parts) if parts.get("workspace") else where
        version: str | None = parts["version"]
        label: str | None = parts["label"]
        if form is _OF_MLFLOW and version is not None and not version.isdecimal():
            label, version = version.lower(), None  # MLflow's models:/NAME/latest, and its stages
        return ModelName(parts["name"], version, label, own)
    if _ELSEWHERE.match(uri):
        raise SpecError(
            "models are read from a workspace, and not from a registry of several, or by a region's own id", where=uri,
            hint="az ml model create --path azureml://registries/... brings one into the workspace; then "
            "azureml:NAME:VERSION",
        )  # fmt: skip
    if _ADDRESS.fullmatch(uri):
        raise SpecError(
            "that is the address of a workspace, and names no model", where=uri,
            hint=f"export MLFLOW_TRACKING_URI={uri}, and give models:/NAME/VERSION",
        )  # fmt: skip
    raise SpecError("that names no model of Azure ML", where=uri, hint=f"forms: {FORMS}")


def workspace_of(registry: str) -> Where | None:
    """The workspace that MLflow's address means; None for one that has another form."""
    found = _ADDRESS.fullmatch(registry)
    return _where(found.groupdict()) if found is not None else None


def _where(parts: dict[str, str | None]) -> Where:
    return Where(str(parts["subscription"]), str(parts["group"]), str(parts["workspace"]))


def long_form(where: Where, name: str, version: str) -> str:
    """The URI that is remembered."""
    return f"azureml:{where.workspace_id}/models/{name}/versions/{version}"


def kept_in(path: str, uri: str, cloud: Cloud) -> Kept:
    """Where a version's files lie.

    Args:
        path: As Azure tells it: of a datastore, or the address of a blob store. Whoever registers a model says it.
        uri: The model's, for errors.
        cloud: Whose stores are let know who asks.

    Raises:
        SpecError: They lie elsewhere, such as in a run's outputs.
    """
    found = _IN_STORE.fullmatch(path)
    if found is not None:
        return Kept(unquote(found["path"]).strip("/"), found["store"])
    container, _, inner = (cloud.in_account(path) or "").strip("/").partition("/")
    if container and inner.strip("/"):
        return Kept(unquote(inner).strip("/"), container=path[: path.index(f"/{container}/") + len(container) + 1])
    raise SpecError(
        f"its files lie where deployer does not look: {path}", where=uri,
        hint="az ml model download --name ... --version ..., and give the folder",
    )  # fmt: skip
