"""Cells: of CSV as JSON and back, and of Python values as JSON; numbers keep the digits that were written."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, time
from decimal import Decimal
from enum import Enum
from typing import Any

from deployer.errors import SpecError
from deployer.scoring.json_text import encode_text, parse

__all__ = ["ColumnKind", "Guess", "csv_cell", "json_cell", "kind_of_type", "value_text"]

_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,19})")
_NUMBER = re.compile(r"[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_AS_IT_IS = re.compile(r"-?(?:0|[1-9][0-9]*)\.[0-9]+")
"""By far the most numbers in a file; JSON writes them the same way."""
_INFINITE = re.compile(r"([-+]?)inf(?:inity)?", re.IGNORECASE)
_MISSING = frozenset({"", "nan", "NaN", "NAN", "NA", "N/A", "null", "NULL", "None"})
_TRUTHS = {"true": "true", "True": "true", "TRUE": "true", "false": "false", "False": "false", "FALSE": "false"}
_LEAST, _MOST = -(2**63), 2**64 - 1
"""What the integers of a data frame can be."""


class ColumnKind(Enum):
    """What a CSV column is sent as."""

    INTEGER = "whole numbers"
    NUMBER = "numbers"
    TRUTH = "true or false"
    TEXT = "texts"


_OF_TYPE = {
    "double": ColumnKind.NUMBER,
    "float": ColumnKind.NUMBER,
    "integer": ColumnKind.INTEGER,
    "long": ColumnKind.INTEGER,
    "boolean": ColumnKind.TRUTH,
    "string": ColumnKind.TEXT,
    "datetime": ColumnKind.TEXT,
    "binary": ColumnKind.TEXT,
}


def kind_of_type(word: str) -> ColumnKind | None:
    """The kind that a type of MLflow's column schema asks for; None for one that is not a scalar's."""
    return _OF_TYPE.get(word.lower())


class Guess:
    """What a column is, told by all of its cells: numbers only if every one is a number, or missing.

    Words for a missing value (``NA``, ``null``) are missing only among numbers; among texts they are texts. A number
    with a leading zero (a postal code), or a whole one too large for 64 bits, is a text.
    """

    def __init__(self) -> None:
        self._integers = self._numbers = self._truths = self._missing = self._words = False
        self._text = False

    def see(self, cell: str) -> None:
        """Take one more cell into account."""
        if self._text or (self._numbers and _AS_IT_IS.fullmatch(cell)):
            return
        plain = cell.strip()
        if plain in _MISSING:
            self._missing = True
            self._words = self._words or bool(plain)
        elif _INTEGER.fullmatch(plain) and _LEAST <= int(plain) <= _MOST:
            self._integers = True
        elif _is_number(plain):
            self._numbers = True
        elif plain in _TRUTHS:
            self._truths = True
        else:
            self._text = True

    @property
    def kind(self) -> ColumnKind:
        """The kind after all cells were seen; whole numbers with a missing one among them are numbers."""
        numeric = self._integers or self._numbers
        if self._text or (self._truths and (numeric or self._words)) or (self._words and not numeric):
            return ColumnKind.TEXT
        if self._truths:
            return ColumnKind.TRUTH
        return ColumnKind.INTEGER if self._integers and not (self._numbers or self._missing) else ColumnKind.NUMBER


def _is_number(text: str) -> bool:
    if _INTEGER.fullmatch(text) or re.fullmatch(r"[-+]?[0-9]+", text):
        return False  # too large, or with leading zeros
    return bool(_NUMBER.fullmatch(text) or _INFINITE.fullmatch(text))


def json_cell(cell: str, kind: ColumnKind) -> str:
    """A CSV cell as JSON, with the digits that it was written with.

    Raises:
        ValueError: It is not of that kind.
    """
    if kind is ColumnKind.TEXT:
        return encode_text(cell) if cell else "null"
    if kind is ColumnKind.NUMBER and _AS_IT_IS.fullmatch(cell):
        return cell
    plain = cell.strip()
    if plain in _MISSING:
        return "null"
    if kind is ColumnKind.TRUTH:
        truth = _TRUTHS.get(plain) or {"1": "true", "0": "false"}.get(plain)
        if truth is None:
            raise ValueError(kind.value)
        return truth
    return _number(plain, kind)


def _number(text: str, kind: ColumnKind) -> str:
    infinite = _INFINITE.fullmatch(text)
    if infinite:
        return f"{'-' if infinite[1] == '-' else ''}Infinity"
    if not _NUMBER.fullmatch(text):
        text = re.sub(r"^([-+]?)0+(?=[0-9])", r"\1", text)
        if not _NUMBER.fullmatch(text):
            raise ValueError(kind.value)
    sign, digits = ("-", text[1:]) if text[0] == "-" else ("", text.removeprefix("+"))
    mantissa, mark, exponent = digits.partition("e") if "e" in digits else digits.partition("E")
    if mantissa.startswith("."):
        mantissa = f"0{mantissa}"
    if mantissa.endswith("."):
        mantissa = f"{mantissa}0"
    elif kind is ColumnKind.NUMBER and "." not in mantissa and not mark:
        mantissa = f"{mantissa}.0"
    return f"{sign}{mantissa}{mark}{exponent}"


def csv_cell(text: str) -> str:
    """A JSON value as a CSV cell: a string without its quotes, ``null`` as nothing, all else as it is written."""
    if text.startswith('"'):
        return str(parse(text))
    return "" if text == "null" else text


def value_text(value: Any) -> str:
    """A Python, numpy or pandas value as JSON: a float by its shortest exact digits, a missing value as ``null``.

    Times are ISO 8601, bytes are base64, as MLflow reads them.

    Raises:
        SpecError: It has no JSON form.
    """
    write = _WRITERS.get(type(value))
    if write is not None:
        return write(value)
    if type(value).__name__ == "NAType" or (not _is_compound(value) and bool(value != value)):  # noqa: PLR0124 - NaN, NaT
        return "null"
    if isinstance(value, date | time):
        return encode_text(value.isoformat())
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{encode_text(str(k))}: {value_text(v)}" for k, v in value.items()) + "}"
    if hasattr(value, "tolist") and not isinstance(value, type):
        return value_text(value.tolist())
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, str | bytes | bytearray):
        return "[" + ", ".join(map(value_text, value)) + "]"
    for kind, write in _WRITERS.items():
        if isinstance(value, kind):
            return write(value)
    raise SpecError(f"a {type(value).__name__} cannot be sent as JSON")


def _is_compound(value: Any) -> bool:
    return isinstance(value, Mapping | Sequence | set) or hasattr(value, "tolist")


def _float(value: float) -> str:
    if math.isnan(value):
        return "null"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return float.__repr__(value)


def _decimal(value: Decimal) -> str:
    if not value.is_finite():
        return _float(float(value))
    return str(value) if re.fullmatch(r"-?\d+(\.\d+)?(E[-+]?\d+)?", str(value)) else _float(float(value))


_WRITERS: dict[type, Callable[[Any], str]] = {
    type(None): lambda _value: "null",
    bool: lambda value: "true" if value else "false",
    int: int.__repr__,
    float: _float,
    str: encode_text,
    bytes: lambda value: encode_text(base64.b64encode(value).decode()),
    bytearray: lambda value: encode_text(base64.b64encode(value).decode()),
    Decimal: _decimal,
}
