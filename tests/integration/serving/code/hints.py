"""A model whose signature comes from its type hints."""

from __future__ import annotations

import mlflow.pyfunc


class Hints(mlflow.pyfunc.PythonModel):  # type: ignore[misc, name-defined]
    def predict(self, model_input: list[str]) -> list[str]:
        return [f"{type(model_input).__name__} {item!r}" for item in model_input]


mlflow.models.set_model(Hints())
