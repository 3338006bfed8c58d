"""The bill of materials: valid, complete, the same each time."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from deployer.image.sbom import sbom
from tests.unit.image.recipes import BASE, RECIPE, A, C


def test_what_is_listed() -> None:
    document = json.loads(sbom(RECIPE))
    parts = {part["name"]: part for part in document["components"]}
    assert list(parts) == ["base-image", "deployer-serving", "model", "numpy", "own"]
    assert parts["numpy"]["purl"] == "pkg:pypi/numpy@2.4.6"
    assert parts["numpy"]["hashes"] == [{"alg": "SHA-256", "content": A}]
    assert parts["model"]["type"] == "machine-learning-model"
    assert parts["model"]["hashes"][0]["content"] == C
    assert len(document["dependencies"][0]["dependsOn"]) == len(parts)


def test_the_images_own_bill_is_the_same_for_every_model() -> None:
    assert sbom(RECIPE, model=False) == sbom(replace(RECIPE, model=A), model=False)
    assert sbom(RECIPE) != sbom(replace(RECIPE, model=A))
    assert sbom(RECIPE) == sbom(replace(RECIPE, base=replace(BASE, reference="elsewhere", manifest=None)))
    assert "model" not in {part["name"] for part in json.loads(sbom(RECIPE, model=False))["components"]}


@pytest.mark.parametrize("model", [True, False])
def test_it_meets_the_schema(model: bool) -> None:
    validation = pytest.importorskip("cyclonedx.validation.json")
    schema = pytest.importorskip("cyclonedx.schema")
    found = validation.JsonStrictValidator(schema.SchemaVersion.V1_6).validate_str(sbom(RECIPE, model=model).decode())
    assert found is None
