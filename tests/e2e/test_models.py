"""Models that several versions of MLflow saved, in several flavors, deploy as they are, and answer as in pyfunc.

Each version's environment is made once, saves its models once, and both are kept (see `kept`). The models of one
version carry the same requirements, so that their endpoint is made once and updated from one to the next.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.in_process import columns_of, in_process
from tests.e2e.kept import python_with, saved_by
from tests.e2e.local_home import LocalHome, eventually, ids

pytestmark = [
    pytest.mark.index, pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.xdist_group("e2e-models"),
]  # fmt: skip

SAVE = Path(__file__).with_name("zoo") / "save_models.py"
HEALTHY = "answers its own example as the packaged model does (3 of 3)"


@dataclass(frozen=True)
class Family:
    """Models that one MLflow saved: its version, its requirements, which models, and which of them always run."""

    mlflow: str
    requirements: tuple[str, ...]
    models: tuple[str, ...]
    always: tuple[str, ...]

    def folder(self, uv_cache: Path) -> Path:
        """Where they lie."""
        python = python_with(*self.requirements, uv_cache=uv_cache)
        return saved_by(python, SAVE, [*self.requirements, "--", *self.models])


FAMILIES = {
    "full-2-22": Family(
        "2.22.5",
        ("mlflow==2.22.5", "numpy==2.4.6", "pandas==2.3.3", "scikit-learn==1.7.2", "lightgbm==4.7.0",
         "cloudpickle==3.1.2"),
        ("sklearn-pickle", "sklearn-cloudpickle", "lightgbm", "code-paths", "params", "sklearn-inferred"),
        ("lightgbm", "sklearn-inferred"),
    ),
    "skinny-3-1": Family(
        "3.1.4",
        ("mlflow-skinny==3.1.4", "numpy==2.4.6", "pandas==2.3.3", "scikit-learn==1.7.2", "cloudpickle==3.1.2"),
        ("sklearn", "code-paths", "tensor", "params"),
        ("tensor",),
    ),
    "skinny-3-17": Family(
        "3.17.2",
        ("mlflow-skinny==3.17.2", "numpy==2.4.6", "pandas==3.1.1", "scikit-learn==1.9.1", "skops==0.16.0"),
        ("sklearn-skops", "sklearn-cloudpickle", "code-paths", "tensor", "params"),
        ("code-paths",),
    ),
}  # fmt: skip
EACH = [
    pytest.param(name, model, id=f"{name}/{model}", marks=() if model in family.always else pytest.mark.exhaustive)
    for name, family in FAMILIES.items()
    for model in family.models
]


@pytest.fixture(scope="module", autouse=True)
def _deleted(home: LocalHome) -> Iterator[None]:
    """In the end each endpoint is deleted, and nothing is left of them."""
    yield
    for folder in sorted(home.endpoints.glob("*")):
        home.well("delete", folder.name, "--yes")
    eventually(lambda: not home.running(), "the supervisors have ended")
    assert list(home.endpoints.glob("*")) == []


@pytest.mark.parametrize(("family", "model"), EACH)
def test_a_saved_model_deploys_as_it_is(
    home: LocalHome, uv_cache: Path, tmp_path: Path, family: str, model: str
) -> None:
    saved = FAMILIES[family].folder(uv_cache) / model
    said = yaml.safe_load((saved / "MLmodel").read_text())
    assert said["mlflow_version"] == FAMILIES[family].mlflow
    name = f"{family}-inferred" if model.endswith("-inferred") else family
    revision = _deployed(home, name, saved)
    python = home.python(name)
    for asked, words in _questions(saved, tmp_path):
        predicted = json.loads(home.well("predict", name, *words, "-o", "json").out)
        assert predicted == {"predictions": in_process(python, saved, asked, tmp_path)}
        assert predicted["predictions"]
    assert ids(home.status(name)) == [revision]


def _deployed(home: LocalHome, name: str, saved: Path) -> str:
    """The revision that serves the model now, which the server has compared with pyfunc."""
    verb = "update" if (home.endpoints / name).exists() else "create"
    done = home.well(verb, name, "--model", saved)
    assert HEALTHY in done.err or "is unchanged" in done.err
    status = home.status(name)
    assert (status["phase"], status["model"]) == ("healthy", str(saved))
    assert status["history"][-1]["detail"] == HEALTHY
    (revision,) = ids(status)
    return revision


def _questions(saved: Path, folder: Path) -> list[tuple[dict[str, Any], list[str | Path]]]:
    """The model's own example and another input: as pyfunc is asked, and as ``deployer predict`` is."""
    example = saved / "serving_input_example.json"
    given = json.loads(example.read_text())
    if "inputs" in given:
        tensor = [[[0.1, -2.5], [3.0, 1e-3]], [[7.0, 0.0], [0.25, 4.125]], [[1.0, 1.0], [1.0, 1.0]]]
        other = folder / "tensor.json"
        other.write_text(json.dumps({"inputs": tensor}))
        return [
            ({"tensor": given["inputs"], "dtype": "float32"}, ["-i", example]),
            ({"tensor": tensor, "dtype": "float32"}, ["-i", other]),
        ]
    split = given["dataframe_split"]
    columns = {name: [row[place] for row in split["data"]] for place, name in enumerate(split["columns"])}
    rows = folder / "rows.csv"
    rows.write_text("a,b,c\n0.1,-2.5,3.0\n1e-3,7.25,-0.30000000000000004\n2,3,5\n")
    asked: list[tuple[dict[str, Any], list[str | Path]]] = [
        ({"columns": columns}, ["-i", example]),
        ({"columns": columns_of(rows)}, ["-i", rows]),
    ]
    if "params" in saved.name:
        words: list[str | Path] = ["-i", rows, "--param", "factor=0.5", "--param", 'names=["c", "a"]']
        asked.append(({"columns": columns_of(rows), "params": {"factor": 0.5, "names": ["c", "a"]}}, words))
    return asked
