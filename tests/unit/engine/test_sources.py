"""The spec's words on packages, as the environment's."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.engine.sources import buildable, package_sources
from deployer.environment import IndexCredential, IndexPin
from deployer.errors import SpecError
from deployer.spec import DeploymentSpec

PRIVATE = "https://pypi.acme.example/simple"


def spec(**requirements: object) -> DeploymentSpec:
    return DeploymentSpec.model_validate({"name": "iris", "model": "./model", "requirements": requirements})


def test_pins_and_logins() -> None:
    wish = spec(
        pin={"Acme_*": PRIVATE},
        credentials={
            "pypi.acme.example": {"username": "ci", "password": {"env": "TOKEN"}},
            "other.example": {"password": {"env": "UNSET"}},
        },
        build=["My.Thing", "other"],
    )
    sources = package_sources(wish, None, {"TOKEN": "hunter2"})
    assert sources.pins == (IndexPin("acme-*", PRIVATE),)
    assert sources.credentials == (
        IndexCredential("pypi.acme.example", "ci", "hunter2", "TOKEN"),
        IndexCredential("other.example", "__token__", None, "UNSET"),
    )
    assert "hunter2" not in repr(sources)
    assert buildable(wish) == {"my-thing", "other"}


def test_an_unset_password_matters_only_where_it_is_needed() -> None:
    wish = spec(credentials={"pypi.acme.example": {"password": {"env": "TOKEN"}}})
    sources = package_sources(wish, None, {"TOKEN": ""})
    assert sources.login_for("https://other.example/") is None
    with pytest.raises(SpecError, match="TOKEN is not set"):
        sources.login_for(PRIVATE)


def test_files_that_are_not_there(tmp_path: Path) -> None:
    for field in ("wheelhouse", "ca_bundle"):
        with pytest.raises(SpecError) as caught:
            package_sources(spec(**{field: str(tmp_path / "nothere")}), None)
        assert caught.value.where == f"requirements.{field}"
