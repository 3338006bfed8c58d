r"""Train two small iris classifiers and save them as packaged MLflow models.

Run with Python 3.11, because a packaged model names the Python it was trained with:

    uv run --no-project --python 3.11 --with mlflow-skinny==3.17.2 --with scikit-learn --with pandas --with skops \
        examples/train.py

It writes ``examples/models/iris`` and ``examples/models/iris-v2`` anew. The data ships with scikit-learn, so nothing is
downloaded, and the models answer with the species' names.
"""

from __future__ import annotations

import argparse
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import mlflow.sklearn
import pandas as pd
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema
from sklearn.datasets import load_iris
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

if TYPE_CHECKING:
    from sklearn.base import ClassifierMixin

FEATURES = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
REQUIRED = ("mlflow-skinny", "numpy", "pandas", "scikit-learn", "skops")
SEED = 11


def measured_flowers() -> tuple[pd.DataFrame, pd.Series]:
    """Lengths and widths in centimetres, and the species' name of each of 150 flowers."""
    data = load_iris()
    rows = pd.DataFrame(data.data, columns=FEATURES)
    species = pd.Series([str(data.target_names[label]) for label in data.target], name="species", dtype=object)
    return rows, species


def classifiers() -> dict[str, ClassifierMixin]:
    """What each model's folder is made from: the first version, and the one that follows it."""
    return {
        "iris": make_pipeline(StandardScaler(), LogisticRegression(C=1.0, random_state=SEED)),
        "iris-v2": make_pipeline(StandardScaler(), LinearDiscriminantAnalysis()),
    }


def save(classifier: ClassifierMixin, example: pd.DataFrame, folder: Path) -> None:
    """Write one packaged model, with its signature, example and pinned requirements, in place of what was there."""
    shutil.rmtree(folder, ignore_errors=True)
    mlflow.sklearn.save_model(
        classifier,
        str(folder),
        signature=ModelSignature(
            inputs=Schema([ColSpec(DataType.double, name) for name in FEATURES]),
            outputs=Schema([ColSpec(DataType.string)]),
        ),
        input_example=example,
        pip_requirements=[f"{name}=={version(name)}" for name in REQUIRED],
        serialization_format="skops",
    )


def main() -> None:
    """Train, print each model's accuracy on flowers that it has not seen, and save."""
    parser = argparse.ArgumentParser(description="Train and save the example models.")
    parser.add_argument("--into", type=Path, default=Path(__file__).parent / "models", help="where the models go")
    into: Path = parser.parse_args().into
    rows, species = measured_flowers()
    seen, unseen, answers, expected = train_test_split(
        rows, species, test_size=0.3, random_state=SEED, stratify=species
    )
    one_of_each = rows.iloc[[0, 50, 100]].reset_index(drop=True)
    for name, classifier in classifiers().items():
        classifier.fit(seen, answers)
        save(classifier, one_of_each, into / name)
        print(f"{into / name}: {classifier.score(unseen, expected):.3f} of unseen flowers named rightly")


if __name__ == "__main__":
    main()
