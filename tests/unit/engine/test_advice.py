from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from deployer import Deployer
from deployer.endpoint import Before, Code, Diagnosis, ModelRef, Release
from deployer.engine.advice import advised, distribution_of
from deployer.errors import DeploymentFailed
from deployer.plan import Plan, Wish
from tests.unit.engine.place import Place, wish

FOUND = Diagnosis(code=Code.MISSING_DEPENDENCY, summary="it needs a module", subject="category_encoders.target")


def _plan(verb: str, *, target: str = "local", before: dict[str, Any] | None = None, **spec: Any) -> Plan:
    model = ModelRef(uri="models:/iris/5", resolved="models:/iris/5", digest="d")
    release = Release(revision="r1", digest="d", model=model, lock="", runtime="t")
    asked = Wish(spec={"name": "iris", "model": "models:/iris/5", **spec}, release=release, lock="")
    return Plan(verb=verb, endpoint="iris", target=target, owner="default", wish=asked, before=Before(spec=before))


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("sklearn.svm", "scikit-learn"), ("cv2", "opencv-python"), ("PIL.Image", "pillow"), ("yaml", "pyyaml"),
        ("bs4", "beautifulsoup4"), ("dateutil.parser", "python-dateutil"), ("Crypto.Cipher", "pycryptodome"),
        ("category_encoders", "category-encoders"), ("pandas", "pandas"),
    ],
)  # fmt: skip
def test_modules_and_what_is_installed_for_them(module: str, name: str) -> None:
    assert distribution_of(module) == name


def test_the_scene() -> None:
    hint = advised(FOUND, _plan("update", before={"name": "iris"})).hint
    assert hint == (
        "The model's requirements.txt does not list it. Log the model again with\n"
        'pip_requirements=[..., "category-encoders"], or try once with\n'
        "  deployer update iris --model models:/iris/5 --set requirements.extra=category-encoders"
    )


def test_the_command_says_where_and_keeps_what_was_added_before() -> None:
    plan = _plan("create", target="staging", requirements={"extra": ["numpy<2", "attrs"]})
    hint = advised(FOUND, plan).hint or ""
    assert shlex.split(hint.splitlines()[-1]) == [
        "deployer", "create", "iris", "-t", "staging", "--model", "models:/iris/5", "--set",
        "requirements.extra=numpy<2,attrs,category-encoders",
    ]  # fmt: skip
    assert "'requirements.extra=numpy<2,attrs,category-encoders'" in hint


def test_where_no_command_would_help() -> None:
    assert "deployer" not in (advised(FOUND, _plan("rollback", before={"name": "iris"})).hint or "")
    other = FOUND.model_copy(update={"code": Code.MODEL_LOAD})
    assert advised(other, _plan("update")) == other
    unnamed = FOUND.model_copy(update={"subject": ""})
    assert advised(unnamed, _plan("update")) == unnamed


def test_it_is_in_the_error_and_in_the_history(place: Place, ada: Deployer, first: Path) -> None:
    ada.create(wish(first))
    with pytest.raises(DeploymentFailed) as caught:
        ada.update("iris", config={"behaviour": "missing-dependency"})
    found = caught.value.diagnosis
    assert found is not None
    assert f"deployer update iris -t memory --model {first}" in (found.hint or "")
    assert place.record().history[0].diagnosis == found
