"""``deployer build``: an image without an engine, the same on every machine, and where it can go."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.commandline import MODELS, Done, deployer
from tests.e2e.kept import kept_folder
from tests.plugins.docker import Image, ImageRegistry, Scope

pytestmark = [
    pytest.mark.index, pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("e2e-build"),
]  # fmt: skip

IRIS, OTHER = MODELS / "iris", MODELS / "iris-v2"


@pytest.fixture
def warm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A cache that all tests share, and a folder to work in."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(kept_folder() / "build-cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def build(model: Path, base: Image, *words: str, layout: bool = True, timeout: float = 400) -> Done:
    place = f"oci:{base.layout}" if layout else base.reference
    return deployer("build", str(model), "--set", f"image.base={place}", *words, timeout=timeout)


def images(done: Done) -> list[dict[str, Any]]:
    assert done.code == 0, done.err
    found = json.loads(done.out)["images"]
    assert isinstance(found, list)
    return found


def test_a_layout_is_written_and_the_reference_is_all_of_stdout(warm: Path, base_image: Image) -> None:
    done = build(IRIS, base_image, "--to", "oci:out:iris")
    assert done.code == 0, done.err
    assert done.out.startswith("oci:out@sha256:")
    assert done.out.count("\n") == 1
    again = build(IRIS, base_image, "--to", "oci:out:iris")
    assert again.out == done.out
    assert "nothing made anew" in again.err


def test_two_machines_make_the_same_image(warm: Path, base_image: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    (first,) = images(build(IRIS, base_image, "-o", "json"))
    elsewhere = warm / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(warm / "empty cache"))
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere")
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    monkeypatch.chdir(elsewhere)
    copy = shutil.copytree(IRIS, elsewhere / "a copy")
    (second,) = images(build(copy, base_image, "-o", "json"))
    assert (second["digest"], second["recipe"]) == (first["digest"], first["recipe"])
    assert second["made"] == second["layers"] or second["made"] > 20  # nothing was there


def test_a_lock_is_built_exactly_and_only_for_its_model(warm: Path, base_image: Image) -> None:
    (first,) = images(build(IRIS, base_image, "--lock", "iris.lock.yaml", "-o", "json"))
    lock = Path("iris.lock.yaml").read_text()
    assert lock == first["lock"]
    locked = deployer("build", str(IRIS), "--locked", "iris.lock.yaml", "-o", "json", timeout=400)
    (second,) = images(locked)
    assert second["digest"] == first["digest"]
    other = deployer("build", str(OTHER), "--locked", "iris.lock.yaml")
    assert other.code == 2
    assert "the lock is of another model" in other.err
    Path("bad.yaml").write_text(lock.replace("platform: linux/amd64", "platform: plan9/mips", 1))
    bad = deployer("build", str(IRIS), "--locked", "bad.yaml")
    assert bad.code == 2
    assert "bad.yaml:" in bad.err
    older = Path("older.yaml")
    older.write_text("".join("runtime: " + '"' + "0" * 64 + '"\n' if line.startswith("runtime:") else line
                             for line in lock.splitlines(keepends=True)))  # fmt: skip
    assert deployer("build", str(IRIS), "--locked", "older.yaml").code == 5


def test_what_is_pushed_is_what_a_registry_and_an_engine_take(
    warm: Path, base_image: Image, image_registry: ImageRegistry, docker_scope: Scope
) -> None:
    repository = f"{image_registry.plain}/{docker_scope.name}/iris"
    done = build(IRIS, base_image, "--to", f"{repository}:1", layout=False)
    assert done.code == 0, done.err
    exact = done.out.strip()
    assert exact.startswith(f"{repository}@sha256:")
    pulled = subprocess.run(["docker", "pull", "-q", exact], capture_output=True, text=True, check=False)
    assert pulled.returncode == 0, pulled.stderr
    try:
        inspected = json.loads(subprocess.check_output(["docker", "inspect", exact]))[0]
        labels = inspected["Config"]["Labels"]
        assert {name for name in labels if not name.startswith("io.deployer.")} == {
            "com.amazonaws.sagemaker.capabilities.accept-bind-to-port"  # without it AWS takes no image for a pipeline
        }
        (again,) = images(build(IRIS, base_image, "--to", f"{repository}:1", "-o", "json", layout=False))
        assert again["places"] == [exact]
        assert inspected["Id"] == again["digest"]
    finally:
        subprocess.run(["docker", "rmi", "-f", exact], capture_output=True, check=False)


def test_a_registry_that_wants_a_password(
    warm: Path, base_image: Image, image_registry: ImageRegistry, docker_scope: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = f"{image_registry.tls}/{docker_scope.name}/iris:1"
    bundle = f"requirements.ca_bundle={_bundle(warm, image_registry)}"
    refused = build(IRIS, base_image, "--to", place, "--set", bundle)
    assert refused.code == 7, refused.err
    assert "docker login" in refused.err
    settings = warm / "docker"
    settings.mkdir()
    auth = base64.b64encode(f"{image_registry.user}:{image_registry.password}".encode()).decode()
    (settings / "config.json").write_text(json.dumps({"auths": {image_registry.tls: {"auth": auth}}}))
    monkeypatch.setenv("DOCKER_CONFIG", str(settings))
    done = build(IRIS, base_image, "--to", place, "--set", bundle)
    assert done.code == 0, done.err
    assert image_registry.password not in done.err + done.out


def _bundle(folder: Path, registry: ImageRegistry) -> Path:
    """The registry's authority beside those that the index needs."""
    usual = os.environ.get("SSL_CERT_FILE")
    bundle = folder / "bundle.pem"
    bundle.write_bytes(registry.ca.read_bytes() + (Path(usual).read_bytes() if usual else b""))
    return bundle


def test_both_platforms_as_one(
    warm: Path, base_image: Image, image_registry: ImageRegistry, docker_scope: Scope
) -> None:
    place = f"{image_registry.plain}/{docker_scope.name}/iris:both"
    made = images(
        build(IRIS, base_image, "--to", place, "--platform", "linux/amd64", "--platform", "linux/arm64", "-o", "json")
    )
    assert [each["platform"] for each in made] == ["linux/amd64", "linux/arm64"]
    assert made[0]["places"] == made[1]["places"]
    assert "aarch64" in made[1]["lock"]
    assert "x86_64" not in made[1]["lock"].split("wheels:")[1]
    raw = subprocess.check_output(
        ["skopeo", "inspect", "--tls-verify=false", "--raw", f"docker://{made[0]['places'][0]}"]
    )
    machines = [each["platform"]["architecture"] for each in json.loads(raw)["manifests"]]
    assert machines == ["amd64", "arm64"]


def test_packages_need_an_engine(warm: Path, base_image: Image) -> None:
    done = build(IRIS, base_image, "--set", "image.packages=libgomp1")
    assert done.code == 5, done.err
    assert "since image.packages asks for libgomp1" in done.err
    assert build(IRIS, base_image, "--set", "image.packages=Not A Package").code == 2


def test_a_base_that_does_not_fit_is_told_before_anything_is_made(warm: Path, gateway_image: Image) -> None:
    done = build(IRIS, gateway_image, "--to", "oci:out")
    assert done.code == 2
    assert "Python" in done.err
    assert "image.base" in done.err
    assert not Path("out").exists()


def test_places_that_cannot_be(warm: Path, base_image: Image) -> None:
    Path("full").mkdir()
    Path("full", "notes.txt").write_text("mine")
    done = build(IRIS, base_image, "--to", "oci:full")
    assert done.code == 2, done.err
    assert "has other things in it" in done.err
    assert deployer("build", str(IRIS), "--lock", "a", "--locked", "b").code == 2
    assert build(IRIS, base_image, "--platform", "linux/amd64", "--platform", "linux/amd64").code == 2
