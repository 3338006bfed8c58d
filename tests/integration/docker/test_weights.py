"""Weights that are mounted and not built in (``image.weights: mount``), by the real command line."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deployer.errors import SpecError
from deployer.target import Site
from deployer_docker.client import connect, engine_address
from deployer_docker.config import DockerOptions
from deployer_docker.target import DockerTarget
from deployer_docker.weights import VolumeWeights
from tests.e2e.commandline import MODELS, ROWS, Done, deployer
from tests.e2e.kept import kept_folder
from tests.plugins.docker import Image, Scope

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
SETTINGS = """\
target = "engine"
[targets.engine]
kind = "docker"
host = "{host}"
gateway_image = "{gateway}"
defaults = {{image = {{base = "{base}"}}, config = {{drain = "2s"}}}}
"""


@pytest.fixture
def api(docker_host: str) -> Any:
    return connect(engine_address(DockerOptions(host=docker_host)))


@pytest.fixture
def place(
    tmp_path: Path, docker_host: str, docker_scope: Scope, base_image: Image, gateway_image: Image
) -> Iterator[Path]:
    (tmp_path / ".git").mkdir()
    text = SETTINGS.format(host=docker_host, gateway=gateway_image.reference, base=base_image.reference)
    (tmp_path / "deployer.toml").write_text(text)
    yield tmp_path
    _run(tmp_path, "delete", docker_scope.name, "--yes", "--missing-ok")


def _run(folder: Path, *words: str | Path) -> Done:
    cache = {"XDG_CACHE_HOME": str(kept_folder() / "build-cache")}
    return deployer(*map(str, words), cwd=folder, env=cache, timeout=500)


def _replica(api: Any, name: str) -> dict[str, Any]:
    labels = [f"io.deployer.endpoint={name}", "io.deployer.role=replica"]
    (found,) = api.containers(filters={"label": labels})
    inspected = api.inspect_container(found["Id"])
    assert isinstance(inspected, dict)
    return inspected


@pytest.mark.index
def test_new_weights_are_another_volume_and_the_same_image(
    place: Path, docker_scope: Scope, docker_host: str, api: Any
) -> None:
    name = docker_scope.name
    made = _run(place, "create", name, "--model", MODELS / "iris", "--set", "image.weights=mount")
    assert made.code == 0, made.err
    first = _replica(api, name)
    (mount,) = first["Mounts"]
    assert (mount["Type"], mount["Destination"], mount["RW"]) == ("volume", "/opt/ml", False)
    given = dict(each.split("=", 1) for each in first["Config"]["Env"])
    assert mount["Name"] == f"deployer.weights.{given['DEPLOYER_SERVING_MODEL_DIGEST'][:16]}"
    updated = _run(place, "update", name, "--model", MODELS / "iris-v2")
    assert updated.code == 0, updated.err
    assert re.search(r"✓ image +[0-9]+ layers, (?!.*MB carried)", updated.err), updated.err  # no layer was made
    second = _replica(api, name)
    layers = [api.inspect_image(each["Image"])["RootFS"]["Layers"] for each in (first, second)]
    assert layers[0] == layers[1]  # the label with the model's digest is another, and nothing else
    volumes = {mount["Name"], second["Mounts"][0]["Name"]}
    assert len(volumes) == 2
    assert _run(place, "predict", name, "-i", ROWS).code == 0
    back = _run(place, "rollback", name, "--yes")
    assert back.code == 0, back.err
    assert _replica(api, name)["Mounts"][0]["Name"] == mount["Name"]
    _run(place, "delete", name, "--yes")
    target = DockerTarget(DockerOptions(host=docker_host), Site("engine", "tests"))
    left = [each for each in target.orphans(older_than=-10.0) if each.what.startswith("weights ")]
    mine = [each for each in left if each.identity.split("|")[2].split("@")[0] in volumes]
    assert all(target.remove_orphan(each, older_than=-10.0) for each in mine)


def _store(api: Any, name: str, image: str) -> VolumeWeights:
    return VolumeWeights(lambda: api, name, "tests", lambda: image)


def _archive(text: bytes) -> bytes:
    from deployer_docker.archives import archive

    return archive({"model/MLmodel": text})


def test_what_was_broken_off_is_not_there_and_what_nobody_needs_goes(
    docker_host: str, docker_scope: Scope, api: Any, gateway_image: Image
) -> None:
    model = hashlib.sha256(docker_scope.name.encode()).hexdigest()
    store = _store(api, docker_scope.name, gateway_image.id)
    volume = f"deployer.weights.{model[:16]}"

    def broken() -> Iterator[bytes]:
        yield _archive(b"half")[:600]
        raise SpecError("the model's files changed", where="model")

    try:
        assert not store.has(model)
        with pytest.raises(SpecError):
            store.put(model, gateway_image.id, broken())
        assert not store.has(model)
        store.put(model, gateway_image.id, iter([_archive(b"whole")]))
        assert store.has(model)
        target = DockerTarget(DockerOptions(host=docker_host), Site("engine", "tests"))
        assert not any(volume in each.identity for each in target.orphans())  # too young
        (orphan,) = [each for each in target.orphans(older_than=-10.0) if volume in each.identity]
        assert not target.remove_orphan(orphan)
        assert target.remove_orphan(orphan, older_than=-10.0)
        assert not store.has(model)
    finally:
        if volume in json.dumps(api.volumes()):
            api.remove_volume(volume)
