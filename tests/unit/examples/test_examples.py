"""What people copy first must be right: the example spec, the packaged models, and the rows."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import yaml

from deployer.registry import Registry
from deployer.spec import build_spec, document_layer, load_documents

EXAMPLES = Path(__file__).parents[3] / "examples"
MODELS = sorted(path.parent for path in EXAMPLES.glob("models/*/MLmodel"))
LARGEST = 100_000


@pytest.mark.parametrize(
    ("file", "kind"), [("deployer.yaml", None), ("sagemaker.yaml", "sagemaker"), ("azureml.yaml", "azureml")]
)
def test_the_example_spec_is_a_spec_and_its_model_is_there(file: str, kind: str | None) -> None:
    (document,) = load_documents(EXAMPLES / file)
    config = Registry().kind(kind).config if kind else None
    spec = build_spec([document_layer(document)], config_model=config)
    assert spec.name == "iris"
    assert EXAMPLES / spec.model in MODELS


@pytest.mark.parametrize("model", MODELS, ids=lambda path: path.name)
class TestModel:
    """Each packaged model of the examples."""

    def test_it_is_small_and_tells_nothing_of_the_machine_that_made_it(self, model: Path) -> None:
        files = [path for path in model.rglob("*") if path.is_file()]
        assert sum(path.stat().st_size for path in files) < LARGEST
        telling = [
            path for path in files if any(word in path.read_bytes() for word in (b"/home/", b"/root/", b"/tmp/"))
        ]
        assert telling == []

    def test_its_environment_is_pinned_and_told_alike_everywhere(self, model: Path) -> None:
        pins = (model / "requirements.txt").read_text().split()
        conda = yaml.safe_load((model / "conda.yaml").read_text())
        python = yaml.safe_load((model / "python_env.yaml").read_text())["python"]
        described = yaml.safe_load((model / "MLmodel").read_text())
        assert all("==" in pin for pin in pins)
        assert pins[0].startswith("mlflow-skinny==")
        assert conda["dependencies"][-1]["pip"] == pins
        assert conda["dependencies"][0] == f"python={python}"
        assert described["flavors"]["python_function"]["python_version"] == python
        assert python.startswith("3.11.")

    def test_its_signature_names_the_columns_of_the_rows(self, model: Path) -> None:
        described = yaml.safe_load((model / "MLmodel").read_text())
        inputs = json.loads(described["signature"]["inputs"])
        with (EXAMPLES / "rows.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [each["name"] for each in inputs] == list(rows[0])
        assert {each["type"] for each in inputs} == {"double"}
        assert json.loads(described["signature"]["outputs"]) == [{"type": "string", "required": True}]
        assert len(rows) == 12


def test_there_are_two_versions() -> None:
    assert [path.name for path in MODELS] == ["iris", "iris-v2"]
