"""What one place cannot, where its kind can: asked while planning, before anything of the endpoint is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from deployer.errors import SpecError
from tests.unit.engine.place import InProcess, Place, packaged, wish

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deployer.spec import DeploymentSpec


def test_it_is_an_error_of_the_plan_and_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def unmet(_self: InProcess, spec: DeploymentSpec) -> Iterator[tuple[str, str]]:
        asked.append(spec.name)
        yield "replicas.min", "nothing here scales to zero"

    def look(*_words: object) -> None:
        raise AssertionError("it looked for the endpoint")

    place, model = Place(), packaged(tmp_path / "model")
    monkeypatch.setattr(InProcess, "unmet", unmet)
    monkeypatch.setattr(InProcess, "observe", look)
    with pytest.raises(SpecError, match="nothing here scales to zero") as caught:
        place.deployer().apply(wish(model))
    assert caught.value.where == "replicas.min"
    assert asked == ["iris"]
    # What the kind refuses already, no place is asked for.
    with pytest.raises(SpecError) as caught:
        place.deployer().plan(wish(model, gate={"x": 1}))
    assert caught.value.where == "gate"
    assert asked == ["iris"]


def test_by_itself_a_place_has_no_objection(tmp_path: Path) -> None:
    place = Place()
    assert place.deployer().apply(wish(packaged(tmp_path / "model"))).phase.value == "healthy"
