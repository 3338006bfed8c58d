"""Packaged models written by hand, with the smallest environment that MLflow's pyfunc runs in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

REQUIREMENTS = ("mlflow-skinny==3.17.2", "numpy==2.4.6", "pandas==3.1.1")
EXAMPLE = {"dataframe_split": {"columns": ["a"], "data": [[1.0], [2.0]]}}
SIGNATURE = {"inputs": '[{"type": "double", "name": "a", "required": true}]', "outputs": None, "params": None}

TIMES = """\
class Model:
    def predict(self, frame, params=None):
        return (frame["a"] * {factor}).tolist()


def _load_pyfunc(path):
    return Model()
"""
"""A loader module that multiplies by ``factor``."""


def write_tiny(
    folder: Path,
    code: str,
    *,
    requirements: tuple[str, ...] = REQUIREMENTS,
    flavor: Mapping[str, Any] | None = None,
    files: Mapping[str, str | bytes] | None = None,
    mlmodel: Mapping[str, Any] | None = None,
) -> Path:
    """Write a pyfunc model whose loader module is ``code``.

    Args:
        folder: Made.
        code: Of ``code/tiny_model.py``.
        requirements: Lines of requirements.txt.
        flavor: More keys of the flavor, or others.
        files: More files, by their paths.
        mlmodel: More keys of MLmodel.
    """
    said = {
        "flavors": {
            "python_function": {
                "code": "code", "env": {"virtualenv": "python_env.yaml"}, "loader_module": "tiny_model",
                "python_version": "3.11.7", **(flavor or {}),
            }
        },
        "mlflow_version": "3.17.2",
        "model_uuid": "9c7b36de00094000ba2940d7ca6c1f65",
        "saved_input_example_info": {"serving_input_path": "serving_input_example.json", "type": "dataframe"},
        "signature": SIGNATURE,
        "utc_time_created": "2026-01-01 00:00:00.000000",
        **(mlmodel or {}),
    }  # fmt: skip
    written: dict[str, str | bytes] = {
        "MLmodel": json.dumps(said, indent=1),
        "code/tiny_model.py": code,
        "requirements.txt": "".join(f"{line}\n" for line in requirements),
        "python_env.yaml": "python: 3.11.7\ndependencies:\n- -r requirements.txt\n",
        "serving_input_example.json": json.dumps(EXAMPLE),
        **(files or {}),
    }
    for name, content in written.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder
