"""JSON as text: cut without losing a digit."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.scoring.json_text import NotJSON, items, members, pairs, parse, value_end

LEAF = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
VALUE = st.recursive(LEAF, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner))
INDENT = st.sampled_from([None, 0, 2])


@given(st.lists(VALUE, max_size=6), INDENT, st.booleans())
def test_the_items_of_a_list(values: list[Any], indent: int | None, ascii_only: bool) -> None:
    text = json.dumps(values, indent=indent, ensure_ascii=ascii_only)
    assert [json.loads(each) for each in items(text, 0)] == values


@given(st.dictionaries(st.text(max_size=5), VALUE, max_size=6), INDENT)
def test_the_members_of_an_object(values: dict[str, Any], indent: int | None) -> None:
    text = json.dumps(values, indent=indent)
    assert {key: json.loads(text[b:e]) for key, b, e in members(text, 0)} == values
    assert {key: json.loads(each) for key, each in pairs(f" {text} ").items()} == values


@given(st.lists(st.text('[]{},:"\\ 1ae.+-tfnul\n', max_size=12)).map("".join))
def test_any_text_is_cut_or_refused(text: str) -> None:
    try:
        expected = json.loads(text, strict=False)
    except ValueError:
        expected = NotJSON
    try:
        found = parse(text)
    except NotJSON:
        found = NotJSON
    assert found == expected or (found != found and expected != expected)  # noqa: PLR0124 - NaN


def test_digits_stay() -> None:
    text = "[1.10, 1e-05, 100000000000000000000001, -0.0, 0.1000000000000000055511151231257827]"
    assert list(items(text, 0)) == text[1:-1].split(", ")
    assert list(items("[NaN, Infinity, -Infinity]", 0)) == ["NaN", "Infinity", "-Infinity"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1, 2", "',' was looked for, line 1 column 6"),
        ("[1 2]", "',' was looked for, line 1 column 4"),
        ("{}", "a list was looked for, line 1 column 1"),
        ("[1,\n x]", "expecting value, line 2 column 2"),
        ("[", "expecting value, line 1 column 2"),
    ],
)
def test_broken_lists(text: str, message: str) -> None:
    with pytest.raises(NotJSON, match=message):
        list(items(text, 0))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "an object was looked for"),
        ("{a: 1}", "a key in double quotes was looked for"),
        ('{"a" 1}', "':' was looked for"),
        ('{"a": 1 "b": 2}', "',' was looked for"),
        ('{"a": }', "expecting value"),
    ],
)
def test_broken_objects(text: str, message: str) -> None:
    with pytest.raises(NotJSON, match=message):
        list(members(text, 0))


def test_what_python_refuses_to_read() -> None:
    with pytest.raises(NotJSON, match="nested too deeply"):
        parse("[" * 200_000)
    with pytest.raises(NotJSON, match="digits"):
        parse("1" * 10_000)
    with pytest.raises(NotJSON, match="more follows"):
        parse("{}\n{}")
    assert value_end("[1, [2]]", 4) == 7
