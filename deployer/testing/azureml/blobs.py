"""A storage account: containers of blobs with ETags, its key, and shared access signatures.

Documented: Blob service REST API; "Authorize with Shared Key"; "Create a service SAS", version 2020-12-06.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from urllib.parse import parse_qsl, quote

__all__ = ["Blob", "Blobs"]

SAS_VERSION = "2022-11-02"


@dataclass(frozen=True)
class Blob:
    """A blob; never changed, but replaced.

    Attributes:
        data: All of it.
        etag: With its quotes.
        modified: Seconds since the epoch.
        type: Its Content-Type.
        metadata: By name, as it was given.
    """

    data: bytes
    etag: str
    modified: float
    type: str = "application/octet-stream"
    metadata: Mapping[str, str] = field(default_factory=dict)


class Blobs:
    """The account.

    Args:
        account: Its name.

    Attributes:
        key: Its key, as base64.
        lock: Held from the look at a condition to the change.
        blocks: Blocks that are not committed: (container, blob) to id to data.
    """

    def __init__(self, account: str) -> None:
        self.account = account
        self.key = base64.b64encode(secrets.token_bytes(64)).decode()
        self.lock = threading.RLock()
        self.blocks: dict[tuple[str, str], dict[str, bytes]] = {}
        self._containers: dict[str, dict[str, Blob]] = {}
        self._next = itertools.count(0x8DC0000000000001)

    def make(self, container: str) -> bool:
        """Make a container; whether it was not there."""
        with self.lock:
            new = container not in self._containers
            self._containers.setdefault(container, {})
            return new

    def container(self, name: str) -> dict[str, Blob] | None:
        """The blobs of a container by name; None where there is none."""
        return self._containers.get(name)

    def put(
        self, container: str, name: str, data: bytes, now: float, *, kind: str = "", metadata: Mapping[str, str]
    ) -> Blob:
        """Write a blob with a new ETag."""
        with self.lock:
            made = Blob(data, f'"0x{next(self._next):X}"', now, kind or "application/octet-stream", dict(metadata))
            self._containers[container][name] = made
            return made

    def download(self, container: str, prefix: str, folder: Path) -> bool:
        """Write all blobs below a prefix (or that one blob) as files; whether there was one."""
        with self.lock:
            found = {
                name: blob
                for name, blob in (self._containers.get(container) or {}).items()
                if name == prefix or name.startswith(f"{prefix.rstrip('/')}/")
            }
        base = PurePosixPath(prefix)
        for name, blob in found.items():
            # Documented: the last folder of the path is below the mount's.
            where = folder / PurePosixPath(name).relative_to(base.parent)
            where.parent.mkdir(parents=True, exist_ok=True)
            where.write_bytes(blob.data)
        return bool(found)

    def shared_key(self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> str:
        """The signature of a request by the account's key.

        Args:
            method: The HTTP method.
            path: As it was sent, not decoded.
            query: The query, decoded.
            headers: By name in lower case.
        """
        length = headers.get("content-length", "")
        names = (
            "content-encoding",
            "content-language",
            "",
            "content-md5",
            "content-type",
            "date",
            "if-modified-since",
            "if-match",
            "if-none-match",
            "if-unmodified-since",
            "range",
        )
        fields = [headers.get(each, "") if each else ("" if length == "0" else length) for each in names]
        if "x-ms-date" in headers:
            fields[5] = ""
        own = sorted((name, value.strip()) for name, value in headers.items() if name.startswith("x-ms-"))
        resource = f"/{self.account}{path}" + "".join(
            f"\n{key.lower()}:{value}" for key, value in sorted(query.items(), key=lambda each: each[0].lower())
        )
        text = "\n".join([method, *fields]) + "\n" + "".join(f"{name}:{value}\n" for name, value in own) + resource
        return self._sign(text)

    def signature(self, container: str, permissions: str, until: float) -> str:
        """A shared access signature of a container, as a query.

        Args:
            container: The container.
            permissions: Of ``racwdl``, in that order.
            until: When it ends, seconds since the epoch.
        """
        end = datetime.fromtimestamp(until, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        said = {"sp": permissions, "se": end, "spr": "https", "sv": SAS_VERSION, "sr": "c"}
        said["sig"] = self._sas(container, said)
        return "&".join(f"{key}={quote(value, safe='')}" for key, value in said.items())

    def signed(self, container: str, query: str, now: float) -> str | None:
        """What a shared access signature permits; None where it is not good for the container, or has ended."""
        said = dict(parse_qsl(query, keep_blank_values=True))
        if not hmac.compare_digest(self._sas(container, said), said.get("sig", "")):
            return None
        try:
            end = datetime.fromisoformat(said["se"]).timestamp()
        except (KeyError, ValueError):
            return None
        return said.get("sp", "") if end > now else None

    def _sas(self, container: str, said: Mapping[str, str]) -> str:
        where = f"/blob/{self.account}/{container}"
        names = ["sp", "st", "se", "", "si", "sip", "spr", "sv", "sr", "snapshot", "ses"]
        names += ["rscc", "rscd", "rsce", "rscl", "rsct"]
        return self._sign("\n".join(said.get(each, "") if each else where for each in names))

    def _sign(self, text: str) -> str:
        return base64.b64encode(hmac.digest(base64.b64decode(self.key), text.encode(), hashlib.sha256)).decode()
