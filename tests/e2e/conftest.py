"""Fixtures: a memory store for each test, and homes for the local target that share one cache of environments."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deployer.testing.memory import MemoryPlace
from tests.e2e.kept import kept_folder
from tests.e2e.local_home import LocalHome


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[MemoryPlace]:
    """The store that commands of this test reach, gone at its end."""
    monkeypatch.setenv("DEPLOYER_TARGET", "memory")
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".git").mkdir()  # where the search for settings ends
    with MemoryPlace(Path.home() / ".local" / "share" / "deployer" / "memory") as store:
        yield store


@pytest.fixture(scope="session")
def environments() -> Path:
    """The local target's own cache of packages and environments, kept between runs, so that each is made once."""
    folder = kept_folder() / "local-cache"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, environments: Path) -> Iterator[LocalHome]:
    """A data folder that the tests of a module share; nothing runs from it afterwards."""
    home = LocalHome.made(tmp_path_factory.mktemp("home"), environments)
    yield home
    home.end()
