"""Models in the workspace's own store, and registered there: for ``image.weights: mount``, and for ``config.no_code``.

A model's files are blobs below our own prefix, by its digest, and it is registered as a version of one model of ours
when all of them are there: so what was broken off is no version, and is put again. Azure mounts it, read-only, by the
endpoint's identity.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from html import unescape
from typing import Any
from urllib.parse import quote

from deployer.errors import BuildError
from deployer.target import WeightStore
from deployer.target.pieces import Forwards, Pieces
from deployer_azureml.client import Azure, told
from deployer_azureml.documents import seconds_of
from deployer_azureml.errors import Refused
from deployer_azureml.marks import Marks, Role, read_marks
from deployer_azureml.model_uris import Kept
from deployer_azureml.names import workspace_word
from deployer_azureml.placing import Placing
from deployer_azureml.sdk import Registered, Sdk

__all__ = ["ASSET", "MODEL", "AssetWeights", "KeptModel", "asset_id", "version_of"]

ASSET = "deployer-model"
"""The model whose versions these are."""
MODEL = "deployer.model-digest"
"""The tag with a model's whole digest."""
_BLOB = re.compile(r"<Blob><Name>(?P<name>[^<]*)</Name>.*?<Last-Modified>(?P<at>[^<]+)</Last-Modified>", re.DOTALL)
_NEXT = re.compile(r"<NextMarker>(?P<marker>[^<]+)</NextMarker>")
_FOLDER = "model/"
_DIGITS = 24
"""Of a digest in a version, which Azure takes no longer ones of than 30 characters."""


def version_of(model: str) -> str:
    """The version that a model of that digest has."""
    return model[:_DIGITS]


def asset_id(workspace: str, model: str) -> str:
    """Its id.

    Args:
        workspace: The workspace's id.
        model: The digest.
    """
    return f"{workspace}/models/{ASSET}/versions/{version_of(model)}"


@dataclass(frozen=True)
class KeptModel:
    """A model that lies there.

    Attributes:
        model: Its digest.
        since: When it was put there, or begun: seconds since the epoch.
        whole: Whether it is registered, and so all there.
    """

    model: str
    since: float
    whole: bool


class AssetWeights(WeightStore):
    """The models of a workspace's store.

    Args:
        azure: The connection.
        placing: Knows the store.
        owner: Who marks what is made.
    """

    def __init__(self, azure: Azure, placing: Placing, owner: str) -> None:
        self._azure = azure
        self._placing = placing
        self._owner = owner
        self._sdk = Sdk(azure)

    def has(self, model: str) -> bool:
        """As the contract says."""
        found = self._sdk.model(ASSET, version=version_of(model))
        return found is not None and found.tags.get(MODEL) == model

    def put(self, model: str, image: str, archive: Iterable[bytes]) -> None:  # noqa: ARG002 - no image is needed
        """As the contract says. No file is held in memory or written to disk on the way."""
        store = self._placing.store.datastore
        folder, where = f"{self.root}{model}/", f"{self._placing.store.url}/{self.root}{model}"
        pieces, count = Pieces(archive), 0
        with (
            self._sdk.container(Kept(folder.rstrip("/"), store.name), where) as container,
            tarfile.open(fileobj=pieces, mode="r|", bufsize=2**20) as members,
        ):
            for member in members:
                source = members.extractfile(member) if member.isfile() else None
                if source is not None:
                    name = f"{folder}{member.name}"
                    container.upload_blob(name, Forwards(source), length=member.size, overwrite=True)
                    count += 1
            pieces.drain()
        if not count:
            raise BuildError("the model has no files", where=where)
        marks = Marks(self._owner, ASSET, Role.MODEL)
        self._sdk.register(
            ASSET, version_of(model), self._path(store.name, f"{folder}{_FOLDER.rstrip('/')}"), type_="mlflow_model",
            tags={**self._azure.options.tags, **marks.tags(), MODEL: model},
        )  # fmt: skip

    def kept(self) -> Iterator[KeptModel]:
        """All that are there, whole or not, by the store's clock.

        Raises:
            Refused: The store does not answer, or Azure.
        """
        newest: dict[str, float] = {}
        for name, at in self._blobs(self.root):
            model = name.removeprefix(self.root).partition("/")[0]
            if re.fullmatch(r"[0-9a-f]{64}", model):
                newest[model] = max(newest.get(model, 0.0), at)
        whole = {each.tags.get(MODEL, ""): each.created for each in self._versions()}
        for model in sorted({*newest, *whole} - {""}):
            yield KeptModel(model, max(newest.get(model, 0.0), whole.get(model, 0.0)), model in whole)

    def remove(self, model: str) -> None:
        """Take one away, the version first: what is left of it, if this is broken off, is no model any more."""
        with told(f"remove the model {model[:12]}", self.root):
            if any(each.tags.get(MODEL) == model for each in self._versions()):
                self._azure.ask("DELETE", f"models/{ASSET}/versions/{version_of(model)}")
            for name, _ in [*self._blobs(f"{self.root}{model}/")]:
                try:
                    self._placing.store.ask("DELETE", f"{self._placing.store.url}/{quote(name)}")
                except Refused as refused:
                    if not refused.missing:
                        raise

    def _versions(self) -> Iterator[Registered]:
        """Those that are ours, by their documents: no SDK is needed to read them."""
        for each in self._azure.all(f"models/{ASSET}/versions"):
            about: Mapping[str, Any] = each.get("properties") or {}
            tags = {str(key): str(value) for key, value in (about.get("tags") or {}).items()}
            marks = read_marks(tags)
            if marks is not None and marks.role is Role.MODEL:
                created = seconds_of((each.get("systemData") or {}).get("createdAt"))
                path = str(about.get("modelUri") or "")
                yield Registered(str(each["id"]), ASSET, str(each["name"]), path, tags=tags, created=created)

    def _blobs(self, prefix: str) -> Iterator[tuple[str, float]]:
        """Names and times of blobs, page by page."""
        marker = ""
        while True:
            query = {"restype": "container", "comp": "list", "prefix": prefix}
            query |= {"marker": marker} if marker else {}
            page = self._placing.store.ask("GET", self._placing.store.url, query=query).body.decode()
            for found in _BLOB.finditer(page):
                yield unescape(found["name"]), parsedate_to_datetime(found["at"]).timestamp()
            following = _NEXT.search(page)
            if following is None:
                return
            marker = unescape(following["marker"])

    @property
    def root(self) -> str:
        """What the names of its blobs begin with."""
        word = workspace_word(self._azure.where.workspace, self._azure.workspace)
        return f"{self._azure.options.prefix}/{word}/models/"

    def _path(self, store: str, path: str) -> str:
        where = self._azure.where
        return (
            f"azureml://subscriptions/{where.subscription}/resourcegroups/{where.group}/workspaces/{where.workspace}"
            f"/datastores/{store}/paths/{path}"
        )
