"""Images in the tests' plain registry, made by its API alone: the base's layers, and a few more on top."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from deployer.value import JSON, canonical
from tests.e2e.kept import made_once

if TYPE_CHECKING:
    from tests.plugins.docker import Image

__all__ = ["Layer", "Repository", "layers_of"]

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
_LARGE = 1 << 24
_CONFIG = "application/vnd.docker.container.image.v1+json"

Layer = tuple[dict[str, JSON], str]
"""Its descriptor, and the digest of what it unpacks to."""


def layers_of(image: Image) -> list[Layer]:
    """Those of an image that is in the registry, and in a layout on disk."""
    manifest = image.manifest()
    config = image.blob(manifest["config"]["digest"])
    found = [{"mediaType": _LAYER, "size": each["size"], "digest": each["digest"]} for each in manifest["layers"]]
    return [*zip(found, config["rootfs"]["diff_ids"], strict=True)]


def _packed(layer: bytes, diff: str) -> bytes:
    """Compressed; what is large is kept, since that takes seconds."""
    if len(layer) < _LARGE:
        return gzip.compress(layer, 1, mtime=0)

    def make(place: Path) -> None:
        place.mkdir()
        (place / "layer.tar.gz").write_bytes(gzip.compress(layer, 1, mtime=0))

    return (made_once(f"conformance-packed-{diff[:16]}", make) / "layer.tar.gz").read_bytes()


class Repository:
    """One repository of a registry that takes what anybody pushes.

    Args:
        host: The registry's ``HOST:PORT``.
        name: Its name there.
    """

    def __init__(self, host: str, name: str) -> None:
        self._host = host
        self._name = name

    def _ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, Mapping[str, str], bytes]:
        connection = http.client.HTTPConnection(self._host, timeout=60)
        try:
            connection.request(method, path, body or None, headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def _expect(self, status: int, method: str, path: str, body: bytes = b"", **headers: str) -> Mapping[str, str]:
        found, answered, said = self._ask(method, path, body, **headers)
        assert found == status, f"{method} {path}: {found} {said[:300]!r}"
        return answered

    def put(self, blob: bytes) -> str:
        """Have a blob, and tell its digest."""
        digest = f"sha256:{hashlib.sha256(blob).hexdigest()}"
        if self._ask("HEAD", f"/v2/{self._name}/blobs/{digest}")[0] != 200:
            where = urlsplit(self._expect(202, "POST", f"/v2/{self._name}/blobs/uploads/")["Location"])
            path = f"{where.path}?{where.query}&digest={digest}"
            self._expect(201, "PUT", path, blob, **{"Content-Type": "application/octet-stream"})
        return digest

    def mount(self, digest: str, source: str) -> None:
        """Have a blob that another repository has."""
        self._expect(201, "POST", f"/v2/{self._name}/blobs/uploads/?mount={digest}&from={source}")

    def add(self, layer: bytes) -> Layer:
        """Have a layer, given as a tar."""
        diff = hashlib.sha256(layer).hexdigest()
        packed = _packed(layer, diff)
        described = {"mediaType": _LAYER, "size": len(packed), "digest": self.put(packed)}
        return described, f"sha256:{diff}"

    def make(self, layers: Sequence[Layer], config: Mapping[str, JSON], tag: str | None = None) -> tuple[str, str]:
        """An image of layers that it has: its exact name, and the digest of its configuration."""
        document = canonical(
            {
                "architecture": "amd64",
                "config": dict(config),
                "created": "2025-01-01T00:00:00Z",
                "os": "linux",
                "rootfs": {"type": "layers", "diff_ids": [diff for _, diff in layers]},
            }
        )
        described = {"mediaType": _CONFIG, "size": len(document), "digest": self.put(document)}
        manifest = canonical(
            {"schemaVersion": 2, "mediaType": MANIFEST, "config": described, "layers": [each for each, _ in layers]}
        )
        digest = f"sha256:{hashlib.sha256(manifest).hexdigest()}"
        for name in (digest, *([tag] if tag else [])):
            self._expect(201, "PUT", f"/v2/{self._name}/manifests/{name}", manifest, **{"Content-Type": MANIFEST})
        return f"{self._host}/{self._name}@{digest}", str(described["digest"])

    def find(self, tag: str) -> list[Layer] | None:
        """The layers of a tag's image; None where there is none."""
        status, _, body = self._ask("GET", f"/v2/{self._name}/manifests/{tag}", Accept=MANIFEST)
        if status != 200:
            return None
        manifest: Any = json.loads(body)
        _, _, text = self._ask("GET", f"/v2/{self._name}/blobs/{manifest['config']['digest']}")
        return [*zip(manifest["layers"], json.loads(text)["rootfs"]["diff_ids"], strict=True)]
