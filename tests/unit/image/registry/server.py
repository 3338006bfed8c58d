"""A registry on loopback that fails where a test says: what a real one does only now and then.

It is strict where the specification is: an upload must be sent in order, a blob must be what its digest says, a
manifest must name blobs that are there. With `tokens` it has a token server, which knows one user.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

USER, PASSWORD, IDENTITY = "ann", "s3cret-password", "identity-token"


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass
class State:
    """What it has, what it was asked, and how it fails."""

    blobs: dict[tuple[str, str], bytes] = field(default_factory=dict)
    manifests: dict[tuple[str, str], tuple[str, bytes]] = field(default_factory=dict)
    uploads: dict[str, bytearray] = field(default_factory=dict)
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    port: int = 0

    tokens: bool = False
    basic: bool = False
    login: tuple[str, str] = (USER, PASSWORD)
    anonymous: bool = False
    """Whether the token server gives tokens to nobody in particular."""
    valid: set[str] = field(default_factory=set)
    granted: int = 0
    begun: int = 0
    break_upload_after: list[int] = field(default_factory=list)
    """Bytes of a PATCH after which the connection is cut; each entry once."""
    break_blob_after: list[int] = field(default_factory=list)
    keeps_partial: bool = True
    """Whether what came before a cut can be gone on from."""
    pieces: bool = True
    """Whether an upload may come in pieces."""
    failures: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    """Statuses that are answered instead, each entry once."""
    redirect: str | None = None
    """Where blobs are really."""
    forget_mounts: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def add_blob(self, repository: str, content: bytes) -> str:
        self.blobs[repository, digest_of(content)] = content
        return digest_of(content)

    def count(self, method: str, contains: str = "") -> int:
        return sum(1 for m, path, _ in self.asked if m == method and contains in path)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    @property
    def state(self) -> State:
        return self.server.state

    def log_message(self, *_: object) -> None:
        pass

    def _handle(self) -> None:
        url = urlsplit(self.path)
        query = parse_qs(url.query)
        with self.state.lock:
            self.state.asked.append((self.command, self.path, dict(self.headers)))
            failure = self.state.failures.pop(0) if self.state.failures and url.path != "/v2/" else None
        if failure:
            self._read()
            self._answer(failure[0], headers=failure[1])
        elif url.path == "/token":
            self._token(query)
        elif not self._allowed():
            self._read()
            self._challenge(url.path)
        elif url.path == "/v2/":
            self._answer(200)
        elif match := re.fullmatch(r"/v2/(.+)/manifests/(.+)", url.path):
            self._manifest(match[1], match[2])
        elif match := re.fullmatch(r"/v2/(.+)/blobs/uploads/([^/]*)", url.path):
            self._upload(match[1], match[2], query)
        elif match := re.fullmatch(r"/v2/(.+)/blobs/(sha256:.+)", url.path):
            self._blob(match[1], match[2])
        else:
            self._answer(404)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = _handle  # noqa: N815

    def _allowed(self) -> bool:
        header = self.headers.get("Authorization", "")
        if self.state.tokens:
            return header.removeprefix("Bearer ") in self.state.valid
        if self.state.basic:
            return header == "Basic " + base64.b64encode(":".join(self.state.login).encode()).decode()
        return True

    def _challenge(self, path: str) -> None:
        repository = re.match(r"/v2/(.+)/(?:manifests|blobs)/", path)
        scope = f',scope="repository:{repository[1]}:pull"' if repository else ""
        bearer = f'Bearer realm="http://{self.state.host}/token",service="test, registry"{scope}'
        self._error(401, "UNAUTHORIZED", {"WWW-Authenticate": bearer if self.state.tokens else 'Basic realm="test"'})

    def _token(self, query: dict[str, list[str]]) -> None:
        form = parse_qs(self._read().decode())
        wanted = "Basic " + base64.b64encode(":".join(self.state.login).encode()).decode()
        shown = self.headers.get("Authorization")
        fine = shown == wanted or form.get("refresh_token") == [IDENTITY] or (self.state.anonymous and not shown)
        if not fine or (query.get("service") or form.get("service")) != ["test, registry"]:
            self._error(401, "UNAUTHORIZED")
            return
        with self.state.lock:
            self.state.granted += 1
            token = f"token-{self.state.granted}"
            self.state.valid.add(token)
        self._answer(200, json.dumps({"token": token, "expires_in": 300}).encode())

    def _manifest(self, repository: str, reference: str) -> None:
        if self.command == "PUT":
            content = self._read()
            document = json.loads(content)
            named = [document["config"], *document["layers"]] if "config" in document else []
            if any((repository, each["digest"]) not in self.state.blobs for each in named):
                self._error(400, "MANIFEST_BLOB_UNKNOWN")
                return
            for key in (reference, digest_of(content)):
                self.state.manifests[repository, key] = (self.headers["Content-Type"], content)
            self._answer(201, headers={"Docker-Content-Digest": digest_of(content)})
        elif (repository, reference) in self.state.manifests:
            kind, content = self.state.manifests[repository, reference]
            self._answer(200, content, {"Content-Type": kind, "Docker-Content-Digest": digest_of(content)})
        else:
            self._error(404, "MANIFEST_UNKNOWN")

    def _blob(self, repository: str, digest: str) -> None:
        content = self.state.blobs.get((repository, digest))
        if content is None:
            self._error(404, "BLOB_UNKNOWN")
            return
        if self.state.redirect and self.command == "GET":
            self._answer(307, headers={"Location": f"{self.state.redirect}{self.path}"})
            return
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        cut = self.state.break_blob_after.pop(0) if self.state.break_blob_after and self.command == "GET" else None
        self._answer(206 if start else 200, content[start:], cut=cut)

    def _upload(self, repository: str, identity: str, query: dict[str, list[str]]) -> None:
        here = f"/v2/{repository}/blobs/uploads/"
        if self.command == "POST":
            self._read()
            mounted = self.state.blobs.get((query.get("from", [""])[0], query.get("mount", [""])[0]))
            if mounted is not None and not self.state.forget_mounts:
                self.state.add_blob(repository, mounted)
                self._answer(201)
                return
            with self.state.lock:
                self.state.begun += 1
                identity = f"u{self.state.begun}"
                self.state.uploads[identity] = bytearray()
            self._answer(202, headers={"Location": f"{here}{identity}"})
            return
        has = self.state.uploads.get(identity)
        if has is None:
            self._read()
            self._error(404, "BLOB_UPLOAD_UNKNOWN")
        elif self.command == "GET":
            self._answer(204, headers={"Location": f"{here}{identity}", "Range": f"0-{max(0, len(has) - 1)}"})
        elif self.command == "PATCH":
            self._patch(has, here, identity)
        else:
            has += self._read()
            digest = query["digest"][0]
            if digest_of(bytes(has)) != digest:
                self._error(400, "DIGEST_INVALID")
                return
            self.state.add_blob(repository, bytes(has))
            del self.state.uploads[identity]
            self._answer(201)

    def _patch(self, has: bytearray, here: str, identity: str) -> None:
        stated = self.headers.get("Content-Range")
        if stated and (int(stated.split("-")[0]) != len(has) or (not self.state.pieces and len(has))):
            self._read()
            self._error(416, "RANGE_INVALID")
            return
        length = int(self.headers["Content-Length"])
        cut = self.state.break_upload_after.pop(0) if self.state.break_upload_after else None
        if cut is not None and cut < length:
            got = self.rfile.read(cut)
            if self.state.keeps_partial:
                has += got
            else:
                del self.state.uploads[identity]
            self.close_connection = True
            self.connection.close()
            return
        has += self.rfile.read(length)
        self._answer(202, headers={"Location": f"{here}{identity}", "Range": f"0-{len(has) - 1}"})

    def _read(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _error(self, status: int, code: str, headers: dict[str, str] | None = None) -> None:
        secret = self.headers.get("Authorization", "")
        message = f"{code.lower().replace('_', ' ')} [red]for[/red] {secret}"
        self._answer(status, json.dumps({"errors": [{"code": code, "message": message}]}).encode(), headers)

    def _answer(
        self, status: int, content: bytes = b"", headers: dict[str, str] | None = None, cut: int | None = None
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content[:cut])
        if cut is not None:
            self.close_connection = True


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    state: State

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


@contextmanager
def registry(**how: Any) -> Generator[State, None, None]:
    """One that runs."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.state = State(port=server.server_address[1], **how)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
