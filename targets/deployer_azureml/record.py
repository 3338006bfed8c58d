"""The Record of an endpoint as a blob, which is written conditionally: what is sent, and what is read. Pure.

The blob store compares and swaps by ETag (``If-None-Match: *`` and ``If-Match`` of Put Blob and Delete Blob: "Specify
conditional headers for Blob service operations"), which is another after each write, also of equal bytes. An answer may
be lost where the write was not; so each text has a random word in it, by which its writer knows it again.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

__all__ = ["Blobs"]

VERSION = "2021-12-02"
"""Of the Blob service's REST API."""


@dataclass(frozen=True)
class Blobs:
    """Where Records lie.

    Attributes:
        url: The container's, ``https://ACCOUNT.blob.core.windows.net/azureml-blobstore-...``.
        workspace: Whose endpoints they are of (`deployer_azureml.names.workspace_word`); two may share a store.
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
