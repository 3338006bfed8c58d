"""An artifact server that answers what a test wants it to, for answers that no honest server gives.

It speaks the part of MLflow's artifact proxy that a client reads with (MLflow 3.17.2, server/handlers.py): a listing of
one folder, and a file.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

ROOT = "/api/2.0/mlflow-artifacts/artifacts"


class Store:
    """Files and, where they differ from these, listings.

    Args:
        files: Path to content.
    """

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.listings: dict[str, list[dict[str, Any]]] = {}
        self.status: int | None = None
        self.answered: list[str] = []
        self.cut: set[str] = set()
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def listing(self, folder: str) -> list[dict[str, Any]]:
        if folder in self.listings:
            return self.listings[folder]
        prefix = f"{folder}/" if folder else ""
        found: dict[str, dict[str, Any]] = {}
        for path, content in self.files.items():
            if path.startswith(prefix):
                name, _, deeper = path[len(prefix) :].partition("/")
                found[name] = {"path": name, "is_dir": bool(deeper)}
                if not deeper:
                    found[name]["file_size"] = len(content)
        return list(found.values())


@contextmanager
def serving(store: Store) -> Generator[Store, None, None]:
    """The store, answering on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            store.answered.append(self.path)
            parts = urlsplit(self.path)
            if store.status is not None:
                self.answer(store.status, b"<html>no</html>")
            elif parts.path == ROOT:
                folder = parse_qs(parts.query).get("path", [""])[0]
                self.answer(200, json.dumps({"files": store.listing(folder.removeprefix("m").strip("/"))}).encode())
            elif parts.path.startswith(f"{ROOT}/m/") and unquote(parts.path[len(ROOT) + 3 :]) in store.files:
                path = unquote(parts.path[len(ROOT) + 3 :])
                self.answer(200, store.files[path][:-1] if path in store.cut else store.files[path])
            else:
                self.answer(404, b"{}")

        def answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    store.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield store
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
