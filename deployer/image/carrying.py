"""An image onto disk: as an OCI layout, or as a file for ``docker load``."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
from pathlib import Path
from typing import Any

from deployer.errors import SpecError
from deployer.image.archive import archive, members_of
from deployer.image.compress import BlobStore, outgoing
from deployer.image.manifest import Blob, blob_of, manifest_of, media_types
from deployer.image.values import Image

__all__ = ["write_archive", "write_layout"]

_NAME = "org.opencontainers.image.ref.name"


def write_layout(image: Image, folder: Path, *, cache: Path, tag: str | None = None, oci: bool = True) -> str:
    """Writes an OCI image layout, or adds the image to one; gives the digest of the image's manifest.

    What is there with the same digest is not written again; an older image of the same tag loses the tag.

    Args:
        image: What to write.
        folder: Made if it is not there.
        cache: Folder on this host.
        tag: What the image is called in the layout.
        oci: Whether the manifest is OCI's; else Docker schema 2, as `push` writes it by default.

    Raises:
        SpecError: The folder has other things in it, or cannot be written.
        BuildError: A layer of the base cannot be had.
    """
    store = BlobStore(cache / "blobs")
    with _writing(folder):
        index = _index(folder)
        blobs = BlobStore(folder / "blobs" / "sha256")
        layers: list[Blob] = []
        for layer in outgoing(image, store):
            if layer.known is None or not blobs.has(layer.known):
                blob = layer.make()
                _copy(store.path(blob.digest), blobs, blob)
            else:
                blob = layer.known
            layers.append(blob)
        manifest = manifest_of(_put(image.config, blobs), layers, oci=oci)
        blob = _put(manifest, blobs)
        entry: dict[str, Any] = {
            "mediaType": media_types(oci=oci)["manifest"],
            "digest": blob.digest,
            "size": blob.size,
            "platform": dict(zip(("os", "architecture"), image.base.platform.split("/"), strict=True)),
        }
        if tag:
            entry["annotations"] = {_NAME: tag}
        index["manifests"] = [*(each for each in index["manifests"] if not _replaced(each, entry)), entry]
        _replace(folder / "oci-layout", {"imageLayoutVersion": "1.0.0"})
        _replace(folder / "index.json", index)
    return blob.digest


def write_archive(image: Image, file: Path, *, names: tuple[str, ...] = ()) -> int:
    """Writes what ``docker load`` reads; gives its bytes. The file is whole or not there.

    Args:
        image: What to write.
        file: Replaced if it is there.
        names: With tags; what the image is called.

    Raises:
        SpecError: It cannot be written there.
        BuildError: A layer of the base cannot be had.
    """
    partial = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    with _writing(file):
        try:
            with partial.open("wb") as out:
                size = sum(
                    out.write(each) for each in archive(image.config, image.digest, members_of(image), names=names)
                )
            partial.replace(file)
        finally:
            partial.unlink(missing_ok=True)
    return size


def _index(folder: Path) -> dict[str, Any]:
    fresh: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [],
    }
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "index.json").exists():
        if any(each.name not in {"blobs", "oci-layout"} for each in folder.iterdir()):
            raise SpecError(
                "the folder has other things in it, and is no image layout",
                where=str(folder),
                hint="name an empty folder",
            )
        return fresh
    with contextlib.suppress(ValueError, TypeError):
        found = json.loads((folder / "index.json").read_text("utf-8"))
        if isinstance(found.get("manifests"), list):
            return {**fresh, **found}
    raise SpecError("its index.json cannot be read", where=str(folder), hint="name another folder")


def _replaced(there: Any, entry: dict[str, Any]) -> bool:
    """An entry of the same name for the same platform, or the same image without a name."""
    name, platform = (there.get("annotations") or {}).get(_NAME), there.get("platform") or entry["platform"]
    ours = entry.get("annotations", {}).get(_NAME)
    same_platform = all(platform.get(key) == entry["platform"][key] for key in ("os", "architecture"))
    return same_platform and (name == ours if ours else there.get("digest") == entry["digest"])


def _copy(source: Path, blobs: BlobStore, blob: Blob) -> None:
    path = blobs.path(blob.digest)
    path.parent.mkdir(parents=True, exist_ok=True)
    with source.open("rb") as found, blobs.adding(path) as file:
        shutil.copyfileobj(found, file.file, 1 << 20)


def _put(content: bytes, blobs: BlobStore) -> Blob:
    blob = blob_of(content)
    if not blobs.has(blob):
        with blobs.adding(blobs.path(blob.digest)) as file:
            file.write(content)
    return blob


def _replace(path: Path, document: dict[str, Any]) -> None:
    with BlobStore(path.parent).adding(path) as file:
        file.write(json.dumps(document, sort_keys=True, separators=(",", ":")).encode())


@contextlib.contextmanager
def _writing(place: Path) -> Any:
    try:
        yield
    except OSError as error:
        reason = error.strerror or os.strerror(error.errno or 0)
        raise SpecError(f"it cannot be written: {reason}", where=str(place), hint="name another place") from None
