"""What is delivered has its name only when it is seen to be what the name says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deployer.engine.delivering import _model
from deployer.engine.fetching import model_digest
from deployer.errors import SpecError
from deployer.model import resolve

MODEL = Path(__file__).resolve().parents[3] / "examples" / "models" / "iris"


def _wish(digest: str, resolved: Path = MODEL) -> Any:
    return SimpleNamespace(release=SimpleNamespace(model=SimpleNamespace(digest=digest, resolved=str(resolved))))


def test_a_model_that_is_not_the_planned_one_never_gets_its_name(tmp_path: Path) -> None:
    place = tmp_path / "models" / "planned"
    with pytest.raises(SpecError, match="changed after the plan was made"):
        _model(_wish("0" * 64), place, tmp_path / "cache", lambda **_: None)
    assert list(place.parent.iterdir()) == []


def test_the_planned_one_gets_it_and_what_a_killed_delivery_left_goes(tmp_path: Path) -> None:
    place = tmp_path / "models" / "planned"
    place.parent.mkdir()
    maker = subprocess.Popen([sys.executable, "-c", ""])
    maker.wait()
    (place.parent / f".{place.name}.partial-{maker.pid}-x").mkdir()
    digest = model_digest(resolve(str(MODEL)), tmp_path / "cache").sha256
    _model(_wish(digest), place, tmp_path / "cache", lambda **_: None)
    assert [each.name for each in place.parent.iterdir()] == ["planned"]
    assert (place / "MLmodel").is_file()
