"""The SDK, azure-ai-ml, for what has files: models, the stores that they lie in, and new versions of them.

It is imported here alone, when a model of Azure ML is read or registered: that takes two to three seconds and 100 MB.
What it prints, dots, progress and advice, goes to stderr, and the variable that it leaves in the environment is taken
back.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from deployer.errors import DeployerError, SpecError
from deployer.importing import library
from deployer.value import digest
from deployer_azureml.client import Azure, told
from deployer_azureml.clouds import CLOUDS, Cloud
from deployer_azureml.errors import refused_of
from deployer_azureml.model_uris import Kept

__all__ = ["Registered", "Sdk"]

_CURRENT = "AZUREML_CURRENT_CLOUD"
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_QUIET = threading.RLock()
_RETRIES = 2
_PIECE = 16 * 2**20
"""Bytes of a file that are in memory at once; of so large ones a blob may have 50,000 ("Put Block List")."""


@dataclass(frozen=True)
class Registered:
    """A version of a model.

    Attributes:
        id: Of Azure Resource Manager.
        path: Where its files lie, as Azure tells it.
        type: ``mlflow_model``, ``custom_model``, ``triton_model``.
        tags: All that it has.
        created: Seconds since the epoch; 0.0 where it is not told.
    """

    id: str
    name: str
    version: str
    path: str
    type: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    created: float = 0.0


class Sdk:
    """The SDK's client of one workspace.

    Args:
        azure: Whose credentials, cloud and workspace count.
    """

    def __init__(self, azure: Azure) -> None:
        self._azure = azure

    def model(self, name: str, *, version: str | None = None, label: str | None = None) -> Registered | None:
        """A version of a model; None when there is none.

        Args:
            name: The model's.
            version: Which, or
            label: what stands for one, such as ``latest``.

        Raises:
            TargetUnavailable: Azure does not answer, or does not let us ask.
        """
        what = f"{name}:{version}" if version is not None else f"{name}@{label}"
        with self._quietly(), _answered(f"read the model {what}", what):
            models = self._client.models  # what is imported below is there from then on
            try:
                return _registered(models.get(name, version=version, label=label))
            except library("azure.core.exceptions").ResourceNotFoundError as error:
                refused = refused_of(404, _body(error), f"GET models/{name}")
                if refused.nowhere:
                    raise
                return None
            except library("azure.ai.ml.exceptions").ValidationException as error:
                if label is None:
                    raise
                # By its own words the SDK knows no such label.
                if re.search(r"not (?:exist|found)|no .*version", str(error), re.IGNORECASE):
                    return None
                raise

    def register(self, name: str, version: str, path: str, *, type_: str, tags: Mapping[str, str]) -> Registered:
        """Make a version of a model, of files that lie in the workspace's store already.

        Args:
            name: The model's.
            version: Its own; one that is there already stays as it is, if it is of the same files.
            path: ``azureml://subscriptions/.../datastores/NAME/paths/PATH``.
            type_: ``mlflow_model`` or ``custom_model``.
            tags: What marks it.
        """
        with self._quietly(), _answered(f"register the model {name}:{version}", name):
            models = self._client.models
            entity = library("azure.ai.ml.entities").Model(
                name=name, version=version, path=path, type=type_, tags=dict(tags)
            )
            return _registered(models.create_or_update(entity))

    @contextlib.contextmanager
    def container(self, kept: Kept, where: str) -> Iterator[Any]:
        """The blob store's client for a container, as the workspace itself is let at it, or by role.

        Args:
            kept: Whose files.
            where: The model's URI, for errors; they are in our words inside the block, too.
        """
        with self._quietly(), _answered("find the store of the model", where):
            client = self._container(kept)
        with client, _answered("read the model's files", where):
            yield client

    def _container(self, kept: Kept) -> Any:
        _module()
        blobs = library("azure.storage.blob")
        more: dict[str, Any] = {
            "retry_total": _RETRIES, "max_single_put_size": _PIECE, "max_block_size": _PIECE,
            "max_single_get_size": _PIECE, "max_chunk_get_size": _PIECE,
        }  # fmt: skip
        if self._azure.cloud.ca_bundle is not None:
            more["connection_verify"] = self._azure.cloud.ca_bundle
        if kept.container:
            return blobs.ContainerClient.from_container_url(kept.container, credential=self._azure.credentials, **more)
        found = self._client.datastores.get(kept.store, include_secrets=True)
        name = getattr(found, "container_name", None) or getattr(found, "filesystem", None)
        if name is None:
            raise SpecError(
                f"the datastore {kept.store} holds no blobs", where=kept.store,
                hint="az ml model download --name ... --version ..., and give the folder",
            )  # fmt: skip
        return blobs.ContainerClient(
            self._azure.cloud.account(found.account_name), name, credential=self._secret(found.credentials), **more
        )

    def _secret(self, credentials: Any) -> Any:
        """What opens a store: its key or signature where the workspace keeps one, else whoever asks."""
        for name in ("account_key", "sas_token"):
            if value := getattr(credentials, name, None):
                return value
        return self._azure.credentials

    @cached_property
    def _client(self) -> Any:
        azure = self._azure
        more: dict[str, Any] = {"show_progress": False, "enable_telemetry": False, "retry_total": _RETRIES}
        if azure.cloud.ca_bundle is not None:
            more["connection_verify"] = azure.cloud.ca_bundle
        name, addresses = _cloud(azure.cloud)
        if addresses is not None:
            more["cloud_metadata"] = addresses
        where = azure.where
        before = os.environ.get(_CURRENT)
        try:
            return _module().MLClient(
                _Scoped(azure), where.subscription, where.group, where.workspace, cloud=name, **more
            )
        finally:
            if before is None:
                os.environ.pop(_CURRENT, None)
            else:
                os.environ[_CURRENT] = before

    @contextlib.contextmanager
    def _quietly(self) -> Iterator[None]:
        with _QUIET, contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield


class _Scoped:
    """Credentials for the SDK, which takes the manager's address for what tokens of it are asked for."""

    def __init__(self, azure: Azure) -> None:
        self._azure = azure

    def get_token(self, *scopes: str, **options: Any) -> Any:
        """As azure-core's ``TokenCredential``."""
        cloud = self._azure.cloud
        own = f"{cloud.manager.rstrip('/')}/.default"
        asked = [cloud.manager_scope if each.replace("//.default", "/.default") == own else each for each in scopes]
        return self._azure.credentials.get_token(*asked, **options)


def _cloud(cloud: Cloud) -> tuple[str, dict[str, str] | None]:
    """The name by which the SDK knows a cloud, and its addresses where it does not."""
    known = next((each for each in CLOUDS.values() if each.name == cloud.name), None)
    if known is not None and known.manager == cloud.manager:
        return cloud.name, None
    addresses = {
        "azure_portal": cloud.manager,
        "resource_manager": f"{cloud.manager}/",
        "active_directory": f"{cloud.login}/",
        "aml_resource_id": f"{cloud.scoring}/",
        "storage_endpoint": cloud.blobs.partition("{account}.blob.")[2].partition("/")[0] or "core.windows.net",
        "registry_discovery_endpoint": f"{cloud.manager}/",
    }
    # The SDK takes a name once in a process, so that other addresses need another one.
    return f"deployer-{digest(dict(addresses))[:8]}", addresses


def _module() -> Any:
    logger = logging.getLogger("azure")
    logger.addHandler(logging.NullHandler())
    try:
        return library("azure.ai.ml")
    except ImportError as error:
        raise SpecError(
            "models of Azure ML are read and registered by its SDK, which is not installed",
            hint="pip install 'mlflow-deployer[azureml]'",
        ) from error


def _registered(model: Any) -> Registered:
    about = getattr(model, "creation_context", None)
    created = getattr(about, "created_at", None)
    return Registered(
        id=str(model.id or ""),
        name=str(model.name),
        version=str(model.version),
        path=str(model.path or ""),
        type=str(getattr(model, "type", "") or ""),
        tags={str(key): str(value) for key, value in (model.tags or {}).items()},
        created=created.timestamp() if created is not None else 0.0,
    )


@contextlib.contextmanager
def _answered(doing: str, where: str) -> Iterator[None]:
    """Turn what the SDK raises into an error of ours: answers by their status and body, its own without colours."""
    with told(doing, where):
        try:
            yield
        except DeployerError:
            raise
        except Exception as error:
            status = getattr(error, "status_code", None)
            if isinstance(status, int) and status >= 400:
                raise refused_of(status, _body(error), doing) from error
            if type(error).__module__.startswith("azure.ai.ml"):
                said = " ".join(_COLOURS.sub("", str(error)).split())[:600]
                raise SpecError(f"Azure's SDK does not {doing}: {said}", where=where) from error
            raise


def _body(error: Exception) -> str:
    """Of the answer that an exception of azure-core stands for."""
    response: Any = getattr(error, "response", None)
    try:
        text = str(response.text()) if response is not None else ""
    except Exception:  # the body of a streamed answer may be gone; then its words are left
        text = ""
    return text or str(getattr(error, "message", "") or error)
