"""A model that answers whatever kind of value is asked for in column ``what``, or raises it."""

from __future__ import annotations

import datetime as dt
import decimal
import os
import time
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.protos import databricks_pb2 as codes

NAN, INF = float("nan"), float("inf")
SERIES = pd.Series([1.5, 2.5])
VALUES = {
    "ints": np.array([1, 2]),
    "float32": np.array([0.1, 0.2], dtype=np.float32),
    "matrix": np.array([[1.0, 2.0], [3.0, 4.0]]),
    "texts": np.array(["a", "é"], dtype=object),
    "bools": np.array([True, False]),
    "list": [1, "two", None, True, 1.25],
    "numpy-list": [np.float64(1.5), np.int64(2), np.bool_(True), np.array([1, 2])],
    "text": "hello",
    "number": 7,
    "none": None,
    "dict": {"a": [1, 2], "b": {"c": "d"}},
    "int-keys": {1: "one", 2: "two"},
    "frame": pd.DataFrame({"x": [1, 2], "y": ["a", "b"]}),
    "series": SERIES,
    "named-series": SERIES.rename("price"),
    "empty": [],
    "bytes": b"\x00\xffabc",
    "bytes-list": [b"a" * 60],
    "timestamp": [pd.Timestamp("2024-02-03T04:05:06.789")],
    "dates": [dt.date(2024, 2, 3), dt.datetime(2024, 2, 3, 4, 5), dt.time(4, 5)],  # noqa: DTZ001 - naive ones too
    "times-frame": pd.DataFrame({"t": pd.to_datetime(["2024-02-03T00:00:00", "2024-02-04T05:06:07"])}),
    "nat": pd.DataFrame({"t": pd.Series(["2024-02-03", None], dtype="datetime64[ns]")}),
    "big": [2**70, -(2**63), 0.1 + 0.2, 1e300, 5e-324],
    "unicode": ["\u2028", "\U0001f600", "\\", '"', "</script>"],
    "nan": np.array([1.0, NAN]),
    "infinities": [INF, -INF, NAN, 1.0],
    "nan-frame": pd.DataFrame({"x": [1.0, NAN]}),
    "nan-deep": {"a": [{"b": np.array([NAN, 2.0])}]},
    "set": {1, 2},
    "object": object(),
    "decimal": decimal.Decimal("1.5"),
    "complex": np.array([1j]),
    "tuple-keys": {(1, 2): 3},
    "pandas-na": [pd.NA],
}
RAISED: dict[str, Any] = {
    "value-error": lambda: ValueError("could not use\nthe value 'abc'"),
    "key-error": lambda: KeyError("b"),
    "secret-error": lambda: RuntimeError("denied for " + os.environ.get("API_TOKEN", "?")),
    "not-found": lambda: MlflowException("no such thing", codes.RESOURCE_DOES_NOT_EXIST),
    "invalid": lambda: MlflowException("not so", codes.INVALID_PARAMETER_VALUE),
    "internal": lambda: MlflowException("broken"),
    "exit": lambda: SystemExit(3),
    "stop": StopIteration,
}


class Outputs(mlflow.pyfunc.PythonModel):  # type: ignore[misc, name-defined]
    def __init__(self) -> None:
        self.calls = 0

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        self.calls += 1
        what = model_input["what"].iloc[0]
        if what in RAISED:
            error = RAISED[what]()
            raise error
        if what == "counter":
            return [self.calls]
        if what == "environment":
            return {name: os.environ.get(name) for name in model_input["name"]}
        if what == "print":
            print("the model prints", flush=True)
            return [1]
        if what == "wait":
            while not Path(model_input["gate"].iloc[0]).exists():
                time.sleep(0.01)
            return [1]
        return VALUES[what]


mlflow.models.set_model(Outputs())
