"""Text that somebody else wrote, made safe to show: evidence, logs, server messages, names.

Control characters become visible, commands to a CI runner lose their meaning, known secrets are replaced, and the
length is capped. Nothing here raises: what is told about a failure must not fail itself.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Any

__all__ = ["LINE_LIMIT", "Redactor", "escape", "escape_lines", "one_line"]

LINE_LIMIT = 500
"""Characters of one line that are shown."""

_HASHES = re.compile(r"##(?=\s*\w*\[)")
"""``##[group]`` and ``##vso[...]`` (Azure Pipelines), ``##teamcity[...]``: obeyed anywhere in a line."""


def escape(text: str, limit: int = LINE_LIMIT) -> str:
    """One line, as it can be shown: no control characters, no commands, at most ``limit`` characters."""
    cut = text[: limit + 1]
    shown = "".join(_visible(each) for each in cut[:limit].replace("\t", "    "))
    shown = _HASHES.sub("# #", shown)
    start = shown.lstrip()
    if start.startswith("::"):  # GitHub Actions obeys it at the start of a line, after any white space
        shown = f"{shown[: len(shown) - len(start)]}: :{start[2:]}"
    return f"{shown} ..." if len(cut) > limit else shown


def _visible(char: str) -> str:
    if char.isprintable():
        return char
    if unicodedata.category(char) == "Zs":
        return " "
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def escape_lines(lines: Iterable[str], *, most: int = 20, limit: int = LINE_LIMIT) -> list[str]:
    """Lines as they can be shown, at most ``most`` of them: the last ones, which tell the most."""
    parts = [part for line in lines for part in line.splitlines() or [""]]
    left_out = len(parts) - most
    shown = [escape(part.rstrip("\r"), limit) for part in parts[-most:]]
    return [f"... {left_out} lines before", *shown] if left_out > 0 else shown


def one_line(text: str, limit: int = LINE_LIMIT) -> str:
    """Any text as a single line that can be shown."""
    return escape(" ".join(text.split()), limit)


_SHORTEST_SECRET = 4
"""Shorter values would black out half of what is shown, and protect nothing."""


class Redactor:
    """Replaces known secrets by ``***``, wherever they stand."""

    def __init__(self) -> None:
        self._values: set[str] = set()

    def learn(self, values: Iterable[str]) -> None:
        """Remember values that must not be shown, and each line of those that have several."""
        for value in values:
            parts = {value, *value.splitlines()}
            self._values.update(part for part in parts if len(part.strip()) >= _SHORTEST_SECRET)

    def __call__(self, text: str) -> str:
        """The text without them."""
        for value in sorted(self._values, key=len, reverse=True):
            text = text.replace(value, "***")
        return text

    def document(self, value: Any) -> Any:
        """A JSON value without them, its keys left as they are."""
        if not self._values:
            return value
        if isinstance(value, str):
            return self(value)
        if isinstance(value, dict):
            return {key: self.document(each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [self.document(each) for each in value]
        return value
