"""Predictions for values of Python: a DataFrame gives a DataFrame, lists, arrays and objects give lists."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from deployer.errors import PredictionError, SpecError
from deployer.scoring.cells import value_text
from deployer.scoring.chunks import Row, list_chunks, record_chunks, table_chunks, with_params
from deployer.scoring.json_text import encode_text, parse
from deployer.scoring.parquet import import_dataframe
from deployer.scoring.read import FRAME_FORMS, LIST_FORMS, LLM_KEYS
from deployer.scoring.wire import LIMIT, Chunk, Sender, answered, as_prediction, predictions_of
from deployer.scoring.write import join_predictions
from deployer.value import JSON

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["predict_data", "predict_frame"]


def predict_data(
    data: Any,
    send: Sender,
    *,
    params: Mapping[str, JSON] | None = None,
    limit: int = LIMIT,
    concurrency: int = 1,
    endpoint: str | None = None,
) -> Any:
    """Predictions for data.

    A pandas DataFrame (or Series: one column) gives what `predict_frame` gives. A list of records is sent as
    ``dataframe_records``, an array as ``instances``, any other list as ``inputs``; an object that is a request of
    MLflow's protocol is sent as it is, any other as ``inputs``. These give the answer's ``predictions`` as Python
    values; an answer without these (a language model's) is given whole.

    Args:
        data: As told.
        send: Sends a body to a path.
        params: Of the model.
        limit: Bytes of a request's body; longer lists are divided between rows.
        concurrency: Requests under way at once.
        endpoint: Its name, for messages.

    Raises:
        SpecError: The data has no JSON form.
        PredictionError: The endpoint refused the data, or failed on it.
    """
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(data, pandas.Series):
        data = data.to_frame()
    if pandas is not None and isinstance(data, pandas.DataFrame):
        return predict_frame(data, send, params=params, limit=limit, concurrency=concurrency, endpoint=endpoint)
    chunks = _chunks(data, params, limit)
    answers = [(c, a.body) for c, a in answered(chunks, send, concurrency=concurrency, endpoint=endpoint)]
    body = answers[0][1] if len(answers) == 1 else join_predictions(answers)
    try:
        found = parse(body.decode())
    except ValueError as error:
        raise PredictionError(f"the answer is not JSON: {error}", where=endpoint) from None
    return found["predictions"] if isinstance(found, Mapping) and "predictions" in found else found


def predict_frame(
    frame: pd.DataFrame,
    send: Sender,
    *,
    params: Mapping[str, JSON] | None = None,
    limit: int = LIMIT,
    concurrency: int = 1,
    endpoint: str | None = None,
    join: bool = False,
) -> pd.DataFrame:
    """Predictions for a frame's rows, in their order and with the frame's index.

    Args:
        frame: Its index is not sent; column names that are numbers stay numbers.
        send: Sends a body to a path.
        params: Of the model.
        limit: Bytes of a request's body.
        concurrency: Requests under way at once.
        endpoint: Its name, for messages.
        join: Also repeat the frame's own columns, before the predictions.

    Returns:
        The column ``prediction``, or the prediction's own columns.

    Raises:
        SpecError: A value has no JSON form, or the columns have several levels.
        PredictionError: The endpoint refused the data, or answered not row by row.
    """
    pandas = import_dataframe("pandas")
    if frame.columns.nlevels > 1:
        raise SpecError("a frame whose columns have several levels cannot be sent; give each column one name")
    columns = [str(each) for each in frame.columns]
    taken = columns if join else []
    names: tuple[str, ...] = ()
    rows: list[list[Any]] = []
    for chunk, answer in answered(
        _frame_chunks(frame, params, limit), send, concurrency=concurrency, endpoint=endpoint
    ):
        found = predictions_of(answer, chunk, endpoint)
        here = as_prediction(found.columns, taken)
        names = names or here
        if set(here) != set(names):
            raise PredictionError("the answer has other columns than the first one", where=chunk.range())
        order = [here.index(each) for each in names]
        rows.extend([parse(row[each]) for each in order] for row in found.rows)
    predicted = pandas.DataFrame(
        {name: [row[at] for row in rows] for at, name in enumerate(names)},
        index=frame.index,
        columns=list(names) or ["prediction"],
    )
    result: pd.DataFrame = pandas.concat([frame, predicted], axis=1) if join else predicted
    return result


def _frame_chunks(frame: pd.DataFrame, params: Mapping[str, JSON] | None, limit: int) -> Iterator[Chunk]:
    columns = [[value_text(each) for each in frame.iloc[:, at].tolist()] for at in range(frame.shape[1])]
    names = "[" + ", ".join(value_text(each) for each in frame.columns.tolist()) + "]"
    rows = (Row(cells) for cells in zip(*columns, strict=True))
    return table_chunks([], rows, limit=limit, tail=with_params(params), keep=False, names=names)


def _chunks(data: Any, params: Mapping[str, JSON] | None, limit: int) -> Iterator[Chunk]:
    tail = with_params(params)
    if isinstance(data, Mapping):
        return iter([_of_object(data, params)])
    if isinstance(data, str | bytes):
        raise SpecError("a text is no data", hint="give rows, or predict_file a file's name")
    array = hasattr(data, "tolist")
    rows = data.tolist() if array else data
    if not isinstance(rows, Sequence):
        raise SpecError(f"a {type(data).__name__} is no data", hint="give a DataFrame, a list, an array or an object")
    if not rows:
        raise SpecError("there are no rows in it")
    if not array and all(isinstance(each, Mapping) for each in rows):
        return record_chunks(map(value_text, rows), limit=limit, tail=tail, keep=False)
    return list_chunks(value_text(rows), limit=limit, key="instances" if array else "inputs", tail=tail)


def _of_object(data: Mapping[str, Any], params: Mapping[str, JSON] | None) -> Chunk:
    if any(key in data for key in (*FRAME_FORMS, *LIST_FORMS, *LLM_KEYS)):
        given = {**data, "params": {**data.get("params", {}), **params}} if params else data
        return Chunk(value_text(given).encode())
    return Chunk(f"{{{encode_text('inputs')}: {value_text(data)}{with_params(params)}}}".encode())
