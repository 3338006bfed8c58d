"""Bases and images made in memory."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from deployer.image.values import BaseImage, BaseLayer, BaseSource, FileLayer, Image

GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
LIBC = b"\x7fELF...GNU C Library (Debian GLIBC 2.36-9+deb12u14) stable release version 2.36.\n..."

Entries = Iterable[tuple[str, str | bytes | None]]
"""(name, content): bytes are a file's, a text is where a symbolic link goes, None is a folder."""


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def tar_of(entries: Entries, mode: int = 0o755) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in entries:
            member = tarfile.TarInfo(name)
            member.mode = mode
            if isinstance(content, bytes):
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
            else:
                member.type = tarfile.DIRTYPE if content is None else tarfile.SYMTYPE
                member.linkname = content or ""
                archive.addfile(member)
    return buffer.getvalue()


class Blobs(BaseSource):
    """A source in memory."""

    def __init__(self, blobs: Mapping[str, bytes]) -> None:
        self.blobs = dict(blobs)
        self.opened: list[str] = []

    @contextlib.contextmanager
    def open_layer(self, layer: BaseLayer) -> Iterator[BinaryIO]:
        self.opened.append(layer.digest or layer.diff_id)
        yield io.BytesIO(self.blobs[layer.digest or layer.diff_id])


def base_of(*tars: bytes, plain: bool = False) -> BaseImage:
    """A base of these layers, compressed unless `plain`."""
    blobs: dict[str, bytes] = {}
    layers: list[BaseLayer] = []
    for tar in tars:
        blob = tar if plain else gzip.compress(tar, 6, mtime=0)
        blobs[digest_of(blob)] = blob
        if plain:
            layers.append(BaseLayer(digest_of(tar), "application/vnd.docker.image.rootfs.diff.tar"))
        else:
            layers.append(BaseLayer(digest_of(tar), GZIP, digest_of(blob), len(blob)))
    config = {"architecture": "amd64", "os": "linux", "rootfs": {"diff_ids": [each.diff_id for each in layers]}}
    return BaseImage(
        reference="python:3.11-slim",
        digest=digest_of(json.dumps(config).encode()),
        manifest=None,
        platform="linux/amd64",
        python="/usr/local/bin/python3.11",
        python_version="3.11",
        glibc="2.36",
        config=config,
        layers=tuple(layers),
        source=Blobs(blobs),
    )


def layer_of(folder: Path, content: bytes, what: str = "a layer") -> FileLayer:
    tar = tar_of([("opt/file", content)])
    path = folder / f"{hashlib.sha256(tar).hexdigest()}.tar"
    path.write_bytes(tar)
    return FileLayer(digest_of(tar), len(tar), what, path)


def image_of(base: BaseImage, *layers: FileLayer) -> Image:
    diff_ids = [*(each.diff_id for each in base.layers), *(each.diff_id for each in layers)]
    document = {
        "architecture": base.platform.partition("/")[2],
        "os": "linux",
        "config": {"Cmd": ["python3", "-V"]},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    }
    config = json.dumps(document, sort_keys=True).encode()
    return Image(base, layers, config, digest_of(config))
