"""The file of API keys."""

from __future__ import annotations

import hashlib

import pytest

from deployer.errors import SpecError
from deployer_docker.keys import lines_of
from tests.unit.docker.values import spec

WISH = spec(auth={"api_keys": [{"env": "KEY_A"}, {"env": "KEY_B"}]})


def _line(name: str, value: str) -> str:
    return f"{name} sha256:{hashlib.sha256(value.encode()).hexdigest()}\n"


def test_keys_are_digests_named_by_their_variables() -> None:
    text = lines_of(WISH, {"KEY_A": "first", "KEY_B": "second"}, "")
    assert text == _line("KEY_A", "first") + _line("KEY_B", "second")
    assert "first" not in text


def test_what_is_unset_keeps_its_line_and_what_is_not_wished_goes() -> None:
    stored = _line("KEY_A", "old") + _line("KEY_B", "kept") + _line("KEY_C", "gone")
    assert lines_of(WISH, {"KEY_A": "new"}, stored) == _line("KEY_A", "new") + _line("KEY_B", "kept")


def test_what_is_neither_given_nor_stored_is_told() -> None:
    with pytest.raises(SpecError, match="KEY_B is not set") as caught:
        lines_of(WISH, {"KEY_A": "first"}, "")
    assert caught.value.where == "auth.api_keys.1"
