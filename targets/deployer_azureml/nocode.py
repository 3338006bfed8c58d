"""Requests and answers of the server that Azure gives a model by itself (``config.no_code``). Pure.

It takes ``input_data`` where MLflow's server takes ``dataframe_split``, ``inputs`` and the like, and answers the plain
predictions ("Deploy MLflow models to online endpoints": differences between models deployed in Azure Machine Learning
and MLflow built-in server).
"""

from __future__ import annotations

import json
from typing import Any

from deployer.errors import PredictionError

__all__ = ["answered", "asked"]

_PLAIN = ("inputs", "instances")


def asked(body: bytes) -> bytes:
    """A request of MLflow's protocol, as that server takes it; one that is in its own form already stays as it is.

    Raises:
        PredictionError: It is none of JSON, such as a CSV, or has no data in it.
    """
    try:
        told = json.loads(body)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise PredictionError(
            "with config.no_code Azure's own server answers, which takes JSON objects alone", status=415,
            hint='send {"dataframe_split": {"columns": [...], "data": [...]}}, or {"inputs": [...]}',
        )  # fmt: skip
    if "input_data" in told:
        return body
    data = _data(told)
    if data is None:
        raise PredictionError(
            "the request has no data", status=400,
            hint='send {"dataframe_split": {"columns": [...], "data": [...]}}, or {"inputs": [...]}',
        )  # fmt: skip
    params = {"params": told["params"]} if told.get("params") else {}
    return json.dumps({"input_data": data, **params}).encode()


def _data(told: dict[str, Any]) -> Any:
    if isinstance(told.get("dataframe_split"), dict):
        split = told["dataframe_split"]
        rows = split.get("data") or []
        return {"columns": split.get("columns"), "index": split.get("index") or [*range(len(rows))], "data": rows}
    records = told.get("dataframe_records")
    if isinstance(records, list) and all(isinstance(each, dict) for each in records):
        columns = [*dict.fromkeys(name for each in records for name in each)]
        rows = [[each.get(name) for name in columns] for each in records]
        return {"columns": columns, "index": [*range(len(rows))], "data": rows}
    return next((told[name] for name in _PLAIN if name in told), None)


def answered(body: bytes) -> bytes:
    """Its answer, as MLflow's server has it: ``{"predictions": ...}``; what is no JSON stays as it is."""
    try:
        told = json.loads(body)
    except ValueError:
        return body
    if isinstance(told, dict) and "predictions" in told:
        return body
    return json.dumps({"predictions": told}).encode()
