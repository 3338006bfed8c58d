"""The Blob service's REST API, as far as a client of a datastore needs it; see `deployer.testing.azureml.blobs`."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from email.utils import formatdate
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

from deployer.testing.azureml.answers import Answer, Refusal
from deployer.testing.azureml.identity import bearer

if TYPE_CHECKING:
    from deployer.testing.azureml.blobs import Blob
    from deployer.testing.azureml.wire import Asked
    from deployer.testing.azureml.world import World

__all__ = ["authorize", "container", "delete", "listed", "make", "put", "read"]

_OLDEST = "2017-11-09"
_NEEDS = {"GetBlob": "r", "HeadBlob": "r", "PutBlob": "w", "DeleteBlob": "d", "ListBlobs": "l", "GetContainer": "r"}


def authorize(world: World, asked: Asked, operation: str) -> tuple[str, bool]:
    """Who asks, and whether by identity: then its roles count, otherwise key and signature allow all they say.

    Raises:
        Refusal: 403 AuthenticationFailed (documented), 401 of a token.
    """
    headers, query = asked.call.headers, asked.call.query
    how, _, rest = headers.get("authorization", "").partition(" ")
    failed = Refusal(
        403,
        "AuthenticationFailed",
        "Server failed to authenticate the request. Make sure the value of Authorization "
        "header is formed correctly including the signature.",
    )
    if how.lower() == "bearer":
        if headers.get("x-ms-version", "") < _OLDEST:  # documented: OAuth needs that version or a later one
            raise failed
        try:
            return bearer(world, asked, "blob"), True
        except Refusal as refusal:
            raise Refusal(401, "InvalidAuthenticationInfo", refusal.message, headers=refusal.headers) from refusal
    if how == "SharedKey":
        path = urlsplit(asked.call.target).path
        wanted = world.blobs.shared_key(asked.call.method, path, query, headers)
        if rest == f"{world.options.account}:{wanted}":
            return "key", False
        raise failed
    if "sig" in query:
        name = asked.names.get("container", "")
        allowed = world.blobs.signed(name, urlsplit(asked.call.target).query, world.now())
        if allowed is None:
            raise failed
        if _NEEDS.get(operation, "w") not in allowed:
            raise Refusal(
                403,
                "AuthorizationPermissionMismatch",
                "This request is not authorized to perform this operation using this permission.",
            )
        return "signature", False
    raise Refusal(
        401,
        "NoAuthenticationInformation",
        "Server failed to authenticate the request. Please refer to the information in the www-authenticate header.",
        headers={
            "WWW-Authenticate": f"Bearer authorization_uri=https://login.microsoftonline.com/{world.options.tenant}"
        },
    )


def _blobs(world: World, asked: Asked) -> dict[str, Blob]:
    found = world.blobs.container(asked.names["container"])
    if found is None:
        raise Refusal(404, "ContainerNotFound", "The specified container does not exist.")
    return found


def _about(blob: Blob) -> dict[str, str]:
    return {
        "ETag": blob.etag,
        "Last-Modified": formatdate(blob.modified, usegmt=True),
        "x-ms-version": "2025-11-05",
        "x-ms-blob-type": "BlockBlob",
        "x-ms-server-encrypted": "true",
        **{f"x-ms-meta-{key}": value for key, value in blob.metadata.items()},
    }


def _met(asked: Asked, there: Blob | None) -> None:
    """Refuse where the conditions of a change do not hold (documented)."""
    match, none = asked.call.headers.get("if-match"), asked.call.headers.get("if-none-match")
    failed = Refusal(412, "ConditionNotMet", "The condition specified using HTTP conditional header(s) is not met.")
    if match is not None and (there is None or match not in ("*", there.etag)):
        raise failed
    if none == "*" and there is not None:
        raise Refusal(409, "BlobAlreadyExists", "The specified blob already exists.")
    if none is not None and there is not None and none == there.etag:
        raise failed


def put(world: World, asked: Asked) -> Answer:
    """PUT: a blob, its metadata, a block, a list of blocks."""
    call, where = asked.call, (asked.names["container"], asked.names["blob"])
    what, blobs, now = call.query.get("comp", ""), world.blobs, world.now()
    with blobs.lock:
        there = _blobs(world, asked).get(where[1])
        if what == "block":
            blobs.blocks.setdefault(where, {})[call.query["blockid"]] = call.body
            return Answer(201, {"Content-MD5": _md5(call.body)})
        metadata = {
            key.removeprefix("x-ms-meta-"): value for key, value in call.headers.items() if key.startswith("x-ms-meta-")
        }
        _met(asked, there)
        if what == "metadata":
            if there is None:
                raise Refusal(404, "BlobNotFound", "The specified blob does not exist.")
            made = blobs.put(*where, there.data, now, kind=there.type, metadata=metadata)
            return Answer(200, _about(made))
        if what == "blocklist":
            data = _joined(call.body, blobs.blocks.pop(where, {}))
        elif what:
            raise Refusal(501, "NotImplemented", f"the double: no comp={what} of a blob here")
        elif call.headers.get("x-ms-blob-type") != "BlockBlob":
            raise Refusal(
                400,
                "MissingRequiredHeader",
                "An HTTP header that's mandatory for this request is not specified.",
            )
        else:
            data = call.body
        if (sent := call.headers.get("content-md5")) and not what and sent != _md5(data):
            raise Refusal(400, "Md5Mismatch", "The MD5 value specified in the request did not match.")
        kind = call.headers.get("x-ms-blob-content-type") or call.headers.get("content-type", "")
        made = blobs.put(*where, data, now, kind=kind, metadata=metadata)
        return Answer(201, {**_about(made), "Content-MD5": _md5(data)})


def _joined(body: bytes, blocks: Mapping[str, bytes]) -> bytes:
    names = [each.text or "" for each in ET.fromstring(body)]  # noqa: S314
    if missing := [each for each in names if each not in blocks]:
        raise Refusal(400, "InvalidBlockList", f"The specified block list is invalid: {missing[0]}.")
    return b"".join(blocks[each] for each in names)


def _md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


def read(world: World, asked: Asked) -> Answer:
    """GET or HEAD of a blob, or a range of it."""
    call = asked.call
    with world.blobs.lock:
        there = _blobs(world, asked).get(asked.names["blob"])
    if there is None:
        raise Refusal(404, "BlobNotFound", "The specified blob does not exist.")
    match, none = call.headers.get("if-match"), call.headers.get("if-none-match")
    if match not in (None, "*", there.etag):
        raise Refusal(412, "ConditionNotMet", "The condition specified using HTTP conditional header(s) is not met.")
    if none in ("*", there.etag):
        return Answer(304, _about(there))
    headers = {**_about(there), "Content-Type": there.type, "Accept-Ranges": "bytes"}
    wanted = call.headers.get("x-ms-range") or call.headers.get("range") or ""
    found = re.fullmatch(r"bytes=(\d+)-(\d*)", wanted)
    if call.method == "HEAD":
        return Answer(200, {**headers, "Content-Length": str(len(there.data))})
    if found is None:
        return Answer(200, headers, there.data)
    first, size = int(found[1]), len(there.data)
    if first >= size:
        raise Refusal(
            416,
            "InvalidRange",
            "The range specified is invalid for the current size of the resource.",
            headers={"Content-Range": f"bytes */{size}"},
        )
    last = min(int(found[2] or size - 1), size - 1)
    return Answer(206, {**headers, "Content-Range": f"bytes {first}-{last}/{size}"}, there.data[first : last + 1])


def delete(world: World, asked: Asked) -> Answer:
    """DELETE of a blob."""
    with world.blobs.lock:
        blobs = _blobs(world, asked)
        there = blobs.get(asked.names["blob"])
        if there is None:
            raise Refusal(404, "BlobNotFound", "The specified blob does not exist.")
        _met(asked, there)
        del blobs[asked.names["blob"]]
    return Answer(202)


def container(world: World, asked: Asked) -> Answer:
    """GET or HEAD of a container."""
    _blobs(world, asked)
    return Answer(200, {"x-ms-version": "2025-11-05", "ETag": '"0x1"', "Last-Modified": formatdate(0, usegmt=True)})


def make(world: World, asked: Asked) -> Answer:
    """PUT of a container."""
    if not world.blobs.make(asked.names["container"]):
        raise Refusal(409, "ContainerAlreadyExists", "The specified container already exists.")
    return Answer(201, {"ETag": '"0x1"', "Last-Modified": formatdate(0, usegmt=True)})


def listed(world: World, asked: Asked) -> Answer:
    """GET of a container's blobs, with prefix, delimiter, marker and maxresults."""
    query = asked.call.query
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    most, marker = int(query.get("maxresults") or 5000), query.get("marker", "")
    with world.blobs.lock:
        blobs = sorted(_blobs(world, asked).items())
    parts: list[str] = []
    seen, left = set[str](), ""
    for name, blob in blobs:
        if not name.startswith(prefix) or name < marker:
            continue
        cut = name.find(delimiter, len(prefix)) if delimiter else -1
        group = name[: cut + len(delimiter)] if cut >= 0 else ""
        if group in seen:
            continue
        if len(parts) >= most:
            left = name
            break
        if group:
            seen.add(group)
            parts.append(f"<BlobPrefix><Name>{escape(group)}</Name></BlobPrefix>")
        else:
            parts.append(_entry(name, blob))
    text = (
        f'<?xml version="1.0" encoding="utf-8"?><EnumerationResults ContainerName="{escape(asked.names["container"])}">'
        f"<Prefix>{escape(prefix)}</Prefix><Blobs>{''.join(parts)}</Blobs><NextMarker>{escape(left)}</NextMarker>"
        "</EnumerationResults>"
    )
    return Answer(200, {"Content-Type": "application/xml", "x-ms-version": "2025-11-05"}, text.encode())


def _entry(name: str, blob: Blob) -> str:
    etag = blob.etag.strip('"')
    metadata = "".join(f"<{key}>{escape(value)}</{key}>" for key, value in blob.metadata.items())
    return (
        f"<Blob><Name>{escape(name)}</Name><Properties>"
        f"<Last-Modified>{formatdate(blob.modified, usegmt=True)}</Last-Modified><Etag>{escape(etag)}"
        f"</Etag><Content-Length>{len(blob.data)}</Content-Length><Content-Type>{escape(blob.type)}</Content-Type>"
        f"<BlobType>BlockBlob</BlobType></Properties><Metadata>{metadata}</Metadata></Blob>"
    )
