"""Predictions for a file: read, send, write, chunk by chunk, in the order of the rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from deployer.errors import SpecError
from deployer.nearest import did_you_mean
from deployer.scoring.read import read_input
from deployer.scoring.source import Form, open_source
from deployer.scoring.wire import LIMIT, Chunk, Sender, answered
from deployer.scoring.write import writer_for
from deployer.value import JSON

__all__ = ["Summary", "predict_file", "send_file"]


@dataclass(frozen=True)
class Summary:
    """What was done.

    Attributes:
        rows: How many were answered; None when the request had no rows that can be counted.
        requests: How many were sent.
        revisions: Those that answered, by their ids, where the endpoint says so.
    """

    rows: int | None
    requests: int
    revisions: tuple[str, ...]


def predict_file(
    source: str | Path | BinaryIO,
    out: BinaryIO,
    send: Sender,
    *,
    form: str | None = None,
    to: str | None = None,
    limit: int = LIMIT,
    concurrency: int = 1,
    params: Mapping[str, JSON] | None = None,
    column_types: Mapping[str, str] | None = None,
    endpoint: str | None = None,
    stdin: BinaryIO | None = None,
) -> Summary:
    """Send a file's rows to an endpoint, and write the predictions.

    JSON is any form of MLflow's scoring protocol (``dataframe_split``, ``dataframe_records``, ``instances``,
    ``inputs``, and the forms of language models), or a bare list: of objects it is ``dataframe_records``, of anything
    else ``inputs``. NDJSON is a record in each line. What fits into one request is sent as it stands; more is divided
    between rows.

    JSON out is MLflow's answer: byte for byte (with a line's end) when it is one, the lists joined when there are
    several. CSV, NDJSON and parquet repeat the input's columns and add ``prediction``, or the prediction's own columns;
    one whose name an input column has already is called ``prediction_NAME``. Numbers keep their digits.

    Args:
        source: A path, ``-``, or an open binary file.
        out: Where to; tables are written as the answers come.
        send: Sends a body to a path.
        form: ``csv``, ``json``, ``ndjson`` or ``parquet``; by default told by the file's name or content.
        to: The same, by default as the input.
        limit: Bytes of a request's body; one row alone may be larger.
        concurrency: Requests under way at once; the order stays.
        params: Of the model, for every request.
        column_types: Of the model's signature (`column_types`), which decides what a CSV column is.
        endpoint: Its name, for messages.
        stdin: What ``-`` reads; by default the process's.

    Raises:
        NotFound: There is no such file.
        SpecError: It cannot be read, or a needed package is not installed.
        PredictionError: The endpoint answered with an error, or not row by row where it must.
    """
    if limit < 1 or concurrency < 1:
        raise SpecError("the bytes of a request and the number of requests at once are at least 1")
    with open_source(source, stdin=stdin) as opened:
        read_as = _form(form, "--format") or opened.form()
        write_as = _form(to, "-o") or read_as
        own_types = read_as is write_as is Form.PARQUET
        keep = write_as is not Form.JSON and not own_types
        found = read_input(opened, read_as, limit=limit, keep=keep, params=params, column_types=column_types)
        table = found.table if own_types else None
        writer = writer_for(write_as, out, delimiter=found.delimiter, table=table, endpoint=endpoint)
        rows: int | None = 0
        requests, revisions = 0, dict[str, None]()
        for chunk, answer in answered(found.chunks, send, concurrency=concurrency, endpoint=endpoint):
            writer.add(chunk, answer)
            requests += 1
            rows = None if rows is None or chunk.count is None else rows + chunk.count
            revision = answer.headers.get("deployer-revision")
            if revision:
                revisions[revision] = None
        writer.close()
    return Summary(rows, requests, tuple(revisions))


def _form(word: str | None, option: str) -> Form | None:
    if word is None:
        return None
    try:
        return Form(word)
    except ValueError:
        known = [each.value for each in Form]
        raise SpecError(f"{word!r} is not one of {', '.join(known)}{did_you_mean(word, known)}", where=option) from None


def send_file(
    source: str | Path | BinaryIO, send: Sender, *, endpoint: str | None = None, stdin: BinaryIO | None = None
) -> Summary:
    """Send a file of JSON as it is, in one request, whose answer goes where the sender brings it.

    Args:
        source: A path, ``-``, or an open binary file.
        send: Sends a body to a path.
        endpoint: Its name, for messages.
        stdin: What ``-`` reads; by default the process's.

    Raises:
        NotFound: There is no such file.
        SpecError: It cannot be read, or is no JSON.
        PredictionError: The endpoint answered with an error.
    """
    with open_source(source, stdin=stdin) as found:
        if found.form() is not Form.JSON:
            raise SpecError("what is streamed is one request, of JSON", where=found.name, hint="without --stream rows")
        with found.open() as file:
            body = file.read()
    revisions = [
        answer.headers.get("deployer-revision") for _, answer in answered([Chunk(body)], send, endpoint=endpoint)
    ]
    return Summary(None, 1, tuple(filter(None, revisions)))
