"""How a value shows itself in a notebook: a small table, everything in it escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

__all__ = ["table"]


def table(title: str, rows: Iterable[tuple[str, str]]) -> str:
    """HTML of a title and of pairs of a word and what it is; empty ones are left out.

    Args:
        title: Of the whole.
        rows: Untrusted texts; each becomes one line.
    """
    cells = "".join(
        f"<tr><th style='text-align:left'>{escape(word)}</th><td style='text-align:left'>{escape(said)}</td></tr>"
        for word, said in rows
        if said
    )
    return f"<table><caption style='text-align:left'><b>{escape(title)}</b></caption>{cells}</table>"
