"""Bases out of an engine's archives, in the forms that engines have written over time."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pytest

from deployer.errors import BuildError
from deployer.image.base import BasePlaces, inspect_base
from deployer.target import Engine, HeldImage
from tests.unit.image.bases import LIBC, Entries, digest_of, tar_of

LOWER = tar_of([("usr/bin/python3.11", b"ELF"), ("lib/x86_64-linux-gnu/libc.so.6", LIBC)])
UPPER = tar_of([("usr/local/bin/python3.11", b"ELF")])
CONFIG = json.dumps(
    {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Env": ["PATH=/usr/local/bin:/usr/bin"]},
        "rootfs": {"diff_ids": [digest_of(LOWER), digest_of(UPPER), digest_of(LOWER)]},
    }
).encode()
HEX = digest_of(CONFIG).removeprefix("sha256:")

CLASSIC: Entries = [
    ("aa/VERSION", b"1.0"),
    ("aa/json", b'{"id": "aa"}'),
    ("aa/layer.tar", LOWER),
    ("bb/layer.tar", UPPER),
    ("cc/layer.tar", "../aa/layer.tar"),
    (f"{HEX}.json", CONFIG),
    ("manifest.json", b"[]"),
]
LAYOUT: Entries = [
    ("blobs", None),
    (f"blobs/sha256/{HEX}", CONFIG),
    ("blobs/sha256/aa", gzip.compress(LOWER, mtime=0)),
    ("blobs/sha256/bb", gzip.compress(UPPER, mtime=0)),
    ("index.json", b"{}"),
]


class Saving(Engine):
    """An engine that has one image."""

    identity, platform, partial_loads = "ID", "linux/amd64", True

    def __init__(self, archive: Entries) -> None:
        self.archive = tar_of(archive)
        self.saved = 0

    def find(self, reference: str) -> HeldImage | None:
        document = json.loads(CONFIG)
        return HeldImage(digest_of(CONFIG), tuple(document["rootfs"]["diff_ids"]), "linux/amd64", document["config"])

    @contextmanager
    def save(self, reference: str) -> Iterator[BinaryIO]:
        assert reference == digest_of(CONFIG)
        self.saved += 1
        yield io.BytesIO(self.archive)

    def load(self, archive: Iterable[bytes]) -> None:
        raise NotImplementedError

    def tag(self, image: str, reference: str) -> None:
        raise NotImplementedError

    def pull(self, reference: str, platform: str, told: Callable[[int, int | None], None]) -> HeldImage:
        raise NotImplementedError

    def remove(self, reference: str) -> None:
        raise NotImplementedError

    def build(
        self,
        context: Iterable[bytes],
        *,
        platform: str,
        network: str | None = None,
        arguments: Mapping[str, str] | None = None,
    ) -> Iterator[str]:
        raise NotImplementedError


@pytest.mark.parametrize("archive", [CLASSIC, LAYOUT], ids=["classic", "layout"])
def test_an_archive_tells_everything_and_is_read_once(archive: Entries, tmp_path: Path) -> None:
    engine = Saving(archive)
    places = BasePlaces(tmp_path, engine=engine)
    found = inspect_base("team/base:1", platform="linux/amd64", python="3.11", places=places)
    assert (found.digest, found.manifest) == (digest_of(CONFIG), None)
    assert (found.python, found.glibc) == ("/usr/local/bin/python3.11", "2.36")
    assert inspect_base("team/base:1", platform="linux/amd64", python="3.11", places=places) == found
    assert engine.saved == 1
    for layer, content in zip(found.layers, (LOWER, UPPER, LOWER), strict=True):
        with found.source.open_layer(layer) as stream:
            assert stream.read() == content


def test_an_archive_that_lacks_something(tmp_path: Path) -> None:
    for left_out, what in ((f"{HEX}.json", "its configuration"), ("bb/layer.tar", "layer sha256:")):
        engine = Saving([each for each in CLASSIC if each[0] != left_out])
        with pytest.raises(BuildError, match=f"archive lacks {what}"):
            inspect_base(
                "base", platform="linux/amd64", python="3.11", places=BasePlaces(tmp_path / what, engine=engine)
            )


def test_what_is_no_archive(tmp_path: Path) -> None:
    engine = Saving([])
    engine.archive = b"x" * 2000
    with pytest.raises(BuildError, match="cannot be read"):
        inspect_base("base", platform="linux/amd64", python="3.11", places=BasePlaces(tmp_path, engine=engine))
