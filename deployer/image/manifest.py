"""Manifests: which one of an index is meant, what one says, and how ours are written. No outside.

Sources: the OCI image specification 1.1, and distribution's "Image Manifest Version 2, Schema 2".
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deployer.errors import BuildError, SpecError
from deployer.image.values import BaseLayer

__all__ = [
    "Blob",
    "Parsed",
    "base_layers",
    "blob_of",
    "chosen",
    "index_of",
    "manifest_of",
    "media_types",
    "parsed",
    "read_document",
]

_INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
_OCI = {
    "manifest": "application/vnd.oci.image.manifest.v1+json",
    "config": "application/vnd.oci.image.config.v1+json",
    "layer": "application/vnd.oci.image.layer.v1.tar+gzip",
    "index": "application/vnd.oci.image.index.v1+json",
}
_DOCKER = {
    "manifest": "application/vnd.docker.distribution.manifest.v2+json",
    "config": "application/vnd.docker.container.image.v1+json",
    "layer": "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "index": "application/vnd.docker.distribution.manifest.list.v2+json",
}


@dataclass(frozen=True)
class Blob:
    """What a registry stores.

    Attributes:
        digest: Of its bytes.
        size: Their number.
    """

    digest: str
    size: int


@dataclass(frozen=True)
class Parsed:
    """One image's manifest.

    Attributes:
        config: Its configuration's blob.
        layers: (media type, blob), from the lowest up.
    """

    config: Blob
    layers: tuple[tuple[str, Blob], ...]


def media_types(*, oci: bool) -> Mapping[str, str]:
    """Of ``manifest``, ``config``, ``layer`` (gzip) and ``index``."""
    return _OCI if oci else _DOCKER


def read_document(content: bytes, where: str) -> Mapping[str, Any]:
    """JSON as a mapping.

    Raises:
        BuildError: It is none.
    """
    try:
        document = json.loads(content)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise BuildError("what should be a manifest is not JSON", where=where, hint="is this a container registry?")
    return document


def chosen(document: Mapping[str, Any], platform: str, where: str) -> Blob | None:
    """The entry of an index that is for a platform; None when the document is a manifest itself.

    Raises:
        SpecError: The index has nothing for it; says what it has.
    """
    if document.get("mediaType") not in _INDEXES and "manifests" not in document:
        return None
    entries = [each for each in document.get("manifests", ()) if isinstance(each, dict)]
    found = [each for each in entries if _platform(each) == platform]
    if not found and len(entries) == 1 and not entries[0].get("platform"):
        found = entries  # its configuration will tell
    if not found:
        has = sorted({_platform(each) for each in entries} - {"unknown/unknown", ""})
        raise SpecError(
            f"the image is for {', '.join(has) or 'no platform that it names'}, not for {platform}",
            where=where,
            hint=f"image.platform={has[0]}, or another image.base" if has else "another image.base",
        )
    return _blob(found[0], where)


def parsed(document: Mapping[str, Any], where: str) -> Parsed:
    """Reads a manifest of Docker's or OCI's form.

    Raises:
        BuildError: It is of another form, an image for Windows, or no image at all.
    """
    if document.get("schemaVersion") == 1 or "fsLayers" in document:
        raise BuildError(
            "the image's manifest is of the form that was given up in 2017 (schema 1)",
            where=where,
            hint="push it again with a current Docker, or take another image.base",
        )
    config, layers = document.get("config"), document.get("layers")
    if not isinstance(config, dict) or not isinstance(layers, list) or not layers:
        raise BuildError("this is not an image that runs", where=where, hint="check image.base")
    media = [str(each.get("mediaType", "")) for each in layers if isinstance(each, dict)]
    if any("foreign" in each or "nondistributable" in each for each in media) or any(
        each.get("urls") for each in layers
    ):
        raise BuildError("the image has layers that may not be carried on", where=where, hint="another image.base")
    return Parsed(_blob(config, where), tuple(zip(media, (_blob(each, where) for each in layers), strict=True)))


def base_layers(manifest: Parsed, diff_ids: Sequence[str], where: str) -> tuple[BaseLayer, ...]:
    """The layers with the digests of their plain tars, which the configuration has.

    Raises:
        BuildError: The two do not agree.
    """
    if len(diff_ids) != len(manifest.layers):
        raise BuildError("the image's manifest and configuration name different layers", where=where)
    return tuple(
        BaseLayer(diff_id, media_type, blob.digest, blob.size)
        for diff_id, (media_type, blob) in zip(diff_ids, manifest.layers, strict=True)
    )


def manifest_of(config: Blob, layers: Sequence[Blob], *, oci: bool) -> bytes:
    """One image's manifest, canonical JSON; its layers are gzip."""
    types = media_types(oci=oci)
    return _canonical(
        {
            "schemaVersion": 2,
            "mediaType": types["manifest"],
            "config": {"mediaType": types["config"], "digest": config.digest, "size": config.size},
            "layers": [{"mediaType": types["layer"], "digest": each.digest, "size": each.size} for each in layers],
        }
    )


def index_of(manifests: Mapping[str, Blob], *, oci: bool) -> bytes:
    """Several platforms' manifests in one, canonical JSON.

    Args:
        manifests: By platform, ``linux/arm64``.
        oci: The form.
    """
    types = media_types(oci=oci)
    entries = []
    for platform, blob in sorted(manifests.items()):
        system, machine = platform.split("/")
        entries.append(
            {
                "mediaType": types["manifest"],
                "digest": blob.digest,
                "size": blob.size,
                "platform": {"os": system, "architecture": machine},
            }
        )
    return _canonical({"schemaVersion": 2, "mediaType": types["index"], "manifests": entries})


def blob_of(content: bytes) -> Blob:
    """Of bytes in memory."""
    return Blob(f"sha256:{hashlib.sha256(content).hexdigest()}", len(content))


def _canonical(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _platform(entry: Mapping[str, Any]) -> str:
    named = entry.get("platform") or {}
    if not named:
        return ""
    variant = named.get("variant")
    machine = str(named.get("architecture", ""))
    tail = f"/{variant}" if variant and not (machine == "arm64" and variant == "v8") else ""
    return f"{named.get('os', '')}/{machine}{tail}"


def _blob(entry: Mapping[str, Any], where: str) -> Blob:
    digest, size = entry.get("digest"), entry.get("size")
    if not (isinstance(digest, str) and digest.startswith("sha256:") and len(digest) == 71 and isinstance(size, int)):
        raise BuildError("a manifest names a blob without a SHA-256 digest and a size", where=where)
    return Blob(digest, size)
