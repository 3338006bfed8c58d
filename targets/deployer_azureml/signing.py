"""How a request to the Blob service is signed by an account's key, where nobody's role lets them in. Pure.

"Authorize with Shared Key" (REST API of Azure Storage), as of version 2015-02-21.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

__all__ = ["signed"]

_HEADERS = (
    "content-encoding", "content-language", "content-length", "content-md5", "content-type", "date",
    "if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range",
)  # fmt: skip


def signed(method: str, url: str, headers: Mapping[str, str], size: int, *, account: str, key: str) -> str:
    """The ``Authorization`` of a request.

    Args:
        method: Of HTTP.
        url: Whole.
        headers: All that are sent of those that count, ``x-ms-date`` among them.
        size: Bytes of its body.
        account: The storage account's name.
        key: Its key, in base 64.
    """
    lower = {name.lower(): value.strip() for name, value in headers.items()}
    lower["content-length"] = str(size) if size else ""
    about = urlsplit(url)
    own = "".join(f"{name}:{lower[name]}\n" for name in sorted(lower) if name.startswith("x-ms-"))
    query = sorted((name.lower(), value) for name, value in parse_qsl(about.query, keep_blank_values=True))
    resource = f"/{account}{about.path or '/'}" + "".join(f"\n{name}:{value}" for name, value in query)
    text = "\n".join((method, *(lower.get(name, "") for name in _HEADERS))) + f"\n{own}{resource}"
    digest = hmac.digest(base64.b64decode(key), text.encode(), hashlib.sha256)
    return f"SharedKey {account}:{base64.b64encode(digest).decode()}"
