"""Run with an older or newer MLflow: saves models as people do, in the folder that it is given.

    python save_models.py FOLDER REQUIREMENT... -- MODEL...

All models of one run carry the same requirements, so that one environment serves them all; those whose name ends with
``-inferred`` carry what MLflow finds out itself.
"""

import json
import os
import sys
import warnings

warnings.filterwarnings("ignore")

import mlflow  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from mlflow.models import ModelSignature, infer_signature  # noqa: E402
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema, TensorSpec  # noqa: E402

FEATURES = ["a", "b", "c"]
ROWS = 80


def measured():
    """Rows of three features, and what is to be learnt of them: a number."""
    random = np.random.default_rng(7)
    rows = pd.DataFrame(random.normal(size=(ROWS, 3)), columns=FEATURES)
    return rows, rows["a"] * 3 - rows["b"] + 0.1 * rows["c"] ** 2


def of_columns():
    """The signature of all that take the three features."""
    return ModelSignature(
        inputs=Schema([ColSpec(DataType.double, name) for name in FEATURES]), outputs=Schema([ColSpec(DataType.double)])
    )


def sklearn(how):
    """A regression, written in that form."""

    def save(folder, **given):
        import mlflow.sklearn
        from sklearn.ensemble import RandomForestRegressor
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        rows, answers = measured()
        fitted = make_pipeline(StandardScaler(), RandomForestRegressor(n_estimators=5, random_state=3))
        fitted.fit(rows, answers)
        form = {"serialization_format": how} if how else {}
        mlflow.sklearn.save_model(
            fitted, folder, signature=infer_signature(rows, fitted.predict(rows)), input_example=rows.head(2), **form,
            **given,
        )  # fmt: skip

    return save


def lightgbm(folder, **given):
    """A small booster by its scikit-learn interface."""
    import lightgbm as lgb
    import mlflow.lightgbm

    rows, answers = measured()
    fitted = lgb.LGBMRegressor(n_estimators=8, min_child_samples=4, verbose=-1, n_jobs=1).fit(rows, answers)
    mlflow.lightgbm.save_model(fitted, folder, signature=of_columns(), input_example=rows.head(2), **given)


CODE = {
    "pricing/__init__.py": "",
    "pricing/rates.py": "RATES = {'a': 1.5, 'b': -0.25, 'c': 2.0}\n",
    "pricing_model.py": '''
import mlflow
import pandas as pd

from pricing.rates import RATES


class Pricing(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return pd.DataFrame({
            "price": sum(model_input[name] * rate for name, rate in RATES.items()),
            "rate": [str(sorted(RATES))] * len(model_input),
        })
''',
}


def code_paths(folder, **given):
    """A pyfunc whose class lies in a package that is shipped beside it."""
    place = os.path.join(os.path.dirname(folder), "code-" + os.path.basename(folder))
    for name, text in CODE.items():
        path = os.path.join(place, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
    sys.path.insert(0, place)
    from pricing_model import Pricing

    mlflow.pyfunc.save_model(
        folder, python_model=Pricing(), code_paths=[os.path.join(place, "pricing"), f"{place}/pricing_model.py"],
        signature=ModelSignature(inputs=of_columns().inputs), input_example=measured()[0].head(2), **given,
    )  # fmt: skip


class Scaling(mlflow.pyfunc.PythonModel):
    """Multiplies, as its params say."""

    def predict(self, context, model_input, params=None):
        factor, names = params["factor"], params["names"]
        return [float(sum(row[name] for name in names) * factor) for _, row in model_input.iterrows()]


def params(folder, **given):
    """A pyfunc that takes params, one of them a list."""
    schema = ParamSchema(
        [ParamSpec("factor", DataType.double, 2.0), ParamSpec("names", DataType.string, ["a", "b"], (-1,))]
    )
    mlflow.pyfunc.save_model(
        folder, python_model=Scaling(), signature=ModelSignature(inputs=of_columns().inputs, params=schema),
        input_example=measured()[0].head(2), **given,
    )  # fmt: skip


class Norm(mlflow.pyfunc.PythonModel):
    """Of each row of a tensor."""

    def predict(self, context, model_input, params=None):
        assert isinstance(model_input, np.ndarray), type(model_input)
        return np.sqrt((model_input**2).sum(axis=(1, 2)))


def tensor(folder, **given):
    """A pyfunc with a tensor signature, and a tensor as its example."""
    signature = ModelSignature(
        inputs=Schema([TensorSpec(np.dtype("float32"), (-1, 2, 2))]),
        outputs=Schema([TensorSpec(np.dtype("float32"), (-1,))]),
    )
    example = np.arange(8, dtype="float32").reshape(2, 2, 2)
    mlflow.pyfunc.save_model(folder, python_model=Norm(), signature=signature, input_example=example, **given)


KINDS = {
    "sklearn": sklearn(None),
    "sklearn-pickle": sklearn("pickle"),
    "sklearn-cloudpickle": sklearn("cloudpickle"),
    "sklearn-skops": sklearn("skops"),
    "lightgbm": lightgbm,
    "code-paths": code_paths,
    "params": params,
    "tensor": tensor,
}


def main(folder, *words):
    """Save each model."""
    end = words.index("--")
    requirements, names = list(words[:end]), words[end + 1 :]
    for name in names:
        given = {} if name.endswith("-inferred") else {"pip_requirements": requirements}
        KINDS[name.removesuffix("-inferred")](os.path.join(folder, name), **given)
    print(json.dumps({"mlflow": mlflow.__version__, "models": names}))


if __name__ == "__main__":
    main(*sys.argv[1:])
