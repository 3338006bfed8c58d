"""Names, and what is read from them."""

from __future__ import annotations

import re

import pytest

from deployer_sagemaker.names import (
    LONGEST,
    config_name,
    config_prefix,
    model_name,
    revisions_of,
    usable_name,
    verify_name,
)
from tests.unit.sagemaker.values import OTHER, REVISION

AWS = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")
LONG = "a" * 32


def _all(endpoint: str) -> list[str]:
    body = {"a": 1}
    return [
        verify_name(endpoint),
        model_name(endpoint, REVISION, body),
        config_name(endpoint, [REVISION], body),
        config_name(endpoint, [REVISION, OTHER], body),
        config_name(endpoint, [REVISION], body, verify=True),
    ]


@pytest.mark.parametrize("endpoint", ["iris", "a-b-c", LONG])
def test_every_name_is_one_that_aws_takes(endpoint: str) -> None:
    for name in _all(endpoint):
        assert AWS.fullmatch(name), name
        assert len(name) <= LONGEST, name


def test_names_are_the_same_every_time_and_follow_what_the_thing_is_made_of() -> None:
    assert _all("iris") == _all("iris")
    assert model_name("iris", REVISION, {"a": 1, "b": 2}) == model_name("iris", REVISION, {"b": 2, "a": 1})
    assert model_name("iris", REVISION, {"a": 1}) != model_name("iris", REVISION, {"a": 2})
    assert len(set(_all("iris"))) == 5 - 1  # model and configuration have name spaces of their own


def test_the_revisions_are_read_from_a_name() -> None:
    body = {"a": 1}
    assert revisions_of(model_name("iris", REVISION, body), "iris") == (REVISION,)
    assert revisions_of(config_name("iris", [REVISION, OTHER], body), "iris") == (REVISION, OTHER)
    assert revisions_of(config_name("iris", [OTHER], body, verify=True), "iris") == (OTHER,)


@pytest.mark.parametrize("name", ["iris", "iris--verify", "iris--x--y", "iris-config", f"iris-b--{REVISION}--00000000"])
def test_other_names_tell_none(name: str) -> None:
    assert revisions_of(name, "iris") == ()


def test_a_longer_name_s_things_are_not_taken_for_ours() -> None:
    assert not model_name("iris-b", REVISION, {}).startswith(config_prefix("iris"))


@pytest.mark.parametrize(
    ("name", "usable"), [("iris", True), ("a_b", False), ("a--b", False), ("A", False), (LONG + "a", False)]
)
def test_which_names_an_endpoint_can_have(name: str, usable: bool) -> None:
    assert usable_name(name) is usable
