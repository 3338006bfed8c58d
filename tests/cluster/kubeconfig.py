"""How a kubeconfig says that a cluster's API server is reached, and one request to it; by the standard library alone.

The format: https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

JSON = "application/json"


class Refused(Exception):
    """The API server said no.

    Attributes:
        status: Of HTTP.
        reason: The API's own word for it, as ``NotFound``; empty where something behind a proxy answered.
    """

    def __init__(self, request: str, status: int, answer: bytes) -> None:
        said = answer.decode(errors="replace").strip()
        try:
            document = json.loads(said)
        except ValueError:
            document = {}
        self.status = status
        self.reason = str(document.get("reason", "")) if isinstance(document, dict) else ""
        message = document.get("message", said) if isinstance(document, dict) else said
        super().__init__(f"{request}: {status} {message}")


@dataclass(frozen=True)
class Connection:
    """What the kubeconfig's current context names.

    Args:
        kubeconfig: With a client's certificate, a token, or a program that gives a token.
    """

    kubeconfig: Path

    @cached_property
    def server(self) -> str:
        """The address of the API server, ``https://HOST:PORT``.

        Raises:
            ValueError: The file is no kubeconfig, or names what it has not.
        """
        return str(self._cluster.get("server", "")).rstrip("/")

    @cached_property
    def _document(self) -> Any:
        try:
            found = yaml.safe_load(self.kubeconfig.read_text(encoding="utf-8"))
        except yaml.YAMLError as error:
            raise ValueError(f"not YAML: {error}") from error
        if not isinstance(found, dict):
            raise ValueError("not a kubeconfig")
        return found

    def _named(self, what: str, name: object) -> Any:
        for each in self._document.get(f"{what}s") or []:
            if each["name"] == name:
                return each[what]
        raise ValueError(f"no {what} {name!r} in it")

    @cached_property
    def _context(self) -> Any:
        return self._named("context", self._document.get("current-context"))

    @cached_property
    def _cluster(self) -> Any:
        return self._named("cluster", self._context["cluster"])

    @cached_property
    def _user(self) -> Any:
        return self._named("user", self._context["user"])

    @cached_property
    def authority(self) -> str | None:
        """The certificate of the API server's authority, PEM; None where it is one of the system's."""
        if data := self._cluster.get("certificate-authority-data"):
            return base64.b64decode(data).decode()
        if path := self._cluster.get("certificate-authority"):
            return (self.kubeconfig.parent / str(path)).read_text(encoding="utf-8")
        return None

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cadata=self.authority)
        if self._cluster.get("insecure-skip-tls-verify"):
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if "client-certificate" in self._user:
            folder = self.kubeconfig.parent
            context.load_cert_chain(folder / self._user["client-certificate"], folder / self._user["client-key"])
        elif "client-certificate-data" in self._user:
            with tempfile.NamedTemporaryFile() as file:  # Python takes a client's certificate from files only
                for part in ("certificate", "key"):
                    file.write(base64.b64decode(self._user[f"client-{part}-data"]) + b"\n")
                file.flush()
                context.load_cert_chain(file.name)
        return context

    @cached_property
    def _headers(self) -> dict[str, str]:
        token = self._user.get("token")
        if (program := self._user.get("exec")) is not None:
            given = {each["name"]: each["value"] for each in program.get("env") or []}
            words = [program["command"], *(program.get("args") or [])]
            done = subprocess.run(words, capture_output=True, check=True, timeout=60, env={**os.environ, **given})
            token = json.loads(done.stdout)["status"]["token"]
        return {"Authorization": f"Bearer {token}"} if token else {}

    @contextlib.contextmanager
    def answer(
        self, method: str, path: str, body: object = None, *, content_type: str = JSON, timeout: float = 60
    ) -> Iterator[http.client.HTTPResponse]:
        """One request; what is no bytes is sent as JSON.

        Raises:
            Refused: The API server, or who is behind its proxy, said no.
            OSError: Nobody answers.
        """
        address = urlsplit(self.server)
        assert address.hostname is not None
        connection = http.client.HTTPSConnection(address.hostname, address.port, timeout=timeout, context=self._tls)
        sent = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        try:
            connection.request(method, address.path + path, sent, {"Content-Type": content_type, **self._headers})
            response = connection.getresponse()
            if response.status >= 400:
                raise Refused(f"{method} {path}", response.status, response.read())
            yield response
        finally:
            connection.close()
