"""The environment in which a source is built is marked as used when another build takes it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from deployer.engine.cached import Kind, entries
from deployer.environment import PackageSources
from tests.integration.environment.index import Index, serving, wheel
from tests.unit.model.marked import marks

if TYPE_CHECKING:
    import pytest

if sys.platform != "win32":  # where environments are not made
    from tests.integration.environment.test_building import BACKEND, Place, backed

    def test_the_environment_of_a_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        here = Place(tmp_path)
        with serving(Index()) as index:
            index.add(wheel("smallbackend", "1.0", body=BACKEND), backed("mine", "1.0"))
            sources = PackageSources(index_url=index.url)
            here.lock("mine", sources=sources)
            shutil.rmtree(here.cache / "built")
            (environment,) = (each for each in entries(here.cache) if each.kind is Kind.ENVIRONMENTS)
            marked = marks(monkeypatch)
            here.lock("mine", sources=sources)
        assert set(environment.signs) <= marked
