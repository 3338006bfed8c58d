"""Run in an environment with full MLflow: saves a model of each flavor of the table, and what it answers.

python save_models.py FOLDER | python save_models.py FOLDER answers MODEL
"""

from __future__ import annotations

import sys
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

warnings.filterwarnings("ignore")


def save(folder: Path) -> None:
    """The models, beside the rows that they are asked."""
    mlflow: Any = import_module("mlflow")
    datasets: Any = import_module("sklearn.datasets")
    frame, target = datasets.load_iris(return_X_y=True, as_frame=True)
    frame.columns = ["a", "b", "c", "d"]
    frame.to_json(folder / "rows.json", orient="split")
    linear: Any = import_module("sklearn.linear_model")
    made = {
        "sklearn": linear.LogisticRegression(max_iter=500).fit(frame, target),
        "xgboost": import_module("xgboost").XGBClassifier(n_estimators=5).fit(frame, target),
        "lightgbm": import_module("lightgbm").LGBMClassifier(n_estimators=5, verbose=-1).fit(frame, target),
        "statsmodels": import_module("statsmodels.api").OLS(target, frame).fit(),
    }
    for name, model in made.items():
        import_module(f"mlflow.{name}").save_model(model, str(folder / name), input_example=frame[:2])

    class Sums(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
        def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
            return model_input.sum(axis=1).round(3).tolist()

    mlflow.pyfunc.save_model(str(folder / "pyfunc"), python_model=Sums(), input_example=frame[:2])


def answers(folder: Path, name: str) -> str:
    """What a model says to the rows, with the MLflow at hand."""
    mlflow, pandas, numpy = (import_module(name) for name in ("mlflow.pyfunc", "pandas", "numpy"))
    rows = pandas.read_json(folder / "rows.json", orient="split")
    return str(numpy.asarray(mlflow.load_model(str(folder / name)).predict(rows)).tobytes().hex())


if __name__ == "__main__":
    if len(sys.argv) > 2:
        print(answers(Path(sys.argv[1]), sys.argv[3]))
    else:
        save(Path(sys.argv[1]))
