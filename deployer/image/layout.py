"""OCI image layouts on disk, as folders and as tar files, read.

Source: the OCI image specification, "Image Layout".
"""

from __future__ import annotations

import contextlib
import io
import tarfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from deployer.errors import BuildError, SpecError
from deployer.image.manifest import Blob, chosen, parsed, read_document
from deployer.image.registry.blobs import Verified
from deployer.image.values import BaseLayer, BaseSource

__all__ = ["LayoutSource", "open_layout"]

_NAME = "org.opencontainers.image.ref.name"
_LARGEST = 16 << 20


@dataclass(frozen=True)
class LayoutSource(BaseSource):
    """An image layout.

    Attributes:
        place: The folder or file, for errors.
        files: Its files.
    """

    place: Path
    files: _Files

    def find(self, tag: str | None, platform: str) -> Blob:
        """The manifest of a tag, or of the only image there is, for a platform.

        Raises:
            BuildError: There is no such tag, or the layout is damaged.
            SpecError: The image is not for that platform, or the tag is needed.
        """
        index = dict(read_document(self.files.read("index.json", _LARGEST), str(self.place)))
        entries = [each for each in index.get("manifests", ()) if isinstance(each, dict)]
        if tag is not None:
            names = {str((each.get("annotations") or {}).get(_NAME, "")) for each in entries} - {""}
            entries = [each for each in entries if (each.get("annotations") or {}).get(_NAME) == tag]
            if not entries:
                has = f"it has {', '.join(sorted(names))}" if names else "its images have no tags"
                raise BuildError(
                    f"there is no image {tag!r} in it: {has}", where=str(self.place), hint="check image.base"
                )
        names = {str((each.get("annotations") or {}).get(_NAME, "")) for each in entries}
        if len(names) > 1:
            raise SpecError(
                f"it holds several images: {', '.join(sorted(names - {''}))}",
                where=str(self.place),
                hint=f"say which: image.base=oci:{self.place}:{max(names)}",
            )
        found = chosen({"manifests": entries}, platform, str(self.place))
        while found is not None and (inner := chosen(self._document(found), platform, str(self.place))):
            found = inner
        if found is None:
            raise BuildError("it holds no image", where=str(self.place), hint="check image.base")
        return found

    def read(self, blob: Blob) -> bytes:
        """A small blob: a manifest, a configuration.

        Raises:
            BuildError: It is not there, or not what its digest says.
        """
        with self._open(blob.digest) as stream:
            return stream.read(_LARGEST) + stream.read()

    def open_layer(self, layer: BaseLayer) -> AbstractContextManager[BinaryIO]:
        """As the contract says."""
        if layer.digest is None:
            raise BuildError("the layer is not of an image layout", where=str(self.place))
        return self._open(layer.digest)

    def _document(self, blob: Blob) -> dict[str, Any]:
        document = dict(read_document(self.read(blob), str(self.place)))
        if "manifests" not in document:
            parsed(document, str(self.place))
        return document

    @contextlib.contextmanager
    def _open(self, digest: str) -> Iterator[BinaryIO]:
        with (
            self.files.open(f"blobs/{digest.replace(':', '/')}") as file,
            io.BufferedReader(Verified(file, digest, str(self.place)), 1 << 18) as stream,
        ):
            yield stream


def open_layout(place: Path) -> LayoutSource:
    """Opens a layout.

    Args:
        place: A folder, or a tar file.

    Raises:
        SpecError: It is none.
    """
    try:
        files: _Files = _Archive(place) if place.is_file() else _Folder(place)
        read_document(files.read("oci-layout", _LARGEST), str(place))
    except (BuildError, tarfile.TarError, OSError):
        raise SpecError(
            "this is not an OCI image layout",
            where=str(place),
            hint="make one: skopeo copy docker://python:3.11-slim oci:FOLDER:TAG",
        ) from None
    return LayoutSource(place, files)


class _Files(ABC):
    @abstractmethod
    def open(self, path: str) -> AbstractContextManager[BinaryIO]: ...

    def read(self, path: str, most: int) -> bytes:
        with self.open(path) as file:
            return file.read(most)


class _Folder(_Files):
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextlib.contextmanager
    def open(self, path: str) -> Iterator[BinaryIO]:
        try:
            file = (self._folder / path).open("rb")
        except OSError as error:
            raise _missing(path, self._folder, error.strerror) from None
        with file:
            yield file


class _Archive(_Files):
    def __init__(self, file: Path) -> None:
        self._file = file
        with tarfile.open(file, "r:") as archive:
            members = {each.name.removeprefix("./"): each for each in archive if each.isfile()}
        self._places = {name: (each.offset_data, each.size) for name, each in members.items()}

    @contextlib.contextmanager
    def open(self, path: str) -> Iterator[BinaryIO]:
        if path not in self._places:
            raise _missing(path, self._file, "not in the archive")
        start, size = self._places[path]
        with self._file.open("rb") as file:
            file.seek(start)
            yield io.BufferedReader(_Part(file, size), 1 << 18)


class _Part(io.RawIOBase):
    def __init__(self, file: BinaryIO, size: int) -> None:
        super().__init__()
        self._file = file
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview | bytearray) -> int:  # type: ignore[override]
        piece = self._file.read(min(len(buffer), self._left))
        self._left -= len(piece)
        buffer[: len(piece)] = piece
        return len(piece)


def _missing(path: str, place: Path, why: str | None) -> BuildError:
    return BuildError(
        f"{path} of the image layout cannot be read: {why}", where=str(place), hint="make the layout again"
    )
