from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from deployer.target import Site
from deployer.testing.memory import MemoryOptions, MemoryPlace, MemoryTarget

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def place(tmp_path: Path) -> Iterator[MemoryPlace]:
    with MemoryPlace(tmp_path / "store") as place:
        yield place


@pytest.fixture
def target(place: MemoryPlace) -> MemoryTarget:
    return MemoryTarget(MemoryOptions(root=place.root), Site("memory"))
