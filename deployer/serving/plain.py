"""What a plain pyfunc call answers to a request: the other side of a verification."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from io import BytesIO, StringIO
from typing import Any

from .libraries import libraries, mlflow_version
from .protocol import CSV, PARQUET, Call, media_type, parse

__all__ = ["plain_answer"]

FASTAPI = 3
"""The first MLflow whose scoring server can be imported without Flask and the tracking server."""


def plain_answer(model: Any, content_type: str | None, body: bytes) -> Any:
    """Parse the request afresh as MLflow itself does, call ``pyfunc.predict``, and answer what its JSON would hold.

    The parsing is MLflow's own scoring server's from MLflow 3 on, so
    that a fault in ours shows as a difference; elsewhere it is :func:`protocol.parse`.

    Raises:
        Exception: Whatever parsing, the model or the encoder raises.
    """
    call = _call(model, content_type, body)
    raw = call.ask(model)
    lent = libraries()
    value = lent.jsonable(raw, pandas_orient="records")
    return json.loads(json.dumps(value if call.unwrapped else {"predictions": value}, cls=lent.encoder))


@dataclass(frozen=True)
class _Parsers:
    csv: Any
    parquet: Any
    json: Any


@lru_cache(maxsize=1)
def _mlflow_parsers() -> _Parsers | None:
    """What MLflow's own routes call; None before MLflow 3, where importing it brings a whole tracking server along."""
    if int(mlflow_version().partition(".")[0]) < FASTAPI:
        return None
    server: Any = import_module("mlflow.pyfunc.scoring_server")
    return _Parsers(server.parse_csv_input, server.parse_parquet_input, server._parse_json_data)  # noqa: SLF001


def _call(model: Any, content_type: str | None, body: bytes) -> Call:
    metadata = model.metadata
    schema = metadata.get_input_schema()
    kind = media_type(content_type)
    try:
        mlflow = _mlflow_parsers()
    except (ImportError, AttributeError, ValueError):
        mlflow = None
    if mlflow is None:
        return parse(content_type, body, metadata, schema)
    if kind == CSV:
        return Call(mlflow.csv(StringIO(body.decode("utf-8")), schema=schema), None)
    if kind == PARQUET:
        return Call(mlflow.parquet(BytesIO(body)), None)
    parsed = mlflow.json(body, metadata, schema)
    return Call(parsed.data, parsed.params, parsed.is_unified_llm_input)
