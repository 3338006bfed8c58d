"""The container of the workspace's store, as whoever asks is let at it: by role, else by what the workspace gives out.

A role on the store is the better way, since a key opens all of the account. But who has none, as most who only use the
studio, is let at it by the key or signature of the datastore ("Use datastores"), which the workspace tells.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from html import unescape
from re import findall, search
from urllib.parse import urlencode, urlsplit

from deployer.errors import SpecError
from deployer_azureml.client import STORAGE, Answer, Azure
from deployer_azureml.errors import Refused, refused_of
from deployer_azureml.record import VERSION
from deployer_azureml.signing import signed

__all__ = ["Datastore", "Store"]

_OWN = "workspaceblobstore"
"""The datastore that each workspace has from the beginning ("Use datastores")."""
_NO_ROLE = frozenset(
    {
        "AuthorizationFailed", "AuthorizationFailure", "AuthorizationPermissionMismatch",
        "InsufficientAccountPermissions",
    }
)  # fmt: skip
"""What the store answers to who is known, and has no role on it ("Common REST API error codes")."""


@dataclass(frozen=True)
class Datastore:
    """A datastore of blobs.

    Attributes:
        account: The storage account's name.
        container: The container's.
        credentials: How the workspace itself is let in: ``AccountKey``, ``Sas``, or ``None`` for by role.
    """

    name: str
    account: str
    container: str
    credentials: str = "None"


class Store:
    """One datastore of the workspace.

    Args:
        azure: The connection.
    """

    def __init__(self, azure: Azure) -> None:
        self._azure = azure
        self._lock = threading.Lock()
        self._found: Datastore | None = None
        self._secret: tuple[str, str] | None = None
        """``key`` or ``sas``, and its value, once it was found that no role is there."""

    @property
    def datastore(self) -> Datastore:
        """What the workspace tells of it; asked once.

        Raises:
            SpecError: There is no such datastore, or it holds no blobs.
            Refused: Azure answers with an error.
        """
        with self._lock:
            if self._found is None:
                name = self._azure.options.store or _OWN
                document = self._azure.get(f"datastores/{name}")
                told = (document or {}).get("properties") or {}
                if not told.get("containerName"):
                    why = "there is no datastore" if document is None else "no blobs are in the datastore"
                    raise SpecError(f"{why} {name}", where="store", hint="az ml datastore list; store in deployer.toml")
                kind = str((told.get("credentials") or {}).get("credentialsType") or "None")
                self._found = Datastore(name, str(told["accountName"]), str(told["containerName"]), kind)
            return self._found

    @property
    def url(self) -> str:
        """The container's address."""
        found = self.datastore
        return f"{self._azure.cloud.account(found.account)}/{found.container}"

    def ask(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        """Make one request to the container.

        Raises:
            Refused: It answers with an error.
        """
        whole = url + (f"?{urlencode(query)}" if query else "")
        sent = {"x-ms-version": VERSION, **(headers or {})}
        doing = f"{method} {urlsplit(url).path.rpartition('/')[2]}"
        if self._secret is None:
            answer = self._azure.send(method, whole, body, sent, scope=STORAGE)
            refused = None if answer.good else refused_of(answer.status, answer.body, doing)
            if refused is None:
                return answer
            if refused.status != 403 or not _NO_ROLE & set(refused.codes) or not self._let_in():
                raise refused
        answer = self._by_secret(method, whole, body, sent)
        if not answer.good:
            raise refused_of(answer.status, answer.body, doing)
        return answer

    def names(self, query: Mapping[str, str]) -> Iterator[str]:
        """The names of blobs that a listing tells, page by page, to the end.

        Raises:
            Refused: It answers with an error.
        """
        marker = ""
        while True:
            page = self.ask("GET", self.url, query={**query, **({"marker": marker} if marker else {})}).body.decode()
            yield from (unescape(each) for each in findall(r"<Blob><Name>([^<]*)</Name>", page))
            following = search(r"<NextMarker>([^<]+)</NextMarker>", page)
            if following is None:
                return
            marker = unescape(following[1])

    def _let_in(self) -> bool:
        """Whether the workspace gives out what opens the store, to who has no role on it."""
        if self.datastore.credentials not in ("AccountKey", "Sas"):
            return False
        try:
            told = self._azure.ask("POST", f"datastores/{self.datastore.name}/listSecrets", {})
        except Refused as refused:
            if refused.status in (400, 403):
                return False
            raise
        self._secret = ("sas", str(told["sasToken"])) if told.get("sasToken") else ("key", str(told.get("key") or ""))
        return bool(self._secret[1])

    def _by_secret(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        kind, secret = self._secret or ("", "")
        if kind == "sas":
            return self._azure.send(method, f"{url}{'&' if '?' in url else '?'}{secret.lstrip('?')}", body, headers)
        # Each of its own headers is signed; the pipeline adds an id of the request, where it has none.
        own = {"x-ms-date": formatdate(usegmt=True), "x-ms-client-request-id": str(uuid.uuid4())}
        dated = {**headers, **own}
        by = signed(method, url, dated, len(body or b""), account=self.datastore.account, key=secret)
        return self._azure.send(method, url, body, {**dated, "Authorization": by})
