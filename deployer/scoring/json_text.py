"""JSON as text: where the items of a list and the members of an object begin and end.

Values are passed on as they are written, so that a number is never rounded on its way through.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

__all__ = ["NotJSON", "encode_text", "items", "members", "pairs", "parse", "skip_space", "value_end"]

_DECODER = json.JSONDecoder(strict=False)
_SPACE = re.compile(r"[ \t\r\n]*")

encode_text = json.encoder.encode_basestring
"""A text as a JSON string, characters beyond ASCII as they are."""


class NotJSON(ValueError):
    """The text is not the JSON that was looked for; the message says where."""


def parse(text: str) -> Any:
    """The value of a whole JSON text; ``NaN`` and ``Infinity`` are read, as MLflow writes them.

    Raises:
        NotJSON: It is none.
    """
    begin = skip_space(text, 0)
    value, end = _decode(text, begin)
    if skip_space(text, end) != len(text):
        raise NotJSON(f"more follows after the end of the JSON value, {_place(text, end)}")
    return value


def skip_space(text: str, position: int) -> int:
    """The position of the next character that is not white space."""
    found = _SPACE.match(text, position)
    return found.end() if found else position


def value_end(text: str, position: int) -> int:
    """Where the value that begins here ends."""
    return _decode(text, position)[1]


def items(text: str, position: int) -> Iterator[str]:
    """The items of the list that begins here, each as it is written.

    Raises:
        NotJSON: No list begins here, or it is broken.
    """
    if text[position : position + 1] != "[":
        raise NotJSON(f"a list was looked for, {_place(text, position)}")
    position = skip_space(text, position + 1)
    if text[position : position + 1] == "]":
        return
    while True:
        end = value_end(text, position)
        yield text[position:end]
        position = skip_space(text, end)
        if text[position : position + 1] == "]":
            return
        position = _after(",", text, position)


def members(text: str, position: int) -> Iterator[tuple[str, int, int]]:
    """The members of the object that begins here: the key, and where its value begins and ends.

    Raises:
        NotJSON: No object begins here, or it is broken.
    """
    if text[position : position + 1] != "{":
        raise NotJSON(f"an object was looked for, {_place(text, position)}")
    position = skip_space(text, position + 1)
    if text[position : position + 1] == "}":
        return
    while True:
        if text[position : position + 1] != '"':
            raise NotJSON(f"a key in double quotes was looked for, {_place(text, position)}")
        key, position = _decode(text, position)
        position = _after(":", text, skip_space(text, position))
        end = value_end(text, position)
        yield key, position, end
        position = skip_space(text, end)
        if text[position : position + 1] == "}":
            return
        position = _after(",", text, position)


def pairs(text: str) -> dict[str, str]:
    """The members of a text that is an object, each value as it is written."""
    return {key: text[begin:end] for key, begin, end in members(text, skip_space(text, 0))}


def _after(char: str, text: str, position: int) -> int:
    if text[position : position + 1] != char:
        raise NotJSON(f"{char!r} was looked for, {_place(text, position)}")
    return skip_space(text, position + 1)


def _decode(text: str, position: int) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text, position)
    except json.JSONDecodeError as error:
        raise NotJSON(f"{error.msg[:1].lower()}{error.msg[1:]}, {_place(text, error.pos)}") from None
    except RecursionError:
        raise NotJSON("nested too deeply") from None
    except ValueError as error:  # an integer of thousands of digits
        raise NotJSON(str(error)) from None


def _place(text: str, position: int) -> str:
    line = text.count("\n", 0, position) + 1
    return f"line {line} column {position - text.rfind(chr(10), 0, position)}"
