"""Twice ``a`` plus ``b``."""

from __future__ import annotations

from typing import Any

import mlflow.pyfunc


class Linear(mlflow.pyfunc.PythonModel):  # type: ignore[misc, name-defined]
    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        return (model_input["a"] * 2 + model_input["b"]).to_numpy()


mlflow.models.set_model(Linear())
