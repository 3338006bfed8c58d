"""Rows gathered into requests of at most so many bytes, in their order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from deployer.scoring.cells import value_text
from deployer.scoring.json_text import encode_text, items
from deployer.scoring.wire import Chunk
from deployer.value import JSON

__all__ = ["Row", "list_chunks", "record_chunks", "table_chunks", "with_params"]

Extra = TypeVar("Extra")


@dataclass(frozen=True)
class Row:
    """One row on its way: the JSON text of its cells, and as its CSV file has it."""

    cells: Sequence[str]
    written: Sequence[str] | None = None


@dataclass(frozen=True)
class _Piece(Generic[Extra]):
    text: str
    extra: Extra


def with_params(params: Mapping[str, JSON] | None) -> str:
    """What follows the rows in a request's body."""
    return f', "params": {value_text(params)}' if params else ""


def _gathered(pieces: Iterable[_Piece[Extra]], room: int) -> Iterator[tuple[int, list[_Piece[Extra]]]]:
    """Pieces that fit together into so many bytes, with the number of the first; one alone may be larger."""
    first, size = 1, 0
    found: list[_Piece[Extra]] = []
    for piece in pieces:
        length = len(piece.text) if piece.text.isascii() else len(piece.text.encode())
        if found and size + length + 2 > room:
            yield first, found
            first, size, found = first + len(found), 0, []
        found.append(piece)
        size += length + 2
    if found:
        yield first, found


def _body(head: str, pieces: Iterable[_Piece[Extra]], tail: str) -> bytes:
    return "".join([head, "[", ", ".join(each.text for each in pieces), "]", tail]).encode()


def table_chunks(
    columns: Sequence[str],
    rows: Iterable[Row],
    *,
    limit: int,
    tail: str = "",
    keep: bool = True,
    names: str | None = None,
    index: Iterable[str] | None = None,
) -> Iterator[Chunk]:
    """A table as ``dataframe_split`` requests.

    Args:
        columns: Their names.
        rows: Cells that are JSON.
        limit: Bytes of a request.
        tail: Follows the table: `with_params`.
        keep: Keep the rows in the chunk, to repeat them.
        names: The JSON text of the columns, when they are not all texts.
        index: The JSON text of each row's index, when it is to be sent.
    """
    head = '{"dataframe_split": {'
    if columns or names:
        head += f'"columns": {names or "[" + ", ".join(map(encode_text, columns)) + "]"}, '
    labels = list(index) if index is not None else None
    pieces = (_Piece(f"[{', '.join(row.cells)}]", row) for row in rows)
    for first, found in _gathered(pieces, limit - len((head + tail).encode()) - 16):
        before = head
        if labels is not None:
            before += f'"index": [{", ".join(labels[first - 1 : first - 1 + len(found)])}], '
        kept = [each.extra for each in found] if keep else []
        written = [each.written for each in kept if each.written is not None]
        yield Chunk(
            body=_body(f'{before}"data": ', found, f"}}{tail}}}"),
            first=first,
            count=len(found),
            columns=tuple(columns) if keep else (),
            rows=[each.cells for each in kept],
            written=written or None,
        )


def record_chunks(
    records: Iterable[str], *, limit: int, key: str = "dataframe_records", tail: str = "", keep: bool = True
) -> Iterator[Chunk]:
    """Rows that are JSON objects, as ``dataframe_records`` requests, or under the key that they came under."""
    head = f'{{"{key}": '
    pieces = (_Piece(text, None) for text in records)
    for first, found in _gathered(pieces, limit - len((head + tail).encode()) - 8):
        kept = [each.text for each in found] if keep else None
        yield Chunk(body=_body(head, found, f"{tail}}}"), first=first, count=len(found), records=kept)


def list_chunks(text: str, *, limit: int, key: str, tail: str = "") -> Iterator[Chunk]:
    """A list that begins the text, as requests of one of MLflow's list forms."""
    head = f'{{"{key}": '
    pieces = (_Piece(each, None) for each in items(text, 0))
    for first, found in _gathered(pieces, limit - len((head + tail).encode()) - 8):
        yield Chunk(body=_body(head, found, f"{tail}}}"), first=first, count=len(found))
