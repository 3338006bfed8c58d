"""From answers to a file: MLflow's JSON as it came, or a table that repeats the input's columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any, BinaryIO, Protocol

from deployer.errors import PredictionError, SpecError
from deployer.scoring.cells import csv_cell
from deployer.scoring.json_text import NotJSON, encode_text, items, members, pairs, parse, skip_space
from deployer.scoring.parquet import write_parquet
from deployer.scoring.source import Form
from deployer.scoring.wire import Answer, Chunk, Predictions, as_prediction, predictions_of

__all__ = ["Writer", "join_predictions", "predictions_text", "writer_for"]


class Writer(Protocol):
    """Takes the answers in the order of the rows."""

    def add(self, chunk: Chunk, answer: Answer) -> None:
        """One more."""
        ...

    def close(self) -> None:
        """No more come."""
        ...


def writer_for(form: Form, out: BinaryIO, *, delimiter: str = ",", table: Any = None, endpoint: str | None) -> Writer:
    """The writer of a form."""
    if form is Form.JSON:
        return _Json(out)
    if form is Form.CSV:
        return _Csv(out, endpoint, delimiter, table)
    if form is Form.NDJSON:
        return _Ndjson(out, endpoint, table)
    return _Parquet(out, endpoint, table)


class _Json:
    """MLflow's answer, byte for byte when it is one; the lists of several are joined."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._answers: list[tuple[Chunk, bytes]] = []

    def add(self, chunk: Chunk, answer: Answer) -> None:
        self._answers.append((chunk, answer.body))

    def close(self) -> None:
        joined = self._answers[0][1] if len(self._answers) == 1 else join_predictions(self._answers)
        self._out.write(joined if joined.endswith(b"\n") else joined + b"\n")


def predictions_text(body: bytes, chunk: Chunk) -> str | None:
    """The JSON text of an answer's predictions; None when it has none.

    Raises:
        PredictionError: It is not JSON.
    """
    try:
        text = body.decode()
        begin = skip_space(text, 0)
        if text[begin : begin + 1] != "{":
            parse(text)
            return None
        return next((text[b:e] for key, b, e in members(text, begin) if key == "predictions"), None)
    except (NotJSON, UnicodeDecodeError) as error:
        raise PredictionError(f"the answer is not JSON: {error}", where=chunk.range()) from None


def join_predictions(answers: Sequence[tuple[Chunk, bytes]]) -> bytes:
    """One answer of several: lists one after the other, an object's lists each by each.

    Raises:
        PredictionError: One has no predictions, has not as many as rows were sent, or is of another shape.
    """
    found = [(chunk, predictions_text(body, chunk) or "") for chunk, body in answers]
    if all(text.startswith("[") for _, text in found):
        parts: list[str] = []
        for chunk, text in found:
            rows = list(items(text, 0))
            _ensure_count(chunk, len(rows))
            parts.extend(rows)
        return ('{"predictions": [' + ", ".join(parts) + "]}").encode()
    columns: dict[str, list[str]] = {}
    for chunk, text in found:
        cells = pairs(text) if text.startswith("{") else {}
        lists = {key: list(items(value, 0)) for key, value in cells.items() if value.startswith("[")}
        if not lists or lists.keys() != cells.keys() or (columns and lists.keys() != columns.keys()):
            raise PredictionError("the answers to several requests cannot be joined", where=chunk.range())
        for key, rows in lists.items():
            _ensure_count(chunk, len(rows))
            columns.setdefault(key, []).extend(rows)
    inner = ", ".join(f"{encode_text(key)}: [{', '.join(rows)}]" for key, rows in columns.items())
    return ('{"predictions": {' + inner + "}}").encode()


def _ensure_count(chunk: Chunk, count: int) -> None:
    if chunk.count is not None and count != chunk.count:
        raise PredictionError(f"the endpoint answered {count} predictions for {chunk.count} rows", where=chunk.range())


class _Table:
    """What the writers of tables share: the columns, which the first chunk decides."""

    def __init__(self, out: BinaryIO, endpoint: str | None, table: Any) -> None:
        self._out = out
        self._endpoint = endpoint
        self._table = table
        self._columns: tuple[str, ...] = ()
        self._predicted: tuple[str | None, ...] = ()
        self._names: tuple[str, ...] = ()
        self._begun = False

    def _rows(self, chunk: Chunk, answer: Answer) -> tuple[Sequence[Sequence[str]], Sequence[Sequence[str]]]:
        """The input's cells and the prediction's, both as JSON text."""
        predictions = predictions_of(answer, chunk, self._endpoint)
        columns, rows = _input_rows(chunk, self._columns if self._begun else None)
        if not self._begun:
            self._columns, self._predicted, self._begun = columns, predictions.columns, True
            taken = [*columns, *(self._table.column_names if self._table is not None else ())]
            self._names = as_prediction(predictions.columns, taken)
        elif len(self._predicted) != len(predictions.columns) or set(self._predicted) - set(predictions.columns):
            raise PredictionError("the answer has other columns than the first one", where=chunk.range())
        return rows or [()] * len(predictions.rows), self._in_order(predictions)

    def _in_order(self, predictions: Predictions) -> Sequence[Sequence[str]]:
        if predictions.columns == self._predicted:
            return predictions.rows
        order = [predictions.columns.index(each) for each in self._predicted]
        return [[row[each] for each in order] for row in predictions.rows]


def _input_rows(chunk: Chunk, known: tuple[str, ...] | None) -> tuple[tuple[str, ...], Sequence[Sequence[str]]]:
    if chunk.records is None:
        return (chunk.columns, chunk.rows) if chunk.columns else ((), [])
    records = [pairs(each) for each in chunk.records]
    columns = known if known is not None else tuple(dict.fromkeys(key for each in records for key in each))
    for number, each in enumerate(records, start=chunk.first):
        more = [key for key in each if key not in columns]
        if more:
            raise SpecError(
                f"row {number} has a field {more[0]!r} that the first rows have not",
                hint="-o ndjson takes rows that differ",
            )
    return columns, [[each.get(name, "null") for name in columns] for each in records]


class _Csv(_Table):
    def __init__(self, out: BinaryIO, endpoint: str | None, delimiter: str, table: Any) -> None:
        super().__init__(out, endpoint, table)
        self._delimiter = delimiter

    def add(self, chunk: Chunk, answer: Answer) -> None:
        begun = self._begun
        rows, predicted = self._rows(chunk, answer)
        text = io.StringIO()
        writer = csv.writer(text, delimiter=self._delimiter, lineterminator="\n")
        if not begun:
            writer.writerow([*self._columns, *self._names])
        cells = chunk.written if chunk.written is not None else [list(map(csv_cell, row)) for row in rows]
        for row, answers in zip(cells, predicted, strict=True):
            writer.writerow([*row, *map(csv_cell, answers)])
        self._out.write(text.getvalue().encode())

    def close(self) -> None:
        """Everything is written."""


class _Ndjson(_Table):
    def add(self, chunk: Chunk, answer: Answer) -> None:
        if chunk.records is not None:
            self._add_records(chunk.records, chunk, answer)
            return
        rows, predicted = self._rows(chunk, answer)
        lines = [
            _object([*self._columns, *self._names], [*row, *answers])
            for row, answers in zip(rows, predicted, strict=True)
        ]
        self._out.write("".join(f"{each}\n" for each in lines).encode())

    def _add_records(self, records: Sequence[str], chunk: Chunk, answer: Answer) -> None:
        """Records as they are written, each with its own clash of names."""
        predictions = predictions_of(answer, chunk, self._endpoint)
        lines = []
        for record, answers in zip(records, predictions.rows, strict=True):
            own = pairs(record)
            names = as_prediction(predictions.columns, list(own))
            inner = _object(names, answers)[1:-1]
            before = record.rstrip()[:-1].rstrip()
            lines.append(f"{before}{', ' if own and inner else ''}{inner}}}")
        self._out.write("".join(f"{each}\n" for each in lines).encode())

    def close(self) -> None:
        """Everything is written."""


def _object(columns: Sequence[str], cells: Sequence[str]) -> str:
    return "{" + ", ".join(f"{encode_text(name)}: {cell}" for name, cell in zip(columns, cells, strict=True)) + "}"


class _Parquet(_Table):
    def __init__(self, out: BinaryIO, endpoint: str | None, table: Any) -> None:
        super().__init__(out, endpoint, table)
        self._inputs: list[Sequence[str]] = []
        self._answers: list[Sequence[str]] = []

    def add(self, chunk: Chunk, answer: Answer) -> None:
        rows, predicted = self._rows(chunk, answer)
        self._inputs.extend(rows)
        self._answers.extend(predicted)

    def close(self) -> None:
        columns: list[tuple[str, Sequence[Any]]] = []
        if self._table is None:
            columns.extend(zip(self._columns, _values(self._inputs, len(self._columns)), strict=True))
        columns.extend(zip(self._names, _values(self._answers, len(self._names)), strict=True))
        write_parquet(self._out, self._table, columns)


def _values(rows: Sequence[Sequence[str]], width: int) -> list[list[Any]]:
    return [[parse(row[column]) for row in rows] for column in range(width)]
