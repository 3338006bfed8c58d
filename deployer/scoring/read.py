"""From a file to requests, by the form of its content."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from deployer.errors import SpecError
from deployer.scoring.cells import csv_cell, value_text
from deployer.scoring.chunks import Row, list_chunks, record_chunks, table_chunks, with_params
from deployer.scoring.csv_table import read_csv
from deployer.scoring.json_text import NotJSON, items, members, pairs, parse, skip_space
from deployer.scoring.source import Form, Source
from deployer.scoring.wire import Chunk
from deployer.value import JSON

__all__ = ["FRAME_FORMS", "LIST_FORMS", "LLM_KEYS", "Input", "read_input"]

FRAME_FORMS = ("dataframe_split", "dataframe_records")
LIST_FORMS = ("instances", "inputs")
LLM_KEYS = ("messages", "prompt", "input")
"""With one of these at the top MLflow takes the body as it is, and answers without ``predictions``."""


@dataclass(frozen=True)
class Input:
    """What was read.

    Attributes:
        chunks: The requests, in the order of the rows.
        delimiter: Of a CSV file.
        table: A parquet file's own table.
    """

    chunks: Iterator[Chunk]
    delimiter: str = ","
    table: Any = None


@dataclass(frozen=True)
class _Wish:
    limit: int
    keep: bool
    params: Mapping[str, JSON] | None

    @property
    def tail(self) -> str:
        return with_params(self.params)


def read_input(
    source: Source,
    form: Form,
    *,
    limit: int,
    keep: bool,
    params: Mapping[str, JSON] | None = None,
    column_types: Mapping[str, str] | None = None,
) -> Input:
    """The requests that a file makes.

    Args:
        source: The file.
        form: Of its content.
        limit: Bytes of a request.
        keep: Whether the rows are to be repeated in the output.
        params: Of the model, for every request.
        column_types: Of the model's signature, for CSV.

    Raises:
        SpecError: It is not of that form, or has no rows; with file and line.
    """
    wish = _Wish(limit, keep, params)
    if form is Form.CSV:
        table = read_csv(source, column_types)
        chunks = table_chunks(table.columns, table.rows(), limit=limit, tail=wish.tail, keep=keep)
        return Input(_some(chunks, source), table.delimiter)
    if form is Form.NDJSON:
        return Input(_some(_ndjson(source, wish), source))
    if form is Form.PARQUET:
        from deployer.scoring.parquet import parquet_rows, read_parquet

        found = read_parquet(source)
        columns = parquet_rows(found)
        chunks = table_chunks(columns.names, columns.rows, limit=limit, tail=wish.tail, keep=keep)
        return Input(_some(chunks, source), table=found)
    try:
        return Input(_some(_json(source, wish), source))
    except NotJSON as error:
        raise _not_json(source, error) from None


def _not_json(source: Source, error: NotJSON) -> SpecError:
    hint = "for rows line by line: --format ndjson" if "more follows" in str(error) else None
    return SpecError(f"not JSON: {error}", where=source.name, hint=hint)


def _some(chunks: Iterator[Chunk], source: Source) -> Iterator[Chunk]:
    first = next(chunks, None)
    if first is None:
        raise SpecError("there are no rows in it", where=source.name)
    return itertools.chain([first], chunks)


def _ndjson(source: Source, wish: _Wish) -> Iterator[Chunk]:
    lines = _ndjson_lines(source)
    first = next(lines, None)
    if first is None:
        return iter(())
    rows = itertools.chain([first], lines)
    opening = first[1][0]
    same = (_same(opening, number, line, source) for number, line in rows)
    key = "dataframe_records" if opening == "{" else "inputs"
    return record_chunks(same, limit=wish.limit, key=key, tail=wish.tail, keep=wish.keep and opening == "{")


def _same(opening: str, number: int, line: str, source: Source) -> str:
    if (line[0] == "{") != (opening == "{"):
        raise SpecError("a line that is a record stands among lines that are none", where=f"{source.name}:{number}")
    return line


def _ndjson_lines(source: Source) -> Iterator[tuple[int, str]]:
    with source.open() as file:
        for number, raw in enumerate(file, start=1):
            where = f"{source.name}:{number}"
            try:
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8").strip()
                if line:
                    parse(line)
                    yield number, line
            except NotJSON as error:
                raise SpecError(f"the line is not JSON: {error}", where=where) from None
            except UnicodeDecodeError:
                raise SpecError("not UTF-8", where=where) from None


def _json(source: Source, wish: _Wish) -> Iterator[Chunk]:
    text = source.text()
    parse(text)
    begin = skip_space(text, 0)
    if text[begin] == "[":
        return _bare_list(text[begin:], wish)
    if text[begin] != "{":
        raise SpecError("a request is an object or a list", where=source.name)
    found = {key: text[b:e] for key, b, e in members(text, begin)}
    if any(key in found for key in LLM_KEYS):
        return iter([Chunk(_whole(text, found, wish))])
    forms = [key for key in (*FRAME_FORMS, *LIST_FORMS) if key in found]
    if len(forms) != 1:
        raise SpecError(
            f"a request has exactly one of {', '.join((*FRAME_FORMS, *LIST_FORMS))}, or one of "
            f"{', '.join(LLM_KEYS)}; this one has {' and '.join(map(repr, forms or found)) or 'nothing'}",
            where=source.name,
            hint=None if forms else "rows are put in a list: [{...}, {...}]",
        )
    return _known(text, found, forms[0], wish)


def _bare_list(text: str, wish: _Wish) -> Iterator[Chunk]:
    """A list without a key: of objects it is ``dataframe_records``, of anything else ``inputs``."""
    rows = list(items(text, 0))
    if rows and all(each.startswith("{") for each in rows):
        return record_chunks(rows, limit=wish.limit, tail=wish.tail, keep=wish.keep)
    return list_chunks(text, limit=wish.limit, key="inputs", tail=wish.tail)


def _whole(text: str, found: Mapping[str, str], wish: _Wish) -> bytes:
    """The request as it came, with the params that were given beside it."""
    if not wish.params:
        return text.encode()
    own = parse(found["params"]) if "params" in found else {}
    kept = [f"{value_text(key)}: {value}" for key, value in found.items() if key != "params"]
    given = {**(own if isinstance(own, Mapping) else {}), **wish.params}
    return ("{" + ", ".join([*kept, f'"params": {value_text(given)}']) + "}").encode()


def _known(text: str, found: Mapping[str, str], form: str, wish: _Wish) -> Iterator[Chunk]:
    """One of the four forms: as it came when it fits into one request, else divided between rows."""
    body = _whole(text, found, wish)
    if len(body) > wish.limit:
        return _divided(found, form, wish, body)
    first = next(_divided(found, form, replace(wish, limit=sys.maxsize), body), None) if wish.keep else None
    if first is None:
        return iter([Chunk(body)])
    return iter([Chunk(body, 1, first.count, first.columns, first.rows, first.written, first.records)])


def _divided(found: Mapping[str, str], form: str, wish: _Wish, body: bytes) -> Iterator[Chunk]:
    whole = pairs(body.decode())
    tail = "".join(f", {value_text(key)}: {value}" for key, value in whole.items() if key != form)
    value = found[form]
    if form == "dataframe_split":
        return _divided_split(value, tail, wish) or iter([Chunk(body)])
    if not value.startswith("["):
        return iter([Chunk(body)])
    rows = list(items(value, 0))
    if rows and all(each.startswith("{") for each in rows):
        return record_chunks(rows, limit=wish.limit, key=form, tail=tail, keep=wish.keep)
    return list_chunks(value, limit=wish.limit, key=form, tail=tail)


def _divided_split(value: str, tail: str, wish: _Wish) -> Iterator[Chunk] | None:
    if not value.startswith("{"):
        return None
    parts = pairs(value)
    data = parts.get("data", "")
    names = parts.get("columns")
    index = list(items(parts["index"], 0)) if parts.get("index", "").startswith("[") else None
    if not data.startswith("[") or set(parts) - {"columns", "data", "index"}:
        return None
    texts = list(items(data, 0))
    if not all(each.startswith("[") for each in texts) or (index is not None and len(index) != len(texts)):
        return None
    columns = [csv_cell(each) for each in items(names, 0)] if names and names.startswith("[") else []
    rows = (Row(list(items(each, 0))) for each in texts)
    return table_chunks(columns, rows, limit=wish.limit, tail=tail, keep=wish.keep, names=names, index=index)
