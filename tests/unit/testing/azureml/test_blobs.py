"""The storage account: ETags, conditions, and the three ways to be let in."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from email.utils import formatdate
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.unit.testing.azureml.conftest import Place, Said

BLOCK = {"x-ms-blob-type": "BlockBlob"}


class Store:
    """The default datastore's container, by Entra."""

    def __init__(self, place: Place) -> None:
        self._place = place
        about = place.arm("GET", "datastores/workspaceblobstore").json["properties"]
        self.account, self.container = about["accountName"], about["containerName"]

    def path(self, name: str) -> str:
        return f"/{self.account}/{self.container}{'' if name.startswith('?') else '/'}{name}"

    def send(self, method: str, name: str, body: bytes | None = None, **headers: str) -> Said:
        token = self._place.token("https://storage.azure.com/.default")
        about = {"Authorization": f"Bearer {token}", "x-ms-version": "2023-11-03"}
        sent = {key.replace("_", "-"): value for key, value in headers.items()}
        return self._place.send(method, self.path(name), body, {**about, **sent})


def test_a_record_is_written_by_its_etag(place: Place) -> None:
    store = Store(place)
    made = store.send("PUT", "deployer/fraud.json", b"{}", If_None_Match="*", **BLOCK)
    assert made.status == 201
    etag = made.headers["ETag"]
    again = store.send("PUT", "deployer/fraud.json", b"{}", If_None_Match="*", **BLOCK)
    assert (again.status, again.headers["x-ms-error-code"]) == (409, "BlobAlreadyExists")
    found = store.send("GET", "deployer/fraud.json")
    assert (found.status, found.data, found.headers["ETag"]) == (200, b"{}", etag)
    assert store.send("GET", "deployer/fraud.json", If_None_Match=etag).status == 304
    changed = store.send("PUT", "deployer/fraud.json", b'{"a": 1}', If_Match=etag, **BLOCK)
    assert (changed.status, changed.headers["ETag"] == etag) == (201, False)
    stale = store.send("PUT", "deployer/fraud.json", b"{}", If_Match=etag, **BLOCK)
    assert (stale.status, stale.headers["x-ms-error-code"]) == (412, "ConditionNotMet")
    assert store.send("DELETE", "deployer/fraud.json", If_Match=etag).status == 412
    assert store.send("DELETE", "deployer/fraud.json", If_Match=changed.headers["ETag"]).status == 202
    gone = store.send("GET", "deployer/fraud.json")
    assert (gone.status, gone.headers["x-ms-error-code"]) == (404, "BlobNotFound")
    assert store.send("PUT", "deployer/fraud.json", b"{}", If_Match=etag, **BLOCK).status == 412
    assert store.send("PUT", "deployer/fraud.json", b"{}").headers["x-ms-error-code"] == "MissingRequiredHeader"


def test_ranges_metadata_and_blocks(place: Place) -> None:
    store = Store(place)
    md5 = base64.b64encode(hashlib.md5(b"other", usedforsecurity=False).digest()).decode()
    assert store.send("PUT", "a", b"0123456789", Content_MD5=md5, **BLOCK).headers["x-ms-error-code"] == "Md5Mismatch"
    store.send("PUT", "a", b"0123456789", x_ms_meta_colour="red", **BLOCK)
    part = store.send("GET", "a", x_ms_range="bytes=2-4")
    assert (part.status, part.data, part.headers["Content-Range"]) == (206, b"234", "bytes 2-4/10")
    assert store.send("GET", "a", Range="bytes=20-30").status == 416
    head = store.send("HEAD", "a")
    assert (head.headers["Content-Length"], head.headers["x-ms-meta-colour"]) == ("10", "red")
    store.send("PUT", "a?comp=metadata", b"", x_ms_meta_colour="blue")
    assert store.send("HEAD", "a").headers["x-ms-meta-colour"] == "blue"
    for block, text in (("MQ==", b"one "), ("Mg==", b"two")):
        assert store.send("PUT", f"b?comp=block&blockid={block}", text).status == 201
    assert store.send("GET", "b").status == 404
    listed = b"<BlockList><Latest>MQ==</Latest><Latest>Mg==</Latest></BlockList>"
    assert store.send("PUT", "b?comp=blocklist", listed).status == 201
    assert store.send("GET", "b").data == b"one two"
    assert store.send("PUT", "b?comp=blocklist", listed).headers["x-ms-error-code"] == "InvalidBlockList"


def test_a_list_is_paged_and_grouped(place: Place) -> None:
    store = Store(place)
    for name in ("x/1", "x/2", "y/1", "z<&>"):
        store.send("PUT", name.replace("<", "%3C").replace(">", "%3E"), b"1", **BLOCK)

    def names(query: str) -> tuple[list[str | None], str | None]:
        said = store.send("GET", f"?restype=container&comp=list&{query}")
        tree = ET.fromstring(said.data)
        return [each.text for each in tree.iter("Name")], tree.findtext("NextMarker")

    assert names("prefix=x/") == (["x/1", "x/2"], "")
    assert names("delimiter=/") == (["x/", "y/", "z<&>"], "")
    assert names("maxresults=3") == (["x/1", "x/2", "y/1"], "z<&>")
    assert names("maxresults=3&marker=z")[0] == ["z<&>"]


@pytest.mark.parametrize("kind", ["AccountKey", "Sas", "None"])
def test_secrets_of_the_datastore(new_place: Callable[..., Place], kind: str) -> None:
    place = new_place(credentials=kind)
    store = Store(place)
    store.send("PUT", "a", b"1", **BLOCK)
    assert place.arm("GET", "datastores/none").status == 404
    (listed,) = place.arm("GET", "datastores").json["value"]
    assert listed["properties"]["credentials"]["credentialsType"] == kind
    said = place.arm("POST", "datastores/workspaceblobstore/listSecrets")
    if kind == "None":
        assert said.status == 400
    elif kind == "Sas":
        token = said.json["sasToken"]
        assert place.send("GET", f"{store.path('a')}?{token}").data == b"1"
        assert place.send("GET", f"{store.path('a')}?{token.replace('sp=racwdl', 'sp=racwdlx')}").status == 403
        only_read = place.double.world.blobs.signature(store.container, "r", place.double.world.now() + 60)
        assert place.send("GET", f"{store.path('a')}?{only_read}").status == 200
        refused = place.send("PUT", f"{store.path('a')}?{only_read}", b"2", BLOCK)
        assert refused.headers["x-ms-error-code"] == "AuthorizationPermissionMismatch"
        place.advance(61)
        assert place.send("GET", f"{store.path('a')}?{only_read}").status == 403
    else:
        assert signed(place, store, said.json["key"]).data == b"1"
        assert signed(place, store, base64.b64encode(b"other").decode()).status == 403


def signed(place: Place, store: Store, key: str) -> Said:
    """By SharedKey, signed as the documents say."""
    date, path = formatdate(0, usegmt=True), store.path("a")
    about = {"x-ms-date": date, "x-ms-version": "2023-11-03"}
    text = "GET" + "\n" * 12 + f"x-ms-date:{date}\nx-ms-version:2023-11-03\n/{store.account}{path}"
    signature = base64.b64encode(hmac.digest(base64.b64decode(key), text.encode(), hashlib.sha256)).decode()
    return place.send("GET", path, headers={**about, "Authorization": f"SharedKey {store.account}:{signature}"})


def test_who_is_not_let_in(place: Place) -> None:
    store = Store(place)
    bare = place.send("GET", store.path("a"))
    assert (bare.status, bare.headers["x-ms-error-code"]) == (401, "NoAuthenticationInformation")
    wrong = {"Authorization": f"Bearer {place.token()}", "x-ms-version": "2023-11-03"}
    assert place.send("GET", store.path("a"), headers=wrong).status == 401
    old = {"Authorization": f"Bearer {place.token('https://storage.azure.com/.default')}"}
    assert place.send("GET", store.path("a"), headers=old).status == 403
    blobs = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
    place.double.tell("PUT", "rights", [{"dataActions": [f"{blobs}/read"]}])
    assert store.send("GET", "a").status == 404
    refused = store.send("PUT", "a", b"1", **BLOCK)
    assert refused.status == 403
    (call,) = [each for each in place.double.tell("GET", "calls") if each["operation"] == "PutBlob"]
    assert (call["action"], call["data"], call["status"]) == (f"{blobs}/write", True, 403)


def test_containers(place: Place) -> None:
    store = Store(place)
    about: Any = {"Authorization": f"Bearer {place.token('https://storage.azure.com/.default')}"}
    about |= {"x-ms-version": "2023-11-03"}
    where = f"/{store.account}/other?restype=container"
    assert place.send("GET", where, headers=about).headers["x-ms-error-code"] == "ContainerNotFound"
    assert place.send("PUT", where, b"", about).status == 201
    assert place.send("PUT", where, b"", about).status == 409
    assert place.send("HEAD", where, headers=about).status == 200
