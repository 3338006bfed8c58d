"""A Debian archive on loopback, with packages made by hand; `deb(5)` says what one is made of."""

from __future__ import annotations

import gzip
import hashlib
import io
import ssl
import tarfile
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote


def _tar(files: Mapping[str, tuple[bytes, int]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, (content, mode) in files.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size, member.mode, member.mtime = len(content), mode, 1_600_000_000
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(buffer.getvalue(), mtime=0)


@dataclass
class Archive:
    """Packages, and the address that they are served at."""

    files: dict[str, bytes] = field(default_factory=dict)
    stanzas: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    url: str = ""

    def add(
        self,
        name: str,
        version: str,
        *,
        files: Mapping[str, tuple[bytes, int]] | None = None,
        depends: str = "",
        after: str = "",
    ) -> None:
        """A package of these files with their modes; ``after`` is a script that runs when it is installed."""
        fields = [f"Package: {name}", f"Version: {version}", "Architecture: all", "Maintainer: nobody <n@example.com>"]
        fields += [f"Depends: {depends}"] if depends else []
        control = {"control": ("\n".join([*fields, "Description: a test", ""]).encode(), 0o644)}
        if after:
            control["postinst"] = (f"#!/bin/sh\n{after}\n".encode(), 0o755)
        parts = {"debian-binary": b"2.0\n", "control.tar.gz": _tar(control), "data.tar.gz": _tar(files or {})}
        content = b"!<arch>\n"
        for part, data in parts.items():
            content += f"{part:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode() + data
            content += b"\n" if len(data) % 2 else b""
        filename = f"{name}_{version}_all.deb"
        self.files[filename] = content
        sha256 = hashlib.sha256(content).hexdigest()
        fields += [f"Filename: ./{filename}", f"Size: {len(content)}", f"SHA256: {sha256}", "Description: a test"]
        self.stanzas.append("\n".join(fields) + "\n")

    def sources(self, folder: Path) -> Path:
        """A file that names it."""
        path = folder / "test.list"
        path.write_text(f"deb [trusted=yes] {self.url} ./\n")
        return path

    def answer(self, path: str) -> bytes | None:
        """What it has at a path."""
        self.requests.append(path)
        name = unquote(path).rpartition("/")[2]
        packages = "\n".join(self.stanzas).encode()
        if name == "Packages":
            return packages
        if name == "Release":
            sha256 = hashlib.sha256(packages).hexdigest()
            head = "Codename: test\nDate: Thu, 01 Jan 2026 00:00:00 UTC\nSHA256:\n"
            return f"{head} {sha256} {len(packages)} Packages\n".encode()
        return self.files.get(name)


@contextmanager
def archiving(context: ssl.SSLContext | None = None) -> Generator[Archive, None, None]:
    """An empty archive, answering; over TLS with a context."""
    archive = Archive()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = archive.answer(self.path)
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    archive.url = f"{'https' if context else 'http'}://127.0.0.1:{server.server_address[1]}/"
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield archive
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
