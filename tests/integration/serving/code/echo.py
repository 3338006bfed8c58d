"""A model that answers what it was given: types and values, so that two servers' parsing can be compared."""

from __future__ import annotations

from typing import Any

import mlflow.pyfunc
import numpy as np
import pandas as pd


def told(value: Any) -> Any:
    if isinstance(value, pd.DataFrame):
        columns = [[str(name), str(value[name].dtype), [told(item) for item in value[name]]] for name in value.columns]
        return {"frame": columns, "index": [str(item) for item in value.index]}
    if isinstance(value, np.ndarray):
        return {"array": str(value.dtype), "shape": list(value.shape), "values": repr(value.tolist())}
    if isinstance(value, dict):
        return {str(key): told(item) for key, item in value.items()}
    if isinstance(value, list):
        return [told(item) for item in value]
    return f"{type(value).__name__} {value!r}"


class Echo(mlflow.pyfunc.PythonModel):  # type: ignore[misc, name-defined]
    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        return [told(model_input), told(params)]


mlflow.models.set_model(Echo())
