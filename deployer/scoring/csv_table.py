"""A CSV file as rows of JSON cells, without pandas: gone through twice, first to tell what each column is."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from deployer.errors import SpecError
from deployer.scoring.cells import ColumnKind, Guess, json_cell, kind_of_type
from deployer.scoring.chunks import Row
from deployer.scoring.source import Source

__all__ = ["CsvTable", "read_csv"]

_LONGEST_CELL = 100_000_000
_DELIMITERS = ",;\t|"


@dataclass(frozen=True)
class CsvTable:
    """A CSV file whose columns are known.

    Attributes:
        source: Where it is read from.
        columns: From its first line.
        kinds: What each column is sent as.
        delimiter: A comma; or a semicolon, tab or bar when the first line has no comma.
    """

    source: Source
    columns: tuple[str, ...]
    kinds: tuple[ColumnKind, ...]
    delimiter: str

    def rows(self) -> Iterator[Row]:
        """Each line's cells as JSON, and as they are written.

        Raises:
            SpecError: A cell that is not what the model's signature says of its column; with file and line.
        """
        for line, cells in _lines(self.source, self.delimiter, self.columns):
            try:
                yield Row([json_cell(cell, kind) for cell, kind in zip(cells, self.kinds, strict=True)], cells)
            except ValueError:
                raise self._misfit(line, cells) from None

    def _misfit(self, line: int, cells: list[str]) -> SpecError:
        for name, cell, kind in zip(self.columns, cells, self.kinds, strict=True):
            try:
                json_cell(cell, kind)
            except ValueError:
                shown = cell if len(cell) <= 40 else f"{cell[:40]}…"
                return SpecError(
                    f"the column {name!r} has {shown!r}, where the model takes {kind.value}",
                    where=f"{self.source.name}:{line}",
                )
        return SpecError("a cell cannot be read", where=f"{self.source.name}:{line}")


def read_csv(source: Source, column_types: Mapping[str, str] | None = None) -> CsvTable:
    """Read the first line, and go through all others to tell what each column is.

    Args:
        source: The file.
        column_types: Of the model's signature, such as ``{"zip": "string"}``; it decides for the columns that it names.

    Raises:
        SpecError: No header, a name given twice, a line with more or fewer cells, or broken quotes; with file and line.
    """
    delimiter, columns = _header(source)
    told = [kind_of_type((column_types or {}).get(name, "")) for name in columns]
    guesses = [Guess() for _ in columns]
    for _, cells in _lines(source, delimiter, columns):
        for cell, guess, kind in zip(cells, guesses, told, strict=True):
            if kind is None:
                guess.see(cell)
    kinds = tuple(kind or guess.kind for kind, guess in zip(told, guesses, strict=True))
    return CsvTable(source, columns, kinds, delimiter)


def _header(source: Source) -> tuple[str, tuple[str, ...]]:
    try:
        with _text(source) as file:
            first = file.readline()
    except UnicodeDecodeError:
        raise SpecError("not UTF-8", where=f"{source.name}:1") from None
    if not first.strip():
        raise SpecError("the first line is empty; it must have the names of the columns", where=f"{source.name}:1")
    delimiter = next((each for each in _DELIMITERS if each in first), ",")
    with _text(source) as file:
        try:
            cells = next(csv.reader(file, delimiter=delimiter, strict=True))
        except (csv.Error, UnicodeDecodeError) as error:
            raise SpecError(f"not CSV: {error}", where=f"{source.name}:1") from None
    columns = tuple(each.strip() for each in cells)
    if _looks_like_data(columns):
        raise SpecError("the first line holds numbers; it must have the names of the columns", where=f"{source.name}:1")
    for position, name in enumerate(columns):
        if name in columns[:position]:
            raise SpecError(f"the column {name!r} is there twice", where=f"{source.name}:1")
    return delimiter, columns


def _looks_like_data(columns: tuple[str, ...]) -> bool:
    """Numbers in all columns, and not only whole ones: these may be the names that pandas gives by itself."""
    guess = Guess()
    for each in columns:
        guess.see(each)
    return guess.kind is ColumnKind.NUMBER and any("." in each for each in columns)


def _lines(source: Source, delimiter: str, columns: tuple[str, ...]) -> Iterator[tuple[int, list[str]]]:
    """Each line after the first, with its number; empty ones are left out."""
    csv.field_size_limit(_LONGEST_CELL)
    with _text(source) as file:
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        try:
            next(reader, None)
            for cells in reader:
                if not cells:
                    continue
                if len(cells) != len(columns):
                    raise SpecError(
                        f"{len(cells)} cell{'' if len(cells) == 1 else 's'}, where the first line has {len(columns)}",
                        where=f"{source.name}:{reader.line_num}",
                    )
                yield reader.line_num, cells
        except csv.Error as error:
            raise SpecError(f"not CSV: {error}", where=f"{source.name}:{reader.line_num}") from None
        except UnicodeDecodeError:
            raise SpecError("not UTF-8", where=f"{source.name}:{reader.line_num + 1}") from None


@contextmanager
def _text(source: Source) -> Iterator[io.TextIOWrapper]:
    with source.open() as file:
        text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
        try:
            yield text
        finally:
            if not file.closed:  # as it is when the reading was given up half-way
                text.detach()
