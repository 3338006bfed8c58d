"""What the parts of image building hand to one another. A digest is ``sha256:`` and 64 hexadecimal digits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

__all__ = ["BaseImage", "BaseLayer", "BaseSource", "FileLayer", "Image", "ImageReference", "Layer", "exact_reference"]

CHUNK = 1 << 20
_OTHER_PLACES = ("oci:", "oci-archive:", "docker-daemon:")


@dataclass(frozen=True)
class BaseLayer:
    """One layer of a base image, as its source has it.

    Attributes:
        diff_id: Digest of the uncompressed tar.
        media_type: As the source's manifest says; ``application/vnd.docker.image.rootfs.diff.tar`` when it has none.
        digest: Of the blob as the source stores it, or None when the source stores no blobs (an engine).
        size: Bytes of that blob, or None.
    """

    diff_id: str
    media_type: str
    digest: str | None = None
    size: int | None = None


class BaseSource(ABC):
    """Where a base image lies: a registry, an engine, an OCI layout."""

    @abstractmethod
    def open_layer(self, layer: BaseLayer) -> AbstractContextManager[BinaryIO]:
        """The layer's blob as the source stores it (compressed as its media type says), as a stream.

        Raises:
            TargetUnavailable: The source does not answer.
            BuildError: It is not there any more, or not what its digest says.
        """


@dataclass(frozen=True)
class BaseImage:
    """A base image, for one platform, by its content.

    Attributes:
        reference: As the spec or the default names it.
        digest: Of its configuration; what a recipe names it by, since every source has that.
        manifest: Digest of its manifest, to ask a registry for exactly it; None when the source has none.
        platform: ``linux/amd64`` or ``linux/arm64``.
        python: Path of its CPython in the image, ``/usr/local/bin/python3.11``.
        python_version: Its minor, ``3.11``.
        glibc: Its version, ``2.36``.
        config: Its configuration document.
        layers: From the lowest up.
        source: To read layers from, when they must be carried.
    """

    reference: str
    digest: str
    manifest: str | None
    platform: str
    python: str
    python_version: str
    glibc: str
    config: Mapping[str, Any] = field(hash=False)
    layers: tuple[BaseLayer, ...]
    source: BaseSource = field(compare=False, repr=False)

    @property
    def exact_reference(self) -> str:
        """To have exactly this one again."""
        return exact_reference(self.reference, self.manifest)


def exact_reference(reference: str, manifest: str | None) -> str:
    """A reference with its manifest's digest, when it is a registry's name and has none."""
    if manifest is None or "@" in reference or reference.startswith(_OTHER_PLACES):
        return reference
    return f"{reference}@{manifest}"


class Layer(ABC):
    """One layer that is put on a base: an uncompressed tar, the same bytes wherever it is made.

    Attributes:
        diff_id: Its digest.
        size: Its bytes.
        what: For people and the image's history: ``numpy 2.3.1``, ``the model``.
    """

    diff_id: str
    size: int
    what: str

    @abstractmethod
    def open(self) -> AbstractContextManager[BinaryIO]:
        """The tar as a stream of `size` bytes."""

    def chunks(self) -> Iterator[bytes]:
        """The tar, a piece at a time."""
        with self.open() as stream:
            while piece := stream.read(CHUNK):
                yield piece


@dataclass(frozen=True)
class FileLayer(Layer):
    """A layer that lies in a cache as a file."""

    diff_id: str
    size: int
    what: str
    path: Path

    def open(self) -> AbstractContextManager[BinaryIO]:
        return self.path.open("rb")


@dataclass(frozen=True)
class Image:
    """An assembled image, for one platform: a base, and layers on it.

    Attributes:
        base: What it stands on.
        layers: Those put on it, from the lowest up.
        config: Its configuration document, canonical JSON; the media type is the manifest form's affair.
        digest: Of ``config``: what images are compared by. It names every layer by its ``diff_id``.
    """

    base: BaseImage
    layers: tuple[Layer, ...]
    config: bytes
    digest: str

    @property
    def diff_ids(self) -> tuple[str, ...]:
        """Of all layers, the base's first."""
        return (*(each.diff_id for each in self.base.layers), *(each.diff_id for each in self.layers))


@dataclass(frozen=True)
class ImageReference:
    """A place of an image: ``registry/repository``, with a tag or a digest.

    Attributes:
        registry: Host and port, ``localhost:5000``; Docker Hub is ``registry-1.docker.io``.
        repository: ``library/python``.
        tag: Or None.
        digest: Of a manifest, or None.
    """

    registry: str
    repository: str
    tag: str | None = None
    digest: str | None = None
