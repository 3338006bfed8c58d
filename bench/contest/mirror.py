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
_LINK = re.compile(r'(?P<before>"url": ?"|href=")(?P<url>[^"]+)')


def upstream() -> str:
    """The index that this machine is set to use."""
    named = (os.environ.get(name) for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"))
    return next((url for url in named if url), PYPI).rstrip("/")


class Mirror:
    """The index while it runs.

    Attributes:
        url: Its address, for pip and for uv.
        host: The address's host, which pip must be told to trust, since this is no TLS.
        sent: Bytes that it has answered with, so far.
    """

    def __init__(self, host: str, port: int, source: str, kept: Path) -> None:
        self.url, self.host = f"http://{host}:{port}/simple", host
        self._origin, self._source, self._kept = f"http://{host}:{port}", source, kept
        self._lock, self._files = threading.Lock(), dict[str, str]()
        self.sent = 0

    def count(self, sent: int) -> None:
        """Bytes more."""
        with self._lock:
            self.sent += sent

    def page(self, name: str) -> tuple[str, bytes]:
        """The page of a package, as upstream has it: its media type and its text, with files' addresses ours."""
        at = f"{self._source}/{name}/"
        kind, text = self._fetched(at)

        def ours(found: re.Match[str]) -> str:
            path, mark, rest = urljoin(at, found["url"]).partition("#")
            place = f"{hashlib.sha256(path.encode()).hexdigest()[:16]}/{urlsplit(path).path.rpartition('/')[2]}"
            with self._lock:
                self._files[place] = path
            return f"{found['before']}{self._origin}/files/{place}{mark}{rest}"

        return kind, _LINK.sub(ours, text.decode()).encode()

    def file(self, place: str) -> tuple[str, bytes]:
        """A file that some page named, or its metadata.

        Raises:
            KeyError: No page named it.
        """
        base = place.removesuffix(".metadata")
        with self._lock:
            at = self._files[base]
        return self._fetched(at + place.removeprefix(base))

    def _fetched(self, at: str) -> tuple[str, bytes]:
        kept = self._kept / hashlib.sha256(at.encode()).hexdigest()
        try:
            kind, _, data = kept.read_bytes().partition(b"\n")
        except FileNotFoundError:
            request = urllib.request.Request(at, headers={"Accept": _ACCEPT, "User-Agent": "deployer-bench"})
            with urllib.request.urlopen(request, timeout=180) as answer:
                kind, data = answer.headers.get("Content-Type", "application/octet-stream").encode(), answer.read()
            partial = kept.with_suffix(f".{threading.get_ident()}-{time.monotonic_ns()}")
            partial.write_bytes(kind + b"\n" + data)
            partial.replace(kept)
        return kind.decode(), data


@contextmanager
def mirror(host: str, kept: Path) -> Iterator[Mirror]:
    """The index at an address of this machine, on a free port, until the end of the block.

    Raises:
        OSError: The address is not this machine's.
    """
    kept.mkdir(parents=True, exist_ok=True)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, kind, data = self._answer(served)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
            served.count(len(data))

        def _answer(self, served: Mirror) -> tuple[int, str, bytes]:
            _, where, name = self.path.split("/", 2)
            try:
                return 200, *(served.file(name) if where == "files" else served.page(name.strip("/")))
            except KeyError:
                return 404, "text/plain", b"no page named it\n"
            except urllib.error.HTTPError as error:
                return error.code, "text/plain", str(error).encode()
            except OSError as error:
                return 502, "text/plain", str(error).encode()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the contract's name
            pass

    with ThreadingHTTPServer((host, 0), Handler) as server:
        served = Mirror(host, server.server_address[1], upstream(), kept)
        thread = threading.Thread(target=server.serve_forever, name="mirror", daemon=True)
        thread.start()
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()
