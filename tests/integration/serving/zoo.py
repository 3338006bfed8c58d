"""The packaged models that the tests serve, saved by the MLflow that is installed here."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable
from contextlib import chdir
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd

CODE = Path(__file__).parent / "code"
EXAMPLE = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})


def _signature(inputs: Any, params: Any = None) -> Any:
    from mlflow.models import ModelSignature

    return ModelSignature(inputs=inputs, params=params)


def _columns(*columns: tuple[Any, str], optional: tuple[str, ...] = ()) -> Any:
    types: Any = import_module("mlflow.types")
    return types.Schema([types.ColSpec(kind, name, required=name not in optional) for kind, name in columns])


def _linear() -> Any:
    return _signature(_columns(("double", "a"), ("double", "b")))


def _types() -> Any:
    kinds = ("boolean", "integer", "long", "float", "double", "string", "binary", "datetime")
    return _signature(_columns(*((kind, kind) for kind in kinds), ("string", "note"), optional=("note",)))


def _nested() -> Any:
    s: Any = import_module("mlflow.types.schema")
    person = s.Object([s.Property("name", s.DataType.string), s.Property("age", s.DataType.long, required=False)])
    return _signature(_columns((s.Array(s.DataType.double), "prices"), (person, "person")))


def _tensor(*names: str | None) -> Any:
    import numpy as np

    types: Any = import_module("mlflow.types")
    return _signature(types.Schema([types.TensorSpec(np.dtype("float32"), (-1, 2), name) for name in names]))


def _params() -> Any:
    types: Any = import_module("mlflow.types")
    params = types.ParamSchema(
        [
            types.ParamSpec("k", "double", 1.0),
            types.ParamSpec("n", "long", 3),
            types.ParamSpec("words", "string", ["a"], (-1,)),
            types.ParamSpec("temperature", "double", 0.5),
        ]
    )
    return _signature(_columns(("double", "a")), params)


def _unnamed() -> Any:
    types: Any = import_module("mlflow.types")
    return _signature(types.Schema([types.ColSpec("string")]))


def _none() -> Any:
    return None


ZOO: dict[str, tuple[str, Callable[[], Any]]] = {
    "linear": ("linear.py", _linear),
    "outputs": ("outputs.py", _none),
    "echo-linear": ("echo.py", _linear),
    "echo-none": ("echo.py", _none),
    "echo-types": ("echo.py", _types),
    "echo-nested": ("echo.py", _nested),
    "echo-tensor": ("echo.py", lambda: _tensor(None)),
    "echo-tensors": ("echo.py", lambda: _tensor("x", "y")),
    "echo-params": ("echo.py", _params),
    "echo-text": ("echo.py", _unnamed),
    "hints": ("hints.py", _none),
    "chat": ("chat.py", _none),
}


def save(name: str, folder: Path) -> Path:
    """Save the model of that name with ``mlflow.pyfunc.save_model``, in a folder outside any project."""
    import mlflow

    folder.mkdir(parents=True)
    code, signature = ZOO[name]
    with chdir(folder):
        mlflow.pyfunc.save_model(
            folder / name,
            python_model=str(CODE / code),
            signature=signature(),
            input_example=EXAMPLE if name == "linear" else None,
            pip_requirements=["mlflow-skinny", "pandas"],
        )
    return folder / name


def write(folder: Path, code: str, example: Any = None) -> Path:
    """Write a model by hand, with a loader module of its own; for what ``save_model`` itself would refuse to save."""
    (folder / "code").mkdir(parents=True)
    (folder / "code" / "loader_of_a_test.py").write_text(textwrap.dedent(code))
    flavor = {"loader_module": "loader_of_a_test", "code": "code"}
    (folder / "MLmodel").write_text(json.dumps({"flavors": {"python_function": flavor}}))
    if example is not None:
        (folder / "serving_input_example.json").write_text(json.dumps(example))
    return folder
