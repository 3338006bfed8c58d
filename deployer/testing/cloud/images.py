"""A real registry behind a double: what is in it, and requests to it."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Manifest", "Registry", "ask", "resolve", "send", "split"]

_TYPES = (
    "application/vnd.docker.distribution.manifest.v2+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json"
)


@dataclass(frozen=True, kw_only=True)
class Registry:
    """The real registry that stands in for a cloud's own.

    Attributes:
        address: ``HOST:PORT``.
        user: Whom it lets in; without one it is open, and any password does.
        password: Its password, which the double hands out as a login.
        ca: A file with its authority, PEM; without one it is spoken to without TLS.
        prefix: What each repository's name begins with in the registry, where several doubles share one.
        proxied: Whether images are pushed and pulled through the double, which then checks what the cloud
            checks; otherwise clients are led to the registry itself.
    """

    address: str
    user: str = ""
    password: str = ""
    ca: str = ""
    prefix: str = ""
    proxied: bool = False

    @property
    def url(self) -> str:
        """Its address with a scheme."""
        return f"{'https' if self.ca else 'http'}://{self.address}"


class Manifest:
    """A manifest in the registry.

    Attributes:
        type: Its media type.
        digest: ``sha256:...``.
        text: As it is in the registry.
        document: The same, read.
    """

    def __init__(self, kind: str, digest: str, text: str) -> None:
        self.type, self.digest, self.text = kind, digest, text
        self.document: Any = json.loads(text)


def split(image: str) -> tuple[str, str, str]:
    """Host, repository and tag or digest of an image's name; the host is empty where it has none."""
    host, _, rest = image.partition("/")
    if not rest or not (":" in host or "." in host or host == "localhost"):
        host, rest = "", image
    if "@" in rest:
        repository, _, reference = rest.partition("@")
        return host, repository.partition(":")[0], reference
    repository, _, tag = rest.partition(":")
    return host, repository, tag or "latest"


def ask(
    registry: Registry, path: str, accept: str = _TYPES, method: str = "GET"
) -> tuple[int, Mapping[str, str], bytes]:
    """Ask the registry for a path; see `send`."""
    return send(registry, method, path, {"Accept": accept})


def send(
    registry: Registry, method: str, path: str, headers: Mapping[str, str], body: bytes = b""
) -> tuple[int, Mapping[str, str], bytes]:
    """Send the registry a request, with its user and password where it has some.

    Returns:
        The status, the headers in lower case, and the body.

    Raises:
        OSError: It does not answer.
    """
    host, _, port = registry.address.rpartition(":")
    connection: http.client.HTTPConnection
    if registry.ca:
        context = ssl.create_default_context(cafile=registry.ca)
        connection = http.client.HTTPSConnection(host, int(port), timeout=300, context=context)
    else:
        connection = http.client.HTTPConnection(host, int(port), timeout=300)
    sent = dict(headers)
    if registry.user:
        secret = base64.b64encode(f"{registry.user}:{registry.password}".encode()).decode()
        sent["Authorization"] = f"Basic {secret}"
    try:
        connection.request(method, path, body, sent)
        response = connection.getresponse()
        return response.status, {key.lower(): value for key, value in response.getheaders()}, response.read()
    finally:
        connection.close()


def resolve(registry: Registry, repository: str, reference: str) -> Manifest | None:
    """The manifest of a tag or digest; None where there is none."""
    status, headers, body = ask(registry, f"/v2/{repository}/manifests/{reference}")
    if status != 200:
        return None
    return Manifest(headers["content-type"].partition(";")[0], headers["docker-content-digest"], body.decode())
