"""Cells: what a CSV column is, and how values become JSON."""

from __future__ import annotations

import json
import math
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.errors import SpecError
from deployer.scoring.cells import ColumnKind, Guess, csv_cell, json_cell, kind_of_type, value_text

INTEGER, NUMBER, TRUTH, TEXT = ColumnKind


def kind(*cells: str) -> ColumnKind:
    guess = Guess()
    for each in cells:
        guess.see(each)
    return guess.kind


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1", "-2", "+3", " 4 ", "0"], INTEGER),
        (["1", "2.5"], NUMBER),
        (["1", ""], NUMBER),
        (["1.5", "NA", "nan", "null"], NUMBER),
        (["1e5", ".5", "5.", "-1.5E-3", "inf", "-Infinity"], NUMBER),
        (["", ""], NUMBER),
        (["true", "False", ""], TRUTH),
        (["true", "1"], TEXT),
        (["true", "NA"], TEXT),
        (["NA", "NA"], TEXT),
        (["95120", "01234"], TEXT),
        (["1", "x"], TEXT),
        (["1_000"], TEXT),
        (["1,5"], TEXT),
        (["0x1f"], TEXT),
        (["2026-01-01"], TEXT),
        (["18446744073709551615"], INTEGER),
        (["18446744073709551616"], TEXT),
        (["123456789012345678901234567890"], TEXT),
        ([], NUMBER),
    ],
)
def test_what_a_column_is(cells: list[str], expected: ColumnKind) -> None:
    assert kind(*cells) is expected
    assert kind(*reversed(cells)) is expected


@pytest.mark.parametrize(
    ("cell", "column", "text"),
    [
        ("007", TEXT, '"007"'),
        ("", TEXT, "null"),
        ("NA", TEXT, '"NA"'),
        ('say "ä"\n', TEXT, '"say \\"ä\\"\\n"'),
        ("1", INTEGER, "1"),
        ("+1", INTEGER, "1"),
        ("007", INTEGER, "7"),
        ("3.0", INTEGER, "3.0"),
        ("", INTEGER, "null"),
        ("1", NUMBER, "1.0"),
        ("1.10", NUMBER, "1.10"),
        (" -.5", NUMBER, "-0.5"),
        ("5.", NUMBER, "5.0"),
        ("5.e3", NUMBER, "5.0e3"),
        ("1E5", NUMBER, "1E5"),
        ("+1e-3", NUMBER, "1e-3"),
        ("-007.5", NUMBER, "-7.5"),
        ("00", NUMBER, "0.0"),
        ("-inf", NUMBER, "-Infinity"),
        ("Infinity", NUMBER, "Infinity"),
        ("NaN", NUMBER, "null"),
        ("TRUE", TRUTH, "true"),
        ("0", TRUTH, "false"),
        ("", TRUTH, "null"),
    ],
)
def test_a_cell_as_json(cell: str, column: ColumnKind, text: str) -> None:
    assert json_cell(cell, column) == text


@pytest.mark.parametrize(
    ("cell", "column"), [("x", NUMBER), ("1 2", INTEGER), ("yes", TRUTH), ("--1", NUMBER), ("-", NUMBER), (".", NUMBER)]
)
def test_a_cell_of_another_kind(cell: str, column: ColumnKind) -> None:
    with pytest.raises(ValueError, match=column.value):
        json_cell(cell, column)


@given(st.floats(allow_nan=False))
def test_a_number_comes_through_without_loss(value: float) -> None:
    for text in (repr(value), f"{value:e}"):
        assert kind(text, "0.5") is NUMBER
        assert json.loads(json_cell(text, NUMBER)) == float(text)
    assert json.loads(value_text(value)) == value
    assert float(csv_cell(value_text(value))) == value


@given(st.integers(-(2**63), 2**64 - 1))
def test_a_whole_number_stays_one(value: int) -> None:
    assert kind(str(value)) is INTEGER
    found = json.loads(json_cell(str(value), INTEGER))
    assert found == value
    assert isinstance(found, int)


@given(st.text(max_size=30), st.sampled_from(ColumnKind))
def test_any_cell_is_json_or_refused(cell: str, column: ColumnKind) -> None:
    try:
        json.loads(json_cell(cell, column))
    except ValueError as error:
        assert str(error) == column.value  # noqa: PT017 - JSONDecodeError is a ValueError too, and would say otherwise


@given(st.lists(st.text("0123456789.eE+-naNif ", max_size=6), max_size=5))
def test_what_a_column_is_guessed_as_all_its_cells_are(cells: list[str]) -> None:
    column = kind(*cells)
    for each in cells:
        json.loads(json_cell(each, column))


def test_types_of_a_signature() -> None:
    assert kind_of_type("double") is NUMBER
    assert kind_of_type("long") is INTEGER
    assert kind_of_type("string") is TEXT
    assert kind_of_type("array") is None


class Colour(Enum):
    RED = "red"


class Word(str):
    __slots__ = ()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (1, "1"),
        (0.1, "0.1"),
        (1e300, "1e+300"),
        (math.nan, "null"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        ("ä\n", '"ä\\n"'),
        (Word("x"), '"x"'),
        (b"hi", '"aGk="'),
        (Decimal("1.10"), "1.10"),
        (Decimal("NaN"), "null"),
        (Decimal("1E+3"), "1E+3"),
        (date(2026, 1, 2), '"2026-01-02"'),
        (datetime(2026, 1, 2, 3, tzinfo=timezone(timedelta(hours=1))), '"2026-01-02T03:00:00+01:00"'),
        (np.float64(0.1), "0.1"),
        (np.float32(0.1), "0.10000000149011612"),
        (np.int64(7), "7"),
        (np.bool_(True), "true"),
        (np.float64("nan"), "null"),
        (np.str_("x"), '"x"'),
        (np.array([[1, 2], [3, 4]]), "[[1, 2], [3, 4]]"),
        (np.array([np.nan, 0.5]), "[null, 0.5]"),
        (pd.NA, "null"),
        (pd.NaT, "null"),
        (pd.Timestamp("2026-01-02T03:04:05.678"), '"2026-01-02T03:04:05.678000"'),
        ([1, (2.5, None)], "[1, [2.5, null]]"),
        ({"a": [1], 2: "b"}, '{"a": [1], "2": "b"}'),
    ],
)
def test_values_of_python(value: Any, text: str) -> None:
    assert value_text(value) == text


@pytest.mark.parametrize("value", [object(), Colour.RED, 1j, int])
def test_values_without_a_json_form(value: Any) -> None:
    with pytest.raises(SpecError, match="cannot be sent as JSON"):
        value_text(value)


@pytest.mark.parametrize(
    ("text", "cell"), [("null", ""), ('"a,\\"b"', 'a,"b'), ("1.10", "1.10"), ("true", "true"), ("[1, 2]", "[1, 2]")]
)
def test_json_as_a_csv_cell(text: str, cell: str) -> None:
    assert csv_cell(text) == cell
