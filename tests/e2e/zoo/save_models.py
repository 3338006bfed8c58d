"""Run with an older or newer MLflow: saves models as people do, in the folder that it is given.

    python save_models.py FOLDER REQUIREMENT... -- MODEL...

All models of one run carry the same requirements, so that one environment serves them all; those whose name ends with
``-inferred`` carry what MLflow finds out itself.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

warnings.filterwarnings("ignore")

import mlflow  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

pyfunc: Any = import_module("mlflow.pyfunc")
models: Any = import_module("mlflow.models")
types: Any = import_module("mlflow.types")

Save = Callable[..., None]
FEATURES = ["a", "b", "c"]
ROWS = 80


def measured() -> tuple[Any, Any]:
    """Rows of three features, and what is to be learnt of them: a number."""
    random = np.random.default_rng(7)
    rows = pd.DataFrame(random.normal(size=(ROWS, 3)), columns=FEATURES)
    return rows, rows["a"] * 3 - rows["b"] + 0.1 * rows["c"] ** 2


def of_columns() -> Any:
    """The schema of all that take the three features."""
    return types.Schema([types.ColSpec(types.DataType.double, name) for name in FEATURES])


def sklearn(how: str | None) -> Save:
    """A regression, written in that form."""

    def save(folder: Path, **given: Any) -> None:
        from sklearn.ensemble import RandomForestRegressor
        from sklearn.linear_model import Ridge
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        flavor: Any = import_module("mlflow.sklearn")
        rows, answers = measured()
        pickled = how in ("pickle", "cloudpickle")  # skops trusts no tree by itself
        last = RandomForestRegressor(n_estimators=5, random_state=3) if pickled else Ridge()
        fitted = make_pipeline(StandardScaler(), last).fit(rows, answers)
        form = {"serialization_format": how} if how else {}
        signature = models.infer_signature(rows, fitted.predict(rows))
        flavor.save_model(fitted, folder, signature=signature, input_example=rows.head(2), **form, **given)

    return save


def lightgbm(folder: Path, **given: Any) -> None:
    """A small booster by its scikit-learn interface."""
    library: Any = import_module("lightgbm")
    flavor: Any = import_module("mlflow.lightgbm")
    rows, answers = measured()
    fitted = library.LGBMRegressor(n_estimators=8, min_child_samples=4, verbose=-1, n_jobs=1).fit(rows, answers)
    outputs = types.Schema([types.ColSpec(types.DataType.double)])
    signature = models.ModelSignature(inputs=of_columns(), outputs=outputs)
    flavor.save_model(fitted, folder, signature=signature, input_example=rows.head(2), **given)


CODE = {
    "pricing/__init__.py": "",
    "pricing/rates.py": "RATES = {'a': 1.5, 'b': -0.25, 'c': 2.0}\n",
    "pricing_model.py": """
import mlflow
import pandas as pd

from pricing.rates import RATES


class Pricing(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return pd.DataFrame({
            "price": sum(model_input[name] * rate for name, rate in RATES.items()),
            "rate": [str(sorted(RATES))] * len(model_input),
        })
""",
}


def code_paths(folder: Path, **given: Any) -> None:
    """A pyfunc whose class lies in a module, and that in need of a package, both shipped beside it."""
    place = folder.with_name(f"{folder.name}-source")
    for name, text in CODE.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)
    sys.path.insert(0, str(place))
    pyfunc.save_model(
        folder,
        python_model=import_module("pricing_model").Pricing(),
        code_paths=[str(place / "pricing"), str(place / "pricing_model.py")],
        signature=models.ModelSignature(inputs=of_columns()),
        input_example=measured()[0].head(2),
        **given,
    )


class Scaling(pyfunc.PythonModel):  # type: ignore[misc]
    """Multiplies, as its params say."""

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        factor, names = params["factor"], params["names"]
        return [float(sum(row[name] for name in names) * factor) for _, row in model_input.iterrows()]


def params(folder: Path, **given: Any) -> None:
    """A pyfunc that takes params, one of them a list."""
    schema = types.ParamSchema(
        [
            types.ParamSpec("factor", types.DataType.double, 2.0),
            types.ParamSpec("names", types.DataType.string, ["a", "b"], (-1,)),
        ]
    )
    signature = models.ModelSignature(inputs=of_columns(), params=schema)
    pyfunc.save_model(folder, python_model=Scaling(), signature=signature, input_example=measured()[0].head(2), **given)


class Norm(pyfunc.PythonModel):  # type: ignore[misc]
    """Of each row of a tensor."""

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        assert isinstance(model_input, np.ndarray), type(model_input)
        return np.sqrt((model_input**2).sum(axis=(1, 2)))


def tensor(folder: Path, **given: Any) -> None:
    """A pyfunc with a tensor signature, and a tensor as its example."""
    kind = np.dtype("float32")
    signature = models.ModelSignature(
        inputs=types.Schema([types.TensorSpec(kind, (-1, 2, 2))]),
        outputs=types.Schema([types.TensorSpec(kind, (-1,))]),
    )
    example = np.arange(8, dtype="float32").reshape(2, 2, 2)
    pyfunc.save_model(folder, python_model=Norm(), signature=signature, input_example=example, **given)


KINDS: dict[str, Save] = {
    "sklearn": sklearn(None),
    "sklearn-pickle": sklearn("pickle"),
    "sklearn-cloudpickle": sklearn("cloudpickle"),
    "sklearn-skops": sklearn("skops"),
    "lightgbm": lightgbm,
    "code-paths": code_paths,
    "params": params,
    "tensor": tensor,
}


def main(folder: str, *words: str) -> None:
    """Save each model."""
    end = words.index("--")
    requirements, names = list(words[:end]), words[end + 1 :]
    for name in names:
        given = {} if name.endswith("-inferred") else {"pip_requirements": requirements}
        KINDS[name.removesuffix("-inferred")](Path(folder) / name, **given)
    print(json.dumps({"mlflow": mlflow.__version__, "models": names}))


if __name__ == "__main__":
    main(*sys.argv[1:])
