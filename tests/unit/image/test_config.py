"""The configuration: what is inherited, what is ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from deployer.image.config import config_document
from deployer.image.values import FileLayer, Layer
from tests.unit.image.recipes import RECIPE, A, B, C, base_image

LAYERS: list[Layer] = [FileLayer(f"sha256:{B}", 10, "numpy 2.4.6", Path("x"))]


def made(config: dict[str, Any]) -> dict[str, Any]:
    found = json.loads(config_document(RECIPE, base_image(config), LAYERS))
    assert isinstance(found, dict)
    return found


def test_a_base_as_docker_has_it() -> None:
    found = made(
        {
            "architecture": "amd64",
            "variant": "v8",
            "created": "2026-01-01T00:00:00Z",
            "config": {
                "Env": ["PATH=/usr/local/bin:/usr/bin", "LANG=C.UTF-8", "A=b=c", "PYTHONPATH=/x", "PYTHONHOME=/y", "E"],
                "Cmd": ["python3"],
                "Entrypoint": ["/entry.sh"],
                "Labels": {"maintainer": "x"},
                "Healthcheck": {"Test": ["CMD", "x"]},
                "OnBuild": ["RUN x"],
                "User": "root",
                "ExposedPorts": {"22/tcp": {}},
                "Volumes": {"/data": {}},
            },
            "history": [{"created_by": "FROM"}, {"created_by": "ENV", "empty_layer": True}],
        }
    )
    config = found["config"]
    assert config["Env"] == [
        "PATH=/opt/deployer/venv/bin:/usr/local/bin:/usr/bin",
        "LANG=C.UTF-8",
        "A=b=c",
        "E=",
        "HOME=/tmp",
        "PYTHONDONTWRITEBYTECODE=1",
        "PYTHONNOUSERSITE=1",
        "PYTHONUNBUFFERED=1",
    ]
    assert config["Entrypoint"] == ["/opt/deployer/venv/bin/python3", "/opt/deployer/runtime"]
    assert config["Cmd"] == ["serve"]
    assert config["User"] == "65532:65532"
    assert config["ExposedPorts"] == {"22/tcp": {}, "8080/tcp": {}}
    assert config["Volumes"] == {"/data": {}}
    assert config["StopSignal"] == "SIGTERM"
    assert not {"Healthcheck", "OnBuild"} & config.keys()
    assert found["rootfs"] == {"type": "layers", "diff_ids": [f"sha256:{C}", f"sha256:{B}"]}
    assert (found["architecture"], found["os"], found["variant"]) == ("amd64", "linux", "v8")
    assert [step["created_by"] for step in found["history"]] == ["FROM", "ENV", "deployer: numpy 2.4.6"]


def test_labels_are_digests_and_versions_and_a_word_for_sagemaker() -> None:
    labels = made({})["config"]["Labels"]
    assert labels.pop("com.amazonaws.sagemaker.capabilities.accept-bind-to-port") == "true"
    assert {name: value for name, value in labels.items() if name != "io.deployer.lock"} == {
        "io.deployer.base": f"sha256:{A}",
        "io.deployer.bytecode": "cpython-3.11.7",
        "io.deployer.environment": RECIPE.environment.digest,
        "io.deployer.model": C,
        "io.deployer.python": "3.11",
        "io.deployer.recipe": RECIPE.digest,
        "io.deployer.runtime": B,
        "io.deployer.weights": "embed",
    }


def test_a_base_without_anything() -> None:
    found = made({})
    assert found["config"]["Env"][0] == (
        "PATH=/opt/deployer/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    )
    assert [step["created_by"] for step in found["history"]] == ["base image", "deployer: numpy 2.4.6"]


def test_the_bytes_are_canonical() -> None:
    one = config_document(RECIPE, base_image({"config": {"User": "a", "Env": ["A=1"]}, "os": "linux"}), LAYERS)
    two = config_document(RECIPE, base_image({"os": "linux", "config": {"Env": ["A=1"], "User": "a"}}), LAYERS)
    assert one == two
