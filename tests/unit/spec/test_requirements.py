"""``requirements``: where packages come from, and what the spec may not say there."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from deployer.spec import DeploymentSpec, Scope
from deployer.spec.fields import scope_of

LOGIN = {"username": "ci", "password": {"env": "PYPI_TOKEN"}}


def spec(**requirements: Any) -> DeploymentSpec:
    return DeploymentSpec.model_validate({"name": "iris", "model": "./model", "requirements": requirements})


def test_indexes_pins_and_logins() -> None:
    made = spec(
        index_url="https://pypi.acme.example/simple",
        pin={"acme-*": "https://private.acme.example/simple"},
        credentials={"pypi.acme.example": LOGIN, "private.acme.example:8443": {"password": {"env": "OTHER"}}},
        build="antlr4-python3-runtime",
    )
    wanted = made.requirements
    assert wanted.build == ("antlr4-python3-runtime",)
    assert wanted.credentials["private.acme.example:8443"].username == "__token__"
    assert DeploymentSpec(**made.wish()) == made
    for field, scope in (("pin", Scope.CLIENT), ("credentials", Scope.CLIENT), ("build", Scope.REVISION)):
        assert scope_of(DeploymentSpec, f"requirements.{field}") is scope


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"credentials": {"pypi.acme.example": {"username": "ci", "password": "hunter2"}}}, "by reference"),
        ({"credentials": {"pypi.acme.example": {"password": {"ref": "arn:x"}}}}, "client's environment"),
        ({"credentials": {"https://pypi.acme.example/simple": LOGIN}}, "not the host"),
        ({"credentials": {"ci:hunter2@pypi.acme.example": LOGIN}}, "not the host"),
        ({"pin": {"acme*": "https://ci:hunter2@pypi.acme.example/"}}, "must not carry"),
        ({"pin": {"*": "https://pypi.acme.example/"}}, "not the name"),
        ({"pin": {"a b": "https://pypi.acme.example/"}}, "not the name"),
        ({"build": ["thing==1.0"]}, "not the name"),
        ({"build": [":all:"]}, "not the name"),
    ],
)
def test_what_is_refused(said: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        spec(**said)
