"""Requests that are signed by an account's key."""

from __future__ import annotations

import base64

from deployer.testing.azureml.blobs import Blobs
from deployer_azureml.signing import signed


def test_the_double_computes_the_same_by_its_own_reading() -> None:
    blobs = Blobs("store")
    for method, size, query in (
        ("GET", 0, ""),
        ("PUT", 12, ""),
        ("GET", 0, "restype=container&comp=list&prefix=a%2Fb"),
    ):
        url = f"https://store.blob.core.windows.net/c/records/iris.json{'?' * bool(query)}{query}"
        headers = {
            "x-ms-version": "2021-12-02", "x-ms-date": "Sun, 29 Nov 2026 10:00:00 GMT", "If-Match": '"0x1"',
            "Content-Type": "application/json",
        }  # fmt: skip
        found = signed(method, url, headers, size, account="store", key=blobs.key)
        sent = {name.lower(): value for name, value in headers.items()} | (
            {"content-length": str(size)} if size else {}
        )
        parts = dict(each.split("=", 1) for each in query.replace("%2F", "/").split("&") if each)
        assert found == f"SharedKey store:{blobs.shared_key(method, '/c/records/iris.json', parts, sent)}"


def test_as_the_documentation_has_it() -> None:
    """ "Authorize with Shared Key": nothing is in the place of an empty body's length."""
    key = base64.b64encode(b"k").decode()
    one = signed("PUT", "https://a.blob.core.windows.net/c/b", {"x-ms-date": "d"}, 0, account="a", key=key)
    other = signed("PUT", "https://a.blob.core.windows.net/c/b", {"x-ms-date": "d"}, 1, account="a", key=key)
    assert one != other
    assert one.startswith("SharedKey a:")
