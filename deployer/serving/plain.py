"""What a plain pyfunc call answers to a request: the other side of a verification."""

from __future__ import annotations

import json
from importlib import import_module
from io import BytesIO, StringIO
from typing import Any

from .libraries import libraries
from .protocol import CSV, PARQUET, Call, media_type, parse

__all__ = ["plain_answer"]


def plain_answer(model: Any, content_type: str | None, body: bytes) -> Any:
    """Parse the request afresh as MLflow itself does, call ``pyfunc.predict``, and answer what its JSON would hold.

    The parsing is MLflow's own scoring server's where that can be imported (MLflow 3, or full MLflow), so
    that a fault in ours shows as a difference; elsewhere it is :func:`protocol.parse`.

    Raises:
        Exception: Whatever parsing, the model or the encoder raises.
    """
    call = _mlflow_call(model, content_type, body)
    raw = model.predict(call.data, params=call.params)
    lent = libraries()
    value = lent.jsonable(raw, pandas_orient="records")
    return json.loads(json.dumps(value if call.unwrapped else {"predictions": value}, cls=lent.encoder))


def _mlflow_call(model: Any, content_type: str | None, body: bytes) -> Call:
    metadata = model.metadata
    schema = metadata.get_input_schema()
    kind = media_type(content_type)
    try:
        server: Any = import_module("mlflow.pyfunc.scoring_server")
        csv, parquet = server.parse_csv_input, server.parse_parquet_input
        parse_json = server._parse_json_data  # noqa: SLF001 - what its own routes call
    except (ImportError, AttributeError):
        return parse(content_type, body, metadata, schema)
    if kind == CSV:
        return Call(csv(StringIO(body.decode("utf-8")), schema=schema), None)
    if kind == PARQUET:
        return Call(parquet(BytesIO(body)), None)
    parsed = parse_json(body, metadata, schema)
    return Call(parsed.data, parsed.params, parsed.is_unified_llm_input)
