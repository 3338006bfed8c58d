"""Wheels into layers: what lies lowest first, and an error ends the rest."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployer.environment import LockedWheel
from deployer.errors import BuildError
from deployer.image.making import make_layers
from deployer.image.values import FileLayer

NAMES = ("zeta", "attrs", "scikit-learn", "pandas", "numpy")


def wheels(*names: str) -> list[tuple[LockedWheel, Path]]:
    return [(LockedWheel(name, "1", f"{name}-1-py3-none-any.whl", "0" * 64), Path(name)) for name in names]


def made(wheel: LockedWheel) -> FileLayer:
    return FileLayer(f"sha256:{wheel.name}", 1, wheel.name, Path(wheel.name))


def test_of_those_that_are_there_the_lowest_is_made_first() -> None:
    order: list[str] = []
    begun, go = threading.Event(), threading.Event()

    def files() -> Iterator[tuple[LockedWheel, Path]]:
        yield from wheels("first")
        assert begun.wait(30)
        yield from wheels(*NAMES)
        go.set()

    def make(wheel: LockedWheel, _: Path) -> FileLayer:
        begun.set()
        assert go.wait(30)
        order.append(wheel.name)
        return made(wheel)

    found = {layer.what for layer in make_layers(files(), make, 1)}
    assert order == ["first", "numpy", "pandas", "scikit-learn", "attrs", "zeta"]
    assert found == set(order)


def test_an_error_ends_the_rest_while_files_still_come() -> None:
    seen: list[str] = []
    failed = threading.Event()

    def files() -> Iterator[tuple[LockedWheel, Path]]:
        yield from wheels("numpy")
        assert failed.wait(30)
        for number in range(1000):
            yield from wheels(f"p{number}")
        raise AssertionError("nobody stopped it")

    def make(wheel: LockedWheel, _: Path) -> FileLayer:
        seen.append(wheel.name)
        failed.set()
        raise BuildError("refused")

    with pytest.raises(BuildError, match="refused"):
        list(make_layers(files(), make, 1))
    assert len(seen) < 1000


def test_files_that_cannot_be_had_are_told_when_what_is_at_work_has_ended() -> None:
    ended: list[str] = []

    def files() -> Iterator[tuple[LockedWheel, Path]]:
        yield from wheels("numpy")
        raise BuildError("the index has it no more")

    def make(wheel: LockedWheel, _: Path) -> FileLayer:
        ended.append(wheel.name)
        return made(wheel)

    with pytest.raises(BuildError, match="no more"):
        list(make_layers(files(), make, 2))
    assert ended in ([], ["numpy"])
    assert not [each for each in threading.enumerate() if each.name.startswith("layers")]
