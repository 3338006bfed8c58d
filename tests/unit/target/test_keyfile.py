"""The file of API keys."""

from __future__ import annotations

import hashlib

import pytest

from deployer.errors import SpecError
from deployer.target.keyfile import lines_of
from tests.unit.docker.values import spec

WISH = spec(auth={"api_keys": [{"env": "KEY_A"}, {"env": "KEY_B"}]})


def _line(name: str, value: str) -> str:
    return f"{name} sha256:{hashlib.sha256(value.encode()).hexdigest()}\n"


def test_keys_are_digests_named_by_their_variables() -> None:
    text = lines_of(WISH, {"KEY_A": "the-first-long-key", "KEY_B": "the-second-long-key"}, "")
    assert text == _line("KEY_A", "the-first-long-key") + _line("KEY_B", "the-second-long-key")
    assert "the-first-long-key" not in text


def test_what_is_unset_keeps_its_line_and_what_is_not_wished_goes() -> None:
    stored = _line("KEY_A", "old") + _line("KEY_B", "kept") + _line("KEY_C", "gone")
    assert lines_of(WISH, {"KEY_A": "a-new-and-long-key"}, stored) == _line("KEY_A", "a-new-and-long-key") + _line(
        "KEY_B", "kept"
    )


def test_what_is_neither_given_nor_stored_is_told() -> None:
    with pytest.raises(SpecError, match="KEY_B is not set") as caught:
        lines_of(WISH, {"KEY_A": "the-first-long-key"}, "")
    assert caught.value.where == "auth.api_keys.1"


@pytest.mark.parametrize(
    "value", ["short", " spaces-at-the-ends-of-it ", "a-new-line-at-its-end\n", "x" * 513, "é" * 20]
)
def test_a_key_that_no_client_can_send_or_that_can_be_guessed_is_refused(value: str) -> None:
    with pytest.raises(SpecError, match="the key in KEY_A") as caught:
        lines_of(WISH, {"KEY_A": value, "KEY_B": "the-second-long-key"}, "")
    assert value not in str(caught.value)
