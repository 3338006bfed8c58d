"""Model folders as MLflow writes them, made by hand so that unit tests need no library."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

COLUMNS = ("sepal_length", "sepal_width", "petal_length", "petal_width")


def document(**changes: Any) -> dict[str, Any]:
    """What MLflow 3.17 writes into MLmodel for a scikit-learn model."""
    inputs = [{"type": "double", "name": name, "required": True} for name in COLUMNS]
    said: dict[str, Any] = {
        "flavors": {
            "python_function": {
                "env": {"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
                "loader_module": "mlflow.sklearn",
                "model_path": "model.pkl",
                "predict_fn": "predict",
                "python_version": "3.11.7",
            },
            "sklearn": {"code": None, "pickled_model": "model.pkl", "sklearn_version": "1.8.0"},
        },
        "mlflow_version": "3.17.2",
        "model_id": "m-0123456789abcdef0123456789abcdef",
        "model_size_bytes": 1234,
        "saved_input_example_info": {
            "artifact_path": "input_example.json",
            "serving_input_path": "serving_input_example.json",
            "type": "dataframe",
        },
        "signature": {
            "inputs": json.dumps(inputs),
            "outputs": json.dumps([{"type": "long", "required": True}]),
            "params": None,
        },
    }
    return said | changes


def save(folder: Path, mlmodel: dict[str, Any] | str | None = None, **files: str | bytes | None) -> Path:
    """Writes a model; `files` adds or replaces (``requirements_txt="..."``), None leaves a file out."""
    folder.mkdir(parents=True, exist_ok=True)
    text = mlmodel if isinstance(mlmodel, str) else yaml.safe_dump(mlmodel or document())
    content: dict[str, str | bytes | None] = {
        "MLmodel": text,
        "model.pkl": b"\x80\x04not really a pickle",
        "requirements.txt": "mlflow==3.17.2\nscikit-learn==1.8.0\nnumpy==2.3.1\n",
        "python_env.yaml": "python: 3.11.7\nbuild_dependencies:\n- pip==24.0\ndependencies:\n- -r requirements.txt\n",
        "conda.yaml": "dependencies:\n- python=3.11.7\n- pip<=24.0\n- pip:\n  - mlflow==3.17.2\n",
        "serving_input_example.json": '{"dataframe_split": {"columns": ["a"], "data": [[1.0]]}}',
        "input_example.json": "{}",
    }
    named = {"requirements_txt": "requirements.txt", "python_env_yaml": "python_env.yaml", "conda_yaml": "conda.yaml"}
    content |= {named.get(name, name): value for name, value in files.items()}
    for name, value in content.items():
        if value is not None:
            place = folder / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(value.encode() if isinstance(value, str) else value)
    return folder
