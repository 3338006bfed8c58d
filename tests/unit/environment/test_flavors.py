"""Where mlflow-skinny takes the place of full MLflow, and where full MLflow stays."""

from __future__ import annotations

import pytest

from deployer.environment.flavors import wants_full_mlflow, with_skinny
from deployer.model import parse_requirements

INFERRED = ("cloudpickle==3.1.3", "numpy==2.4.6", "pandas==2.3.3")


def skinny(loader: str, *lines: str, extra: tuple[str, ...] = (), code: tuple[str, ...] = ()) -> list[str]:
    found = parse_requirements(lines, where="requirements.txt")
    added = parse_requirements(extra, where="requirements.extra")
    return [f"{one.name}{one.specifier}" for one in with_skinny(found, loader, extra=added, code=code)]


@pytest.mark.parametrize(
    ("loader", "package"),
    [
        ("mlflow.sklearn", "scikit-learn==1.9.1"),
        ("mlflow.xgboost", "xgboost==3.2.0"),
        ("mlflow.xgboost", "xgboost-cpu==3.2.0"),
        ("mlflow.lightgbm", "lightgbm==4.7.0"),
        ("mlflow.statsmodels", "statsmodels==0.15.0"),
        ("mlflow.pyfunc.model", "cloudpickle==3.1.3"),
    ],
)
@pytest.mark.parametrize("version", ["2.22.0", "2.22.4", "3.1.4", "3.17.2"])
def test_a_list_that_mlflow_inferred(loader: str, package: str, version: str) -> None:
    lines = tuple(dict.fromkeys((package, *INFERRED)))
    assert skinny(loader, f"mlflow=={version}", *lines) == [f"mlflow-skinny=={version}", *lines]


def test_what_it_misses_is_added() -> None:
    found = skinny("mlflow.sklearn", "mlflow==3.1.4", "scikit-learn==1.5.0")
    assert found == ["mlflow-skinny==3.1.4", "scikit-learn==1.5.0", "numpy", "pandas<3"]
    found = skinny("mlflow.sklearn", "scikit-learn==1.5.0", "mlflow==3.1.4", extra=("pandas==2.2.0",))
    assert found == ["scikit-learn==1.5.0", "mlflow-skinny==3.1.4", "numpy"]


@pytest.mark.parametrize(
    ("loader", "lines"),
    [
        ("mlflow.pytorch", ("mlflow==3.1.4", "torch==2.6.0", *INFERRED)),  # not in the table
        ("my.own.loader", ("mlflow==3.1.4", *INFERRED)),
        ("mlflow.sklearn", ("mlflow==2.21.3", "scikit-learn==1.5.0")),  # versions that were not tried
        ("mlflow.sklearn", ("mlflow==4.0.0", "scikit-learn==1.5.0")),
        ("mlflow.sklearn", ("mlflow>=3", "scikit-learn==1.5.0")),
        ("mlflow.sklearn", ("mlflow", "scikit-learn==1.5.0")),
        ("mlflow.sklearn", ("mlflow[extras]==3.1.4", "scikit-learn==1.5.0")),
        ("mlflow.sklearn", ("./mlflow-3.1.4-py3-none-any.whl", "scikit-learn==1.5.0")),
        ("mlflow.sklearn", ("mlflow==3.1.4", "joblib==1.4.2")),  # scikit-learn comes with full MLflow alone
        ("mlflow.sklearn", ("scikit-learn==1.5.0",)),
        ("mlflow.pyfunc.model", ("mlflow==3.1.4", "cloudpickle==3.1.3")),  # written by hand: it may use more
        ("mlflow.pyfunc.model", ("mlflow==3.1.4", "cloudpickle==3.1.3", "numpy==2.4.6", "boto3")),
        ("mlflow.xgboost", ("mlflow==3.1.4", "xgboost==3.2.0")),
    ],
)
def test_full_mlflow_stays(loader: str, lines: tuple[str, ...]) -> None:
    found = parse_requirements(lines, where="requirements.txt")
    assert with_skinny(found, loader) == found


def test_who_asks_for_more_keeps_it() -> None:
    lines = ("mlflow==3.1.4", *INFERRED)
    for extra in ("mlflow", "mlflow[genai]"):
        assert skinny("mlflow.pyfunc.model", *lines, extra=(extra,)) == list(lines)
    code = ("import numpy\n", "def f():\n    from mlflow.server import app\n")
    assert skinny("mlflow.pyfunc.model", *lines, code=code) == list(lines)
    assert skinny("mlflow.pyfunc.model", *lines, code=code[:1]) != list(lines)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("import mlflow.server.handlers", True),
        ("from mlflow import pyfunc, gateway", True),
        ("from mlflow.store.tracking import sqlalchemy_store", True),
        ("import mlflow.pyfunc", False),
        ("# import mlflow.server", False),
        ("import mlflow.serverless", False),
    ],
)
def test_parts_that_need_full_mlflow(text: str, wanted: bool) -> None:
    assert wants_full_mlflow(text) is wanted


def test_a_pandas_that_keeps_text_in_arrow_brings_pyarrow_along() -> None:
    def names(*lines: str) -> set[str]:
        return {one.name for one in with_skinny(parse_requirements(lines), "mlflow.sklearn")}

    with_new = names("mlflow==3.17.0", "scikit-learn==1.8.0", "pandas==3.0.1")
    assert {"mlflow-skinny", "pyarrow"} <= with_new
    assert "pyarrow" not in names("mlflow==3.17.0", "scikit-learn==1.8.0", "pandas==2.3.1")
    assert "pyarrow" not in names("mlflow==3.17.0", "scikit-learn==1.8.0")
