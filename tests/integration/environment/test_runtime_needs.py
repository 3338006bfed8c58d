"""What a target's server needs beyond its own needs, locked by the real uv together with the model's packages."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from deployer.engine.making import newly_made
from deployer.environment import Lock
from deployer.errors import BuildError
from deployer.model import read_metadata, resolve
from deployer.spec import DeploymentSpec
from deployer_sagemaker import kind
from tests.integration.environment.index import Index, wheel
from tests.unit.engine.place import packaged

SECRET = {"secrets": {"TOKEN": {"ref": "arn:aws:secretsmanager:eu-west-1:111122223333:secret:token-AbCdEf"}}}


def versions(folder: Path, requirements: str, index: Index, cache: Path, secrets: bool = True) -> dict[str, str]:
    """Of the lock of such a model's image on SageMaker."""
    model = packaged(folder / "model", requirements=requirements)
    config = model / "MLmodel"
    config.write_text(config.read_text().replace("3.11.7", f"{sys.version_info[0]}.{sys.version_info[1]}.0"))
    wish = {"name": "iris", "model": str(model), "requirements": {"index_url": index.url}}
    spec = DeploymentSpec.model_validate(wish | (SECRET if secrets else {}))
    resolved = resolve(spec.model)
    made = newly_made(
        spec, resolved, read_metadata(resolved), None, {"XDG_CACHE_HOME": str(cache)}, needs=kind.runtime_needs(spec)
    )
    return {each.name: each.version for each in Lock.parse(made.text).wheels}


@pytest.fixture
def stocked(index: Index) -> Index:
    index.add(wheel("uvicorn", "0.30"), wheel("attrs", "1.0"))
    index.add(wheel("botocore", "1.20.0"), wheel("botocore", "1.31.5"), wheel("botocore", "1.44.0"))
    return index


def test_the_newest_where_the_model_does_not_mind(stocked: Index, tmp_path: Path) -> None:
    assert versions(tmp_path, "attrs\n", stocked, tmp_path) == {
        "attrs": "1.0", "botocore": "1.44.0", "uvicorn": "0.30",
    }  # fmt: skip


def test_none_where_no_secret_is_wished(stocked: Index, tmp_path: Path) -> None:
    assert "botocore" not in versions(tmp_path, "attrs\n", stocked, tmp_path, secrets=False)


def test_the_model_s_own_pin_wins(stocked: Index, tmp_path: Path) -> None:
    assert versions(tmp_path, "botocore==1.31.5\n", stocked, tmp_path)["botocore"] == "1.31.5"


def test_a_pin_that_the_server_cannot_live_with_is_told_by_both_names(stocked: Index, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"asks for botocore==1\.20\.0, and the serving runtime needs botocore"):
        versions(tmp_path, "botocore==1.20.0\n", stocked, tmp_path)
