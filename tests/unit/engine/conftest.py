from __future__ import annotations

from pathlib import Path

import pytest

from deployer import Deployer
from tests.unit.engine.place import Place, packaged


@pytest.fixture(autouse=True)
def steady(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses are as long as they are said to be, so that two runs ask equally often."""
    monkeypatch.setattr("deployer.engine.patience.random.uniform", lambda _least, _most: 1.0)


@pytest.fixture
def place() -> Place:
    return Place()


@pytest.fixture
def ada(place: Place) -> Deployer:
    """The person who works on the place."""
    return place.deployer()


@pytest.fixture
def first(tmp_path: Path) -> Path:
    return packaged(tmp_path / "first")


@pytest.fixture
def second(tmp_path: Path) -> Path:
    return packaged(tmp_path / "second", weights="2")


@pytest.fixture
def third(tmp_path: Path) -> Path:
    return packaged(tmp_path / "third", weights="3")
