"""Models that are registered in a workspace, as deployer reads models: by their URIs, and file by file."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from deployer.errors import NotFound, SpecError
from deployer.target import FoundModel, ModelFile, ModelFiles, ModelSource
from deployer_azureml.client import Azure
from deployer_azureml.config import AzureMLOptions
from deployer_azureml.model_uris import kept_in, long_form, parse_model
from deployer_azureml.sdk import Sdk
from deployer_azureml.wheres import Where

__all__ = ["AssetFiles", "AssetModels", "from_environment"]

_AT_ONCE = 4
"""Files, and parts of a file, that are fetched beside each other."""
_BETWEEN = "|"
"""A model's long form, and where its files lie."""
_FOLDER_MARK = "hdi_isfolder"
"""Metadata of an empty blob that stands for a folder, where the account has a hierarchy of them."""


class AssetModels(ModelSource):
    """The models of a workspace, and of others that a URI names.

    Args:
        azure: The connection.
    """

    def __init__(self, azure: Azure) -> None:
        self._azure = azure
        self._sdks: dict[Where, Sdk] = {}

    def find(self, uri: str, registry: str | None = None) -> FoundModel:
        """As the contract says."""
        named = parse_model(uri, registry)
        where = named.where or self._azure.where
        found = self._sdk(where).model(named.name, version=named.version, label=named.label)
        if found is None:
            what = f"version {named.version}" if named.version is not None else f"version that is {named.label}"
            raise NotFound(
                f"{named.name} has no {what} in the workspace {where.workspace}", where=uri,
                hint=f"az ml model list --name {named.name} --workspace-name {where.workspace} "
                f"--resource-group {where.group}",
            )  # fmt: skip
        kept_in(found.path, uri, self._azure.cloud)  # no later than now
        resolved = long_form(where, found.name, found.version)
        return FoundModel(resolved, f"{resolved}{_BETWEEN}{found.path}", found.version, named.label)

    @contextlib.contextmanager
    def files(self, location: str, where: str) -> Iterator[ModelFiles]:
        """As the contract says."""
        resolved, _, path = location.partition(_BETWEEN)
        kept = kept_in(path, where, self._azure.cloud)
        with self._sdk(parse_model(resolved).where or self._azure.where).container(kept, where) as container:
            yield AssetFiles(container, kept.path)

    def _sdk(self, where: Where) -> Sdk:
        if where not in self._sdks:
            azure = self._azure
            if _workspace(azure) != where:
                update = {
                    "subscription": where.subscription,
                    "resource_group": where.group,
                    "workspace": where.workspace,
                    "store": None,
                }
                azure = Azure(azure.options.model_copy(update=update))
            self._sdks[where] = Sdk(azure)
        return self._sdks[where]


class AssetFiles(ModelFiles):
    """The files of a model in a container.

    Args:
        container: The blob store's client for it.
        prefix: What the names of its blobs begin with.
    """

    def __init__(self, container: Any, prefix: str) -> None:
        self._container = container
        self._prefix = f"{prefix}/"
        self._sizes: dict[str, int] | None = None

    def list_artifacts(self, path: str | None = None) -> list[ModelFile]:
        """As the contract says; of one listing of all."""
        start = f"{path}/" if path else ""
        found: dict[str, ModelFile] = {}
        for name, size in self._all().items():
            if not name.startswith(start):
                continue
            child, deeper, _ = name[len(start) :].partition("/")
            where = f"{start}{child}"
            found[where] = ModelFile(where, is_dir=True) if deeper else ModelFile(where, file_size=size)
        return [found[each] for each in sorted(found)]

    def download_artifacts(self, path: str, into: str) -> str:
        """As the contract says."""
        names = [path] if path else [*self._below("")]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for done in [pool.submit(self._fetch, each, Path(into)) for each in names]:
                done.result()
        return str(Path(into, path))

    def _below(self, folder: str) -> Iterator[str]:
        """By what is listed: whoever reads the model checks each listing, and gets what it checked."""
        for each in self.list_artifacts(folder):
            if each.is_dir:
                yield from self._below(each.path)
            else:
                yield each.path

    def _fetch(self, path: str, into: Path) -> None:
        place = into / path
        place.parent.mkdir(parents=True, exist_ok=True)
        blob = self._container.download_blob(f"{self._prefix}{path}", max_concurrency=_AT_ONCE)
        with place.open("wb") as file:
            blob.readinto(file)

    def _all(self) -> dict[str, int]:
        if self._sizes is None:
            listed = self._container.list_blobs(name_starts_with=self._prefix, include=["metadata"])
            self._sizes = {
                str(each.name)[len(self._prefix) :]: int(each.size)
                for each in listed
                if not (each.metadata or {}).get(_FOLDER_MARK)
            }
        return self._sizes


def _workspace(azure: Azure) -> Where | None:
    """That of its settings; None where they name none, which a URI with one does without."""
    try:
        return azure.where
    except SpecError:
        return None


def from_environment() -> AssetModels:
    """Of the workspace that the environment names, for commands without a target."""
    return AssetModels(Azure(AzureMLOptions()))
