"""A package index on loopback, with wheels and sources made by hand: what most tests of environments need."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import ssl
import tarfile
import threading
import zipfile
from collections import defaultdict
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote


def wheel(
    name: str, version: str, *, requires: Sequence[str] = (), tag: str = "py3-none-any", body: str = ""
) -> tuple[str, bytes]:
    """A wheel's file name and content: one package, with a console script that prints the version."""
    info = f"{name}-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
    files = {
        f"{name}/__init__.py": f'__version__ = "{version}"\n{body}\n\n\ndef main():\n    print(__version__)\n',
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{name}-version = {name}:main\n",
    }
    record = ""
    for path, text in files.items():
        sha256 = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        record += f"{path},sha256={sha256},{len(text.encode())}\n"
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n"
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0)), text)
    return f"{name}-{version}-{tag}.whl", content.getvalue()


def source(name: str, version: str, setup: str) -> tuple[str, bytes]:
    """A source distribution's file name and content, with that setup.py."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for path, text in {
            "setup.py": setup,
            "PKG-INFO": f"Metadata-Version: 1.0\nName: {name}\nVersion: {version}\n",
        }.items():
            member = tarfile.TarInfo(f"{name}-{version}/{path}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return f"{name}-{version}.tar.gz", content.getvalue()


class Index:
    """A simple index (PEP 503) on loopback.

    Args:
        password: What a request must carry as basic authentication for the user ``me``; None lets everybody in.
        hashes: Whether its pages give SHA-256.
        pages: ``html`` (PEP 503) or ``json`` (PEP 691).
    """

    def __init__(self, password: str | None = None, *, hashes: bool = True, pages: str = "html") -> None:
        self.files: dict[str, dict[str, bytes]] = defaultdict(dict)
        self.announced: dict[str, str] = {}
        self.requests: list[str] = []
        self.password = password
        self.hashes = hashes
        self.pages = pages
        self.elsewhere: dict[str, str] = {}
        self.authorizations: list[str | None] = []
        self.scheme = "http"
        self.port = 0

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}/simple"

    @property
    def url_with_password(self) -> str:
        return f"{self.scheme}://me:{self.password}@{self.host}/simple"

    def add(self, *files: tuple[str, bytes]) -> None:
        for filename, content in files:
            name = filename.split("-")[0].lower().replace("_", "-")
            self.files[name][filename] = content

    def json_page(self, name: str) -> str:
        files = [
            {"filename": filename, "url": f"/files/{name}/{filename}", "hashes": {"sha256": _sha256(content)}}
            for filename, content in self.files[name].items()
        ]
        return json.dumps({"meta": {"api-version": "1.1"}, "name": name, "versions": [], "files": files})

    def page(self, name: str) -> str:
        links = []
        for filename, content in self.files[name].items():
            sha256 = self.announced.get(filename, _sha256(content))
            fragment = f"#sha256={sha256}" if self.hashes else ""
            links.append(f'<a href="/files/{name}/{filename}{fragment}">{filename}</a>')
        return f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>"

    def downloads(self) -> list[str]:
        """The wheels and sources that were fetched."""
        return [path.rpartition("/")[2] for path in self.requests if path.startswith("/files/")]


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@contextmanager
def serving(index: Index, context: ssl.SSLContext | None = None) -> Generator[Index, None, None]:
    """The index, answering; over TLS with a context."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            if self.command == "GET":
                index.requests.append(self.path)
                index.authorizations.append(self.headers.get("Authorization"))
            parts = unquote(self.path).strip("/").split("/")
            wanted = base64.b64encode(f"me:{index.password}".encode()).decode()
            if index.password is not None and self.headers.get("Authorization") != f"Basic {wanted}":
                self.answer(401, b"who are you")
            elif self.path in index.elsewhere:
                self.answer(302, b"", location=index.elsewhere[self.path])
            elif parts[0] == "simple" and len(parts) == 2 and parts[1] in index.files and index.pages == "json":
                self.answer(200, index.json_page(parts[1]).encode(), "application/vnd.pypi.simple.v1+json")
            elif parts[0] == "simple" and len(parts) == 2 and parts[1] in index.files:
                self.answer(200, index.page(parts[1]).encode(), "text/html")
            elif parts[0] == "files" and parts[2] in index.files.get(parts[1], {}):
                self.answer(200, index.files[parts[1]][parts[2]])
            else:
                self.answer(404, b"no such thing")

        def answer(
            self, status: int, body: bytes, kind: str = "application/octet-stream", location: str | None = None
        ) -> None:
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            if status == 401:
                self.send_header("WWW-Authenticate", 'Basic realm="index"')
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    index.port = server.server_address[1]
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        index.scheme = "https"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield index
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
