"""The Record of an endpoint as a blob, which is written conditionally: what is sent, and what is read. Pure.

The blob store compares and swaps by ETag (``If-None-Match: *`` and ``If-Match`` of Put Blob and Delete Blob: "Specify
conditional headers for Blob service operations"), which is another after each write, also of equal bytes. An answer may
be lost where the write was not; so each text has a random word in it, by which its writer knows it again.
"""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pydantic import ValidationError

from deployer.endpoint import Record
from deployer.errors import ClaimLost, TargetUnavailable

__all__ = ["Blobs", "overtaken", "record_bytes", "record_of", "word_of"]

_FORMAT = "deployer-record-1"
VERSION = "2021-12-02"
"""Of the Blob service's REST API."""


@dataclass(frozen=True)
class Blobs:
    """Where Records lie.

    Attributes:
        url: The container's, ``https://ACCOUNT.blob.core.windows.net/azureml-blobstore-...``.
        workspace: Whose endpoints they are of; two workspaces may share a store.
        prefix: What the names of all blobs begin with.
    """

    url: str
    workspace: str
    prefix: str = "deployer"

    @property
    def records(self) -> str:
        """What the names of Records begin with."""
        return f"{self.prefix}/{self.workspace}/records/"

    def name(self, endpoint: str) -> str:
        """Of an endpoint's Record."""
        return f"{self.records}{endpoint}.json"

    def address(self, endpoint: str) -> str:
        """Of the blob."""
        return f"{self.url.rstrip('/')}/{quote(self.name(endpoint))}"

    def endpoint(self, name: str) -> str | None:
        """Whose Record a blob of that name is; None for another's."""
        found = name.removeprefix(self.records).removesuffix(".json")
        return found if name == self.name(found) and "/" not in found else None

    @property
    def listed(self) -> dict[str, str]:
        """What asks the container for them, as a query (List Blobs)."""
        return {"restype": "container", "comp": "list", "prefix": self.records}

    def written(self, expected: str | None) -> dict[str, str]:
        """The headers that a Record is written with.

        Args:
            expected: The ETag of what it is written over; None: there must be none.
        """
        condition = {"If-None-Match": "*"} if expected is None else {"If-Match": expected}
        return {"x-ms-version": VERSION, "x-ms-blob-type": "BlockBlob", "Content-Type": "application/json", **condition}

    def removed(self, expected: str) -> dict[str, str]:
        """The headers that one is removed with; snapshots that somebody's policy made go with it."""
        return {"x-ms-version": VERSION, "x-ms-delete-snapshots": "include", "If-Match": expected}


def record_bytes(record: Record, word: str) -> bytes:
    """As it is stored: readable, but for the locks, which are long and lie packed beside it.

    Args:
        record: What is written.
        word: A random one, another each time.
    """
    plain = record.model_dump(mode="json", exclude={"locks"})
    packed = base64.b64encode(zlib.compress(json.dumps(record.locks, sort_keys=True).encode(), 9)).decode()
    whole = {"deployer": _FORMAT, "write": word, "record": plain, "locks": packed}
    return json.dumps(whole, indent=1, ensure_ascii=False).encode()


def word_of(stored: bytes) -> str:
    """The word that a text was written with; "" where it has none."""
    try:
        whole = json.loads(stored)
    except (ValueError, RecursionError):
        return ""
    return str(whole.get("write") or "") if isinstance(whole, dict) else ""


def record_of(stored: bytes, where: str) -> Record | None:
    """The Record in a blob; None when its text is damaged, so that it is rebuilt.

    Args:
        stored: The blob's bytes.
        where: Its address, for errors.

    Raises:
        TargetUnavailable: Another version of deployer wrote it.
    """
    try:
        whole: Any = json.loads(stored)
        plain, packed, form = whole["record"], whole["locks"], whole["deployer"]
        locks = json.loads(zlib.decompress(base64.b64decode(packed)))
    except (KeyError, TypeError, ValueError, zlib.error, RecursionError):
        return None
    try:
        if form == _FORMAT:
            return Record.model_validate({**plain, "locks": locks})
    except (ValidationError, TypeError):
        pass
    raise TargetUnavailable(
        "the record was written by another version of deployer, which this one cannot read", where=where,
        hint="upgrade: pip install --upgrade mlflow-deployer",
    ) from None  # fmt: skip


def overtaken(endpoint: str, found: Record | None) -> ClaimLost:
    """Somebody else wrote meanwhile.

    Args:
        endpoint: Its name.
        found: What is stored now.
    """
    by = found.claim.holder.by if found is not None and found.claim is not None else None
    return ClaimLost(
        f"the record of {endpoint} was changed meanwhile" + (f" by {by}" if by else ""),
        hint=f"deployer status {endpoint}",
    )
