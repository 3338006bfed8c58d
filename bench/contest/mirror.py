"""A package index on this machine for both contenders: what was asked once is kept, and comes from the disk thereafter.

So neither is faster because a network was: pip inside an image's build, uv outside of it, and the bench itself ask the
same address. It speaks the simple repository API as its upstream answers it, with the addresses of files its own
(https://packaging.python.org/en/latest/specifications/simple-repository-api/).
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

__all__ = ["Mirror", "mirror", "upstream"]

PYPI = "https://pypi.org/simple"
_ACCEPT = "application/vnd.pypi.simple.v1+json, text/html;q=0.5"
_AGE = {"Cache-Control": "max-age=600, public"}
_FOREVER = {"Cache-Control": "max-age=365000000, immutable, public"}
"""What PyPI says of its pages, and of its files."""

_RANGE = re.compile(r"bytes=(?P<start>\d*)-(?P<end>\d*)")
_LINK = re.compile(r'(?P<before>"url": ?"|href=")(?P<url>[^"]+)')


def upstream() -> str:
    """The index that this machine is set to use."""
    named = (os.environ.get(name) for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"))
    return next((url for url in named if url), PYPI).rstrip("/")


class Mirror:
    """The index while it runs. Files are kept on the disk for the next run, too; they never change.

    Attributes:
        url: Its address, for pip and for uv.
        host: The address's host, which pip must be told to trust, since this is no TLS.
        sent: Bytes that it has answered with, so far.
        fetched: Bytes that it had to ask of upstream for that.
    """

    def __init__(self, host: str, port: int, source: str, kept: Path) -> None:
        self.url, self.host = f"http://{host}:{port}/simple", host
        self._origin, self._source, self._kept = f"http://{host}:{port}", source, kept
        self._lock, self._files, self._pages = threading.Lock(), dict[str, str](), dict[str, tuple[str, bytes]]()
        self.sent = self.fetched = 0

    def count(self, *, sent: int = 0, fetched: int = 0) -> None:
        """Bytes more."""
        with self._lock:
            self.sent += sent
            self.fetched += fetched

    def page(self, name: str) -> tuple[str, bytes]:
        """The page of a package, as upstream has it: its media type and its text, with files' addresses ours.

        It is asked of upstream once in a run, so that all see the same versions.
        """
        at = f"{self._source}/{name}/"
        if name in self._pages:
            return self._pages[name]
        kind, text = _fetched(at)

        def ours(found: re.Match[str]) -> str:
            path, mark, rest = urljoin(at, found["url"]).partition("#")
            place = f"{hashlib.sha256(path.encode()).hexdigest()[:16]}/{urlsplit(path).path.rpartition('/')[2]}"
            with self._lock:
                self._files[place] = path
            return f"{found['before']}{self._origin}/files/{place}{mark}{rest}"

        self.count(fetched=len(text))
        self._pages[name] = kind, _LINK.sub(ours, text.decode()).encode()
        return self._pages[name]

    def file(self, place: str) -> Path:
        """Where a file lies that some page named, or its metadata.

        Raises:
            KeyError: No page named it.
        """
        base = place.removesuffix(".metadata")
        with self._lock:
            at = self._files[base]
        address = at + place.removeprefix(base)
        kept = self._kept / hashlib.sha256(address.encode()).hexdigest()
        if not kept.exists():
            partial = kept.with_suffix(f".{threading.get_ident()}-{time.monotonic_ns()}")
            self.count(fetched=partial.write_bytes(_fetched(address)[1]))
            partial.replace(kept)
        return kept


def _fetched(address: str) -> tuple[str, bytes]:
    request = urllib.request.Request(address, headers={"Accept": _ACCEPT, "User-Agent": "deployer-bench"})
    with urllib.request.urlopen(request, timeout=180) as answer:
        return answer.headers.get("Content-Type", "application/octet-stream"), answer.read()


class _Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD, and a range of a file: uv reads a wheel's metadata from its end where an index has none."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def index(self) -> Mirror:
        raise NotImplementedError

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        _, where, name = self.path.split("/", 2)
        try:
            if where == "files":
                self._file(self.index().file(name), with_body=with_body)
            else:
                kind, data = self.index().page(name.strip("/"))
                self._send(200, {"Content-Type": kind, **_AGE}, data, with_body=with_body)
        except KeyError:
            self._send(404, {}, b"no page named it\n", with_body=with_body)
        except urllib.error.HTTPError as error:
            self._send(error.code, {}, str(error).encode(), with_body=with_body)
        except urllib.error.URLError as error:
            self._send(502, {}, str(error).encode(), with_body=with_body)

    def _file(self, path: Path, *, with_body: bool) -> None:
        size, headers = (
            path.stat().st_size,
            {"Accept-Ranges": "bytes", "Content-Type": "application/octet-stream", **_FOREVER},
        )
        status, start, end = 200, 0, size
        if wanted := _RANGE.fullmatch(self.headers.get("Range", "")):
            status = 206
            start = int(wanted["start"]) if wanted["start"] else max(0, size - int(wanted["end"]))
            end = min(size, int(wanted["end"]) + 1) if wanted["start"] and wanted["end"] else size
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
        with path.open("rb") as file:
            file.seek(start)
            data = file.read(end - start) if with_body else b""
        self._send(status, headers, data, with_body=with_body, length=end - start)

    def _send(
        self, status: int, headers: dict[str, str], data: bytes, *, with_body: bool, length: int | None = None
    ) -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(data) if length is None else length)}).items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self.index().count(sent=len(data))
            self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the contract's name
        pass


@contextmanager
def mirror(host: str, kept: Path) -> Iterator[Mirror]:
    """The index at an address of this machine, on a free port, until the end of the block.

    Raises:
        OSError: The address is not this machine's.
    """
    kept.mkdir(parents=True, exist_ok=True)

    class Handler(_Handler):
        def index(self) -> Mirror:
            return served

    with ThreadingHTTPServer((host, 0), Handler) as server:
        served = Mirror(host, server.server_address[1], upstream(), kept)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="mirror", daemon=True)
        thread.start()
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()
