"""Columns of text that fit a width: cells are measured as a terminal shows them, and cut where there is no room."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

__all__ = ["Column", "Paint", "cut", "markdown_table", "pad", "plain", "table", "width_of"]

Paint = Callable[[str, str], str]
"""(text, style) -> text; styles are ``good``, ``bad``, ``warn``, ``dim`` and ``bold``."""

_GAP = "  "
_NARROWEST = 8


def plain(text: str, _style: str) -> str:
    """A Paint without colours."""
    return text


def width_of(text: str) -> int:
    """Columns that a terminal takes for it."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )  # fmt: skip


def pad(text: str, width: int, *, right: bool = False) -> str:
    """The text, filled with spaces to a width."""
    space = " " * max(width - width_of(text), 0)
    return space + text if right else text + space


def cut(text: str, width: int, dots: str = "…") -> str:
    """The text, or what of it fits with dots at its end."""
    if width_of(text) <= width:
        return text
    kept = ""
    for char in text:
        if width_of(kept + char) > width - width_of(dots):
            break
        kept += char
    return kept + dots


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        title: Its heading.
        right: Numbers stand at the right.
        yields: Where there is no room, the columns with the highest number are narrowed first; 0: never.
        style: From a cell's text to the name of its style, or none.
    """

    title: str
    right: bool = False
    yields: int = 0
    style: Callable[[str], str] | None = field(default=None, compare=False)


def table(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], *, width: int | None = None, paint: Paint = plain,
    dots: str = "…",
) -> list[str]:  # fmt: skip
    """Lines of a table with headings; columns in which nothing stands are left out.

    Args:
        columns: Left to right.
        rows: One cell for each column.
        width: To fit into; None: as wide as it is.
        paint: Colours.
        dots: What stands at the end of a cell that was cut.
    """
    used = [i for i in range(len(columns)) if any(row[i] for row in rows)]
    widths = _fitted(columns, rows, used, width)
    shown = [columns[i] for i in used]
    cells = [[row[i] for i in used] for row in rows]
    lines = [_line([c.title for c in shown], shown, widths, dots, lambda text, _: paint(text, "dim"))]
    lines += [_line(row, shown, widths, dots, lambda text, c: _styled(text, c, paint)) for row in cells]
    return lines


def _fitted(columns: Sequence[Column], rows: Sequence[Sequence[str]], used: list[int], width: int | None) -> list[int]:
    """The width of each column; those without room even when narrowed are taken out of ``used``, the last first."""
    while True:
        widths = [max(width_of(columns[i].title), *(width_of(row[i]) for row in rows), 0) for i in used]
        shown = [columns[i] for i in used]
        if width is None or _narrow(shown, widths, width):
            return widths
        last = max(range(len(used)), key=lambda n: shown[n].yields)
        if not shown[last].yields:
            return widths
        del used[last]


def _styled(text: str, column: Column, paint: Paint) -> str:
    style = column.style(text.strip()) if column.style else ""
    return paint(text, style) if style else text


def _narrow(columns: Sequence[Column], widths: list[int], width: int) -> bool:
    """Whether it fits now."""
    for index in sorted(range(len(columns)), key=lambda i: -columns[i].yields):
        excess = sum(widths) + len(_GAP) * (len(widths) - 1) - width
        if excess <= 0 or not columns[index].yields:
            return excess <= 0
        least = max(min(_NARROWEST, widths[index]), width_of(columns[index].title))
        widths[index] = max(widths[index] - excess, least)
    return sum(widths) + len(_GAP) * (len(widths) - 1) <= width


def _line(
    cells: Sequence[str],
    columns: Sequence[Column],
    widths: Sequence[int],
    dots: str,
    style: Callable[[str, Column], str],
) -> str:
    parts = []
    for index, (cell, column, width) in enumerate(zip(cells, columns, widths, strict=True)):
        fitted = cut(cell, width, dots)
        last = index == len(cells) - 1 and not column.right
        parts.append(style(fitted if last else pad(fitted, width, right=column.right), column))
    return _GAP.join(parts).rstrip()


def markdown_table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[str]:
    """The same as a table of GitHub's Markdown."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("\\", "\\\\").replace("|", "\\|") for cell in cells) + " |"

    rule = "|" + "|".join(" ---: " if c.right else " --- " for c in columns) + "|"
    return [line([c.title for c in columns]), rule, *(line(row) for row in rows)]
