"""Layers that go into an engine before the image is whole: nothing is carried twice, and nothing of it is left."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path

import pytest

from deployer.errors import BuildError, TargetUnavailable
from deployer.image.ahead import LoadingAhead
from deployer.image.load import load
from deployer.image.loaded import Memory
from deployer.image.values import Image
from tests.unit.image.bases import image_of, layer_of
from tests.unit.image.test_load import Store


class Telling(Store):
    """Says when it has taken something in, and forgets what it is told to."""

    def __init__(self, *, partial: bool = True) -> None:
        super().__init__(partial=partial)
        self.taken = threading.Semaphore(0)
        self.removed: list[str] = []

    def load(self, archive: Iterable[bytes]) -> None:
        try:
            super().load(archive)
        finally:
            self.taken.release()

    def remove(self, reference: str) -> None:
        self.removed.append(reference)
        self.images.pop(reference, None)


def test_the_rest_is_all_that_the_whole_image_carries(images: tuple[Image, Image], tmp_path: Path) -> None:
    image, engine = images[0], Telling()
    with LoadingAhead(image.base, engine, tmp_path, worth=1) as ahead:
        for count in (1, 2):
            ahead.put(image.layers[:count])
            assert engine.taken.acquire(timeout=30)
        ahead.put(image.layers[:1])  # nothing new
        ahead.finish()
        assert len(engine.images) == 1  # the second stands on the first, which is gone
        done = load(image, engine, cache=tmp_path, names=("m:1",))
    assert (done.carried, set(engine.images)) == (2, {image.digest})
    assert [digest for digest, _ in Memory(tmp_path / "engines", engine.identity).images()] == [image.digest]
    assert [len(names) for names in engine.files] == [2 + 3, 2 + 1, 2 + 2]
    assert ahead.sent > 0
    assert len(engine.removed) == 2


def test_little_is_left_to_the_whole_image(images: tuple[Image, Image], tmp_path: Path) -> None:
    engine = Telling()
    with LoadingAhead(images[0].base, engine, tmp_path) as ahead:
        ahead.put(images[0].layers)
        ahead.finish()
    assert engine.files == []


def test_what_the_engine_has_is_no_reason_to_begin(images: tuple[Image, Image], tmp_path: Path) -> None:
    engine, (first, second) = Telling(), images
    load(first, engine, cache=tmp_path, names=("m:1",))
    with LoadingAhead(second.base, engine, tmp_path, worth=1) as ahead:
        ahead.put(second.layers[:3])
        ahead.put(second.layers)
        assert engine.taken.acquire(timeout=30)
        assert engine.taken.acquire(timeout=30)
    assert len(engine.files) == 2
    assert set(engine.images) == {first.digest}


@pytest.mark.parametrize("kind", ["manifests", "whole"])
def test_an_engine_that_would_gain_nothing_is_not_asked(kind: str, images: tuple[Image, Image], tmp_path: Path) -> None:
    engine = Telling(partial=kind != "whole")
    engine.by_manifest = kind == "manifests"
    with LoadingAhead(images[0].base, engine, tmp_path, worth=1) as ahead:
        ahead.put(images[0].layers)
    assert (engine.files, engine.removed) == ([], [])


@pytest.mark.parametrize("error", [BuildError("no space left"), TargetUnavailable("gone"), ValueError("a bug")])
def test_a_load_that_fails_is_left_to_the_whole_image(
    error: Exception, images: tuple[Image, Image], tmp_path: Path
) -> None:
    class Refusing(Telling):
        refuses = True

        def load(self, archive: Iterable[bytes]) -> None:
            super().load(archive)
            if self.refuses:
                raise error

    engine, image = Refusing(), images[0]
    with LoadingAhead(image.base, engine, tmp_path, worth=1) as ahead:
        ahead.put(image.layers[:2])
        assert engine.taken.acquire(timeout=30)
        ahead.finish()
        ahead.put(image.layers)
        engine.refuses = False
        load(image, engine, cache=tmp_path, names=("m:1",))
    assert set(engine.images) == {image.digest}


def test_an_interrupt_ends_a_load_that_is_under_way(images: tuple[Image, Image], tmp_path: Path) -> None:
    class Slow(Telling):
        """Takes a piece at a time, when it may."""

        def __init__(self) -> None:
            super().__init__()
            self.may, self.asked = threading.Event(), threading.Event()

        def load(self, archive: Iterable[bytes]) -> None:
            def slowly() -> Iterable[bytes]:
                for number, piece in enumerate(archive):
                    yield piece
                    if number == 1:
                        self.asked.set()
                        self.may.wait(30)

            super().load(slowly())

    engine, base = Slow(), images[0].base
    layers = [layer_of(tmp_path, bytes(3_000_000) + str(number).encode()) for number in range(2)]

    def interrupted() -> None:
        with LoadingAhead(base, engine, tmp_path, worth=1) as ahead:
            ahead.put(image_of(base, *layers).layers)
            assert engine.asked.wait(30)
            threading.Timer(0.05, engine.may.set).start()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert (engine.files, engine.images) == ([], {})
    assert len(engine.removed) == 1
    assert "loading-ahead" not in {each.name for each in threading.enumerate()}
