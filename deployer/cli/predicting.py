"""Sends a file's rows to an endpoint, and writes the answers where they are wanted."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from deployer.cli.patience import patiently
from deployer.cli.render.escape import one_line
from deployer.cli.render.words import counted
from deployer.cli.screen import OutputClosed
from deployer.errors import SpecError
from deployer.scoring import Form, predict_file, send_file
from deployer.value import JSON

if TYPE_CHECKING:
    from deployer.cli.session import Session

__all__ = ["parse_params", "predict", "stream_answer"]


def predict(
    now: Session, name: str, target: str, source: str, *, to: str | None, form: str | None, out: str | None,
    params: Sequence[str], chunk_size: str, concurrency: int,
) -> int:  # fmt: skip
    """Write the predictions; returns the exit code.

    Raises:
        NotFound: There is no such endpoint or file.
        SpecError: An option or the input is not usable.
        PredictionError: The endpoint refused the rows, or failed on them.
    """
    limit = _bytes(chunk_size)
    given = parse_params(params)
    binary = to == Form.PARQUET or (to is None and (form == Form.PARQUET or Path(source).suffix in (".parquet", ".pq")))
    if out is None and binary and now.screen.out.isatty():
        raise SpecError("parquet is not for a terminal", hint="--out FILE writes it to a file; -o csv shows it here")
    if source == "-" and sys.stdin is not None and sys.stdin.isatty():
        now.screen.tell(["Reading rows from the terminal; Ctrl-D ends them."])
    with patiently(now.screen, "ask", f"asking {target}"):
        types = _column_types(now, name, target) if form in (None, Form.CSV) else {}
    with _writing(now, out) as stream:
        summary = predict_file(
            source, stream, now.deployer.sender(name, target=target), form=form, to=to, limit=limit,
            concurrency=concurrency, params=given or None, column_types=types or None, endpoint=name,
        )  # fmt: skip
    if out is not None:
        rows = counted(summary.rows, "row") if summary.rows is not None else counted(summary.requests, "request")
        by = f", answered by {', '.join(summary.revisions)}" if summary.revisions else ""
        now.screen.tell([f"{rows} written to {one_line(out)}{by}."])
    return 0


def stream_answer(now: Session, name: str, target: str, source: str, *, out: str | None) -> int:
    """Write the answer to one request as it comes; returns the exit code.

    Raises:
        NotFound: There is no such endpoint or file.
        SpecError: The input is not usable.
        PredictionError: The endpoint refused the request, or failed on it.
        TargetUnavailable: The answer did not come, or broke off.
    """
    with _writing(now, out) as stream:

        def passed(piece: bytes) -> None:
            stream.write(piece)
            stream.flush()

        send_file(source, now.deployer.sender(name, target=target, passed=passed), endpoint=name)
    return 0


def _bytes(text: str) -> int:
    from deployer.quantity import parse_memory

    try:
        return parse_memory(text)
    except ValueError as error:
        raise SpecError(str(error), where="--chunk-size") from None


def parse_params(given: Sequence[str]) -> dict[str, JSON]:
    """``KEY=VALUE``, each value read as JSON where it is some, else taken as text.

    Raises:
        SpecError: One has no ``=``.
    """
    params: dict[str, JSON] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise SpecError(f"--param takes KEY=VALUE, not {text!r}", hint="for example --param horizon=12")
        try:
            params[key] = json.loads(value)
        except ValueError:
            params[key] = value
    return params


def _column_types(now: Session, name: str, target: str) -> dict[str, str]:
    """What the model's signature says of each column, so that a CSV's ``007`` stays text where text is wanted."""
    from deployer.cli.standing import serving_model

    model = serving_model(now, now.deployer.status(name, target=target))
    inputs = model.signature.inputs if model and model.signature else None
    return {each.name: each.type for each in inputs or () if each.name is not None and each.shape is None}


@contextlib.contextmanager
def _writing(now: Session, out: str | None) -> Iterator[BinaryIO]:
    """Stdout, or a file that is there whole or not at all."""
    if out is None:
        try:
            yield now.screen.out.buffer
            now.screen.out.buffer.flush()
        except BrokenPipeError:
            now.screen.close_out()
            raise OutputClosed from None
        return
    place = Path(out)
    try:
        descriptor, beside = tempfile.mkstemp(prefix=f".{place.name}.", dir=place.parent)
    except OSError as error:
        raise SpecError(f"cannot write: {(error.strerror or 'unknown reason').lower()}", where=out) from None
    try:
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
        mask = os.umask(0)
        os.umask(mask)
        Path(beside).chmod(0o666 & ~mask)
        Path(beside).replace(place)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
