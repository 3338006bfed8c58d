"""Layers as gzip blobs: one compressor, each made once."""

from __future__ import annotations

import dataclasses
import gzip
import io
import platform
import random
import sys
from pathlib import Path

import pytest

from deployer.errors import BuildError
from deployer.image.compress import BlobStore, gzipped, outgoing
from deployer.image.decompress import opened_plain
from deployer.image.manifest import Blob
from tests.unit.image.bases import Blobs, base_of, digest_of, image_of, layer_of, tar_of

SAMPLE = b"".join(random.Random(number).randbytes(30) * (number % 7 + 1) for number in range(40_000))


def test_a_layer_is_compressed_once(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    opened: list[None] = []

    def open_it() -> io.BytesIO:
        opened.append(None)
        return io.BytesIO(SAMPLE)

    blob = gzipped(store, digest_of(SAMPLE), open_it)
    assert gzipped(store, digest_of(SAMPLE), open_it) == blob == store.known(digest_of(SAMPLE))
    assert len(opened) == 1
    content = store.path(blob.digest).read_bytes()
    assert (digest_of(content), len(content)) == (blob.digest, blob.size)
    assert gzip.decompress(content) == SAMPLE
    store.path(blob.digest).unlink()
    assert gzipped(store, digest_of(SAMPLE), open_it) == blob


@pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64", reason="igzip's output is promised for x86_64 alone"
)
def test_the_compressor_is_pinned(tmp_path: Path) -> None:
    blob = gzipped(BlobStore(tmp_path), digest_of(SAMPLE), lambda: io.BytesIO(SAMPLE))
    assert blob == Blob("sha256:75f1d8e2374f00ca48c49cbe733905f845994020ec0a5069151ccb98e82f0d4c", 1_275_219)


def test_how_the_input_is_cut_changes_nothing(tmp_path: Path) -> None:
    from isal import isal_zlib

    def packed(piece: int) -> bytes:
        compressor = isal_zlib.compressobj(2, isal_zlib.DEFLATED, 31)
        parts = [compressor.compress(SAMPLE[at : at + piece]) for at in range(0, len(SAMPLE), piece)]
        return b"".join(parts) + compressor.flush()

    assert len({packed(piece) for piece in (1000, 65_536, 1 << 20, 1 << 24)}) == 1


def test_a_damaged_layer_is_not_kept(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    with pytest.raises(BuildError, match="not what its digest says"):
        gzipped(store, digest_of(b"right"), lambda: io.BytesIO(b"wrong"))
    assert [each for each in tmp_path.rglob("*") if each.is_file()] == []


def test_layers_of_the_base_stay_as_they_are(tmp_path: Path) -> None:
    image = image_of(base_of(tar_of([("a", b"1")])), layer_of(tmp_path, b"2"))
    base, ours = outgoing(image, BlobStore(tmp_path / "blobs"))
    assert base.known == base.make() == Blob(image.base.layers[0].digest or "", image.base.layers[0].size or 0)
    assert (base.own, ours.own, ours.known) == (False, True, None)
    assert ours.make() == outgoing(image, BlobStore(tmp_path / "blobs"))[1].known


def test_a_base_that_is_not_gzip_becomes_it(tmp_path: Path) -> None:
    zstd = pytest.importorskip("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
    tar = tar_of([("a", b"1" * 100_000)])
    plain = base_of(tar, plain=True)
    packed = zstd.compress(tar)
    layer = dataclasses.replace(
        plain.layers[0], media_type="application/vnd.oci.image.layer.v1.tar+zstd", digest=digest_of(packed), size=1
    )
    squeezed = dataclasses.replace(plain, layers=(layer,), source=Blobs({digest_of(packed): packed}))
    made = [
        outgoing(image_of(base), BlobStore(tmp_path / name))[0].make() for name, base in (("a", plain), ("b", squeezed))
    ]
    assert made[0] == made[1]


def test_a_damaged_blob() -> None:
    broken = gzip.compress(SAMPLE)[:-20]
    with pytest.raises(BuildError, match="cannot be decompressed"), opened_plain(io.BytesIO(broken), "x") as plain:
        plain.read()
    with opened_plain(io.BytesIO(gzip.compress(SAMPLE)[:100] + b"x" * 100), "x") as plain:
        with pytest.raises(BuildError, match="cannot be decompressed") as caught:
            plain.read()
        assert caught.value.where == "x"
    with pytest.raises(OSError, match="the disk is full"), opened_plain(io.BytesIO(gzip.compress(b"x")), "x") as plain:
        raise OSError("the disk is full")
