"""A model as an image of its own, and what it does when it is run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from deployer.errors import BuildError
from deployer.image.weights_image import weights_image
from deployer.model.digest import digest
from tests.unit.image.bases import base_of, tar_of


@pytest.fixture
def model(tmp_path: Path) -> Path:
    root = tmp_path / "ml" / "model"
    (root / "artifacts").mkdir(parents=True)
    (root / "MLmodel").write_text("flavors: {}\n")
    (root / "artifacts" / "weights").write_bytes(bytes(range(256)) * 100)
    return root


def test_it_stands_on_the_base_and_is_the_same_everywhere(model: Path, tmp_path: Path) -> None:
    base, name = base_of(tar_of([("usr/bin/python3", b"x")])), digest(model).sha256
    image = weights_image(base, model, name, cache=tmp_path / "cache")
    (layer,) = image.layers
    assert image.diff_ids == (*(each.diff_id for each in base.layers), layer.diff_id)
    found = json.loads(image.config)
    assert found["config"]["Entrypoint"][0] == base.python
    assert found["config"]["Labels"]["io.deployer.model"] == name
    assert f"{found['os']}/{found['architecture']}" == base.platform
    assert weights_image(base, model, name, cache=tmp_path / "other").digest == image.digest


def test_another_model_under_that_digest_is_refused(model: Path, tmp_path: Path) -> None:
    base, name = base_of(tar_of([])), digest(model).sha256
    (model / "MLmodel").write_text("flavors: {other: {}}\n")
    with pytest.raises(BuildError, match="another model"):
        weights_image(base, model, name, cache=tmp_path / "cache")


@pytest.mark.skipif(sys.platform == "win32", reason="the paths of an image")
def test_run_it_copies_its_model_also_over_what_was_broken_off(model: Path, tmp_path: Path) -> None:
    image = weights_image(base_of(tar_of([])), model, digest(model).sha256, cache=tmp_path / "cache")
    _, *words = json.loads(image.config)["config"]["Entrypoint"]
    (tmp_path / "volume" / "model").mkdir(parents=True)
    (tmp_path / "volume" / "model" / "MLmodel").write_text("half")
    here = [each.replace("/opt/ml/model", str(model)) for each in words]
    subprocess.run([sys.executable, *here, str(tmp_path / "volume")], check=True, timeout=60)
    assert digest(tmp_path / "volume" / "model") == digest(model)
