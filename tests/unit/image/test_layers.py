"""The cache of layers: made once, made again when damaged, whole or not there."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployer.errors import BuildError
from deployer.image.layers import LayerCache

KEY = {"kind": "wheel", "sha256": "a" * 64}


class Maker:
    def __init__(self, *pieces: bytes) -> None:
        self.pieces, self.count = pieces or (b"one", b"two"), 0

    def __call__(self) -> Iterator[bytes]:
        self.count += 1
        yield from self.pieces


def test_made_once(tmp_path: Path) -> None:
    cache, maker = LayerCache(tmp_path / "layers"), Maker()
    first = cache.made(KEY, "own 1.0", maker)
    second = cache.made(dict(reversed(KEY.items())), "own 1.0", maker)
    assert (first, maker.count) == (second, 1)
    assert b"".join(first.chunks()) == b"onetwo"
    assert first.size == 6
    assert cache.made(KEY | {"sha256": "b"}, "other", maker).path != first.path
    assert maker.count == 2


def test_a_damaged_layer_is_made_again(tmp_path: Path) -> None:
    cache, maker = LayerCache(tmp_path), Maker()
    layer = cache.made(KEY, "own", maker)
    layer.path.write_bytes(b"onetw")
    assert cache.find(KEY, "own") is None
    assert b"".join(cache.made(KEY, "own", maker).chunks()) == b"onetwo"
    layer.path.write_bytes(b"onetwO")  # of the same size, at another time
    os.utime(layer.path, ns=(1, 1))
    assert cache.find(KEY, "own") is None
    cache.made(KEY, "own", maker)
    layer.path.unlink()
    assert cache.made(KEY, "own", maker).path.exists()
    for note in tmp_path.glob("*.json"):
        note.write_text("nonsense")
    cache.made(KEY, "own", maker)
    assert maker.count == 5


def test_a_layer_that_was_copied_is_compared_by_its_content(tmp_path: Path) -> None:
    cache, maker = LayerCache(tmp_path), Maker()
    layer = cache.made(KEY, "own", maker)
    os.utime(layer.path, ns=(1, 1))
    assert cache.find(KEY, "own") == layer
    assert maker.count == 1


def test_a_maker_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def failing() -> Iterator[bytes]:
        yield b"x" * (2 << 20)
        raise BuildError("the wheel is refused")

    cache = LayerCache(tmp_path)
    with pytest.raises(BuildError, match="refused"):
        cache.made(KEY, "own", failing)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(BuildError, match="cannot be written"):
        LayerCache(tmp_path).made(KEY, "own", Maker())


def test_a_disk_that_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("deployer.image.layers.os.write", full)
    with pytest.raises(BuildError, match="no space left") as caught:
        LayerCache(tmp_path).made(KEY, "own", Maker())
    assert caught.value.hint == "free some space: deployer gc"
    assert list(tmp_path.iterdir()) == []


def test_two_makers_at_once(tmp_path: Path) -> None:
    cache, together = LayerCache(tmp_path), threading.Barrier(2, timeout=20)
    found = []

    def slow() -> Iterator[bytes]:
        yield b"one"
        together.wait()
        yield b"two"

    threads = [threading.Thread(target=lambda: found.append(cache.made(KEY, "own", slow))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] == found[1] == cache.find(KEY, "own")
    assert len(list(tmp_path.iterdir())) == 2


def test_what_killed_makers_left_is_removed_after_a_day(tmp_path: Path) -> None:
    cache = LayerCache(tmp_path)
    layer = cache.made(KEY, "own", Maker())
    left = tmp_path / ".abc.tar.123-00ff"
    left.write_bytes(b"x")
    now = left.stat().st_mtime
    cache.sweep(now + 60)
    assert left.exists()
    cache.sweep(now + 100_000)
    assert not left.exists()
    assert cache.find(KEY, "own") == layer


def test_a_layer_whose_content_was_found_wrong_is_dropped(tmp_path: Path) -> None:
    cache = LayerCache(tmp_path)
    cache.drop(cache.made(KEY, "own", Maker()))
    assert cache.find(KEY, "own") is None


def test_what_is_made_on_the_fly_is_remembered(tmp_path: Path) -> None:
    cache = LayerCache(tmp_path / "new")
    assert cache.remembered(KEY) is None
    cache.remember(KEY, "sha256:x", 7)
    assert cache.remembered(KEY) == ("sha256:x", 7)
    assert cache.find(KEY, "own") is None
