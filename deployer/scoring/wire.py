"""One request and its answer: what is sent with, what an error says, and how many rows were answered."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

from deployer.errors import PredictionError
from deployer.scoring.json_text import NotJSON, items, members, pairs, parse, skip_space

__all__ = ["LIMIT", "Answer", "Chunk", "Predictions", "Sender", "answered", "as_prediction", "predictions_of"]

LIMIT = 5_000_000
"""Bytes of a request's body; SageMaker takes 6 MB, a common proxy more."""

_JSON = {"Content-Type": "application/json"}
_LONGEST_MESSAGE = 500


class Answer(Protocol):
    """An HTTP answer."""

    @property
    def status(self) -> int:
        """Of HTTP."""
        ...

    @property
    def body(self) -> bytes:
        """As it came."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Names in lower case."""
        ...


Sender = Callable[[str, bytes, Mapping[str, str]], Answer]
"""Sends a body to a path with headers, and returns any HTTP answer, also an error's."""


@dataclass(frozen=True)
class Chunk:
    """One request.

    Attributes:
        body: JSON of MLflow's scoring protocol.
        first: The number of its first row, from 1.
        count: How many rows it has; None when it has none that can be counted.
        columns: Of the rows; empty when they have no names.
        rows: The JSON text of each cell, row by row; only filled when they are to be repeated in the output.
        written: The cells as a CSV file has them.
        records: The JSON text of each row that is an object.
    """

    body: bytes
    first: int = 1
    count: int | None = None
    columns: tuple[str, ...] = ()
    rows: Sequence[Sequence[str]] = ()
    written: Sequence[Sequence[str]] | None = None
    records: Sequence[str] | None = None

    def range(self) -> str:
        """``rows 501 to 1000``, for a message."""
        if self.count is None:
            return "the request"
        return f"row {self.first}" if self.count == 1 else f"rows {self.first} to {self.first + self.count - 1}"


@dataclass(frozen=True)
class Predictions:
    """Answered rows.

    Attributes:
        columns: The prediction's own names; a single one without a name of its own is ``None``.
        rows: The JSON text of each cell, row by row.
    """

    columns: tuple[str | None, ...]
    rows: Sequence[Sequence[str]]


def answered(
    chunks: Iterable[Chunk], send: Sender, *, concurrency: int = 1, endpoint: str | None = None
) -> Iterator[tuple[Chunk, Answer]]:
    """Send the chunks, and give each with its answer, in their order.

    Args:
        chunks: Read no further ahead than is sent.
        send: Called from as many threads as ``concurrency`` says.
        concurrency: Requests under way at once.
        endpoint: For messages.

    Raises:
        PredictionError: An answer that is not 200, for the first such chunk in their order.
    """
    if concurrency <= 1:
        for chunk in chunks:
            yield chunk, _checked(send("/invocations", chunk.body, _JSON), chunk, endpoint)
        return
    waiting: deque[tuple[Chunk, Future[Answer]]] = deque()
    with ThreadPoolExecutor(concurrency, thread_name_prefix="predict") as pool:
        try:
            for chunk in chunks:
                waiting.append((chunk, pool.submit(send, "/invocations", chunk.body, _JSON)))
                if len(waiting) >= concurrency:
                    done, future = waiting.popleft()
                    yield done, _checked(future.result(), done, endpoint)
            while waiting:
                done, future = waiting.popleft()
                yield done, _checked(future.result(), done, endpoint)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _checked(answer: Answer, chunk: Chunk, endpoint: str | None) -> Answer:
    if answer.status == 200:
        return answer
    said = _message(answer.body) or "no reason given"
    raise PredictionError(
        f"the endpoint answered {answer.status}: {said}",
        status=answer.status,
        where=_where(chunk, endpoint),
        hint=_HINTS.get(answer.status),
    )


_HINTS = {
    401: "give an API key that the endpoint knows",
    403: "give an API key that the endpoint knows",
    413: "send smaller requests",
    503: "deployer status tells whether the endpoint is well",
    504: "send smaller requests, or allow more time",
}


def _where(chunk: Chunk, endpoint: str | None) -> str:
    return f"{endpoint}, {chunk.range()}" if endpoint else chunk.range()


def _message(body: bytes) -> str:
    """What a server says, on one line, without control characters, and not too long."""
    text = body.decode("utf-8", "replace")
    try:
        found: Any = parse(text)
    except NotJSON:
        found = text
    if isinstance(found, Mapping):
        found = next((found[key] for key in ("message", "detail", "error") if found.get(key)), text)
    line = " ".join("".join(char if char.isprintable() else " " for char in str(found)).split())
    return line if len(line) <= _LONGEST_MESSAGE else f"{line[:_LONGEST_MESSAGE]}…"


def predictions_of(answer: Answer, chunk: Chunk, endpoint: str | None = None) -> Predictions:
    """The predictions as rows.

    A list of scalars is one column without a name; of objects, their members; of lists, as many numbered columns. An
    object of lists, each with an item for each row, is columns too.

    Raises:
        PredictionError: They are not there, are no rows, or not as many as were sent.
    """
    where = _where(chunk, endpoint)
    try:
        text = answer.body.decode()
        begin = next((b for key, b, _ in members(text, skip_space(text, 0)) if key == "predictions"), None)
        if begin is None:
            raise PredictionError(
                "the answer has no predictions, so it is no table", where=where, hint="-o json gives it as it came"
            )
        found = _rows(text, begin, chunk.count)
    except (NotJSON, UnicodeDecodeError) as error:
        raise PredictionError(f"the answer is not JSON: {error}", where=where) from None
    if chunk.count is not None and len(found.rows) != chunk.count:
        raise PredictionError(
            f"the endpoint answered {_counted(len(found.rows), 'prediction')} for {_counted(chunk.count, 'row')}",
            where=where,
            hint="a model that does not answer row by row is asked with JSON, and -o json gives its answer as it came",
        )
    return found


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _rows(text: str, begin: int, count: int | None) -> Predictions:
    first = text[begin : begin + 1]
    if first == "[":
        return _of_items(list(items(text, begin)))
    if first != "{":
        return Predictions((None,), [[text[begin : _end(text, begin)]]])
    columns = {key: text[b:e] for key, b, e in members(text, begin)}
    if columns and all(each.startswith("[") for each in columns.values()):
        lists = [list(items(each, 0)) for each in columns.values()]
        if len({len(each) for each in lists}) == 1 and (count is None or len(lists[0]) == count):
            return Predictions(tuple(columns), list(zip(*lists, strict=True)))
    return Predictions(tuple(columns), [list(columns.values())])


def _end(text: str, begin: int) -> int:
    return next(end for _, b, end in members(text, skip_space(text, 0)) if b == begin)


def _of_items(found: list[str]) -> Predictions:
    if found and all(each.startswith("{") for each in found):
        records = [pairs(each) for each in found]
        columns = tuple(dict.fromkeys(key for each in records for key in each))
        rows = [[each.get(key, "null") for key in columns] for each in records]
        # MLflow's name for the column of a series that has none.
        return Predictions((None,), rows) if columns == ("0",) else Predictions(columns, rows)
    if found and all(each.startswith("[") for each in found):
        rows = [list(items(each, 0)) for each in found]
        width = len(rows[0])
        if width and all(len(each) == width for each in rows):
            return Predictions(tuple(str(each) for each in range(width)) if width > 1 else (None,), rows)
    return Predictions((None,), [[each] for each in found])


def as_prediction(predicted: Sequence[str | None], columns: Sequence[str]) -> tuple[str, ...]:
    """The names of prediction columns beside input columns: ``prediction``, ``prediction_0``, or the model's own.

    One that an input column has already is called ``prediction_NAME``.
    """
    taken = set(columns)
    names: list[str] = []
    for each in predicted:
        name = "prediction" if each is None else f"prediction_{each}" if each.isdigit() else each
        while name in taken:
            name = f"prediction_{name}"
        taken.add(name)
        names.append(name)
    return tuple(names)
