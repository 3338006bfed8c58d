"""Weights that are mounted and not built in (``image.weights: mount``), by the real command line on a real cluster."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deployer.quantity import parse_memory
from tests.e2e.commandline import DEPLOYER, MODELS, ROWS, Done, deployer, environment
from tests.e2e.kept import kept_folder
from tests.plugins.cluster import Namespace
from tests.plugins.docker import Image

pytestmark = [pytest.mark.slow, pytest.mark.index, pytest.mark.timeout(600)]

LARGE = "DEPLOYER_TEST_WEIGHTS"
"""The size of a large sparse file beside the model, such as 4Gi, for the test that measures the client's memory."""
MEASURED = """
import atexit, re, runpy, sys
from pathlib import Path
measured = Path(sys.argv[1])
status = Path("/proc/self/status")
atexit.register(lambda: measured.write_text(re.search(r"VmHWM:\\s*(\\d+) kB", status.read_text())[1]))
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""Runs a program of Python and writes the most memory that it had, in kB, into a file."""
SETTINGS = """\
target = "cluster"
[targets.cluster]
kind = "kubernetes"
namespace = "{namespace}"
registry = "{registry}/{namespace}"
[targets.cluster.defaults]
image = {{base = "{base}", weights = "mount"}}
resources = {{memory = "512Mi"}}
config = {{drain = "2s", pre_stop = "1s", probes = {{period = "1s"}}}}
"""


@pytest.fixture
def place(tmp_path: Path, namespace: Namespace, base_image: Image) -> Path:
    (tmp_path / ".git").mkdir()
    registry = base_image.reference.partition("/")[0]
    text = SETTINGS.format(namespace=namespace.name, registry=registry, base=base_image.reference)
    (tmp_path / "deployer.toml").write_text(text)
    return tmp_path


def run(folder: Path, *words: str | Path) -> Done:
    cache = {"XDG_CACHE_HOME": str(kept_folder() / "build-cache")}
    return deployer(*map(str, words), cwd=folder, env=cache, timeout=500)


def peak_memory(folder: Path, *words: str) -> int:
    """The most memory that a command had, in bytes, as it says itself (getrusage counts what it was forked off too)."""
    measured = folder / "memory"
    program: list[str | Path] = [sys.executable, "-c", MEASURED, measured, DEPLOYER, *words]
    cache = {"XDG_CACHE_HOME": str(kept_folder() / "build-cache")}
    done = subprocess.run(program, cwd=folder, env=environment(cache), capture_output=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return 1024 * int(measured.read_text())


def well(done: Done) -> Done:
    assert done.code == 0, done.err
    return done


def pod_of(namespace: Namespace) -> dict[str, Any]:
    (found,) = [each for each in namespace.all("v1", "Pod") if not each["metadata"].get("deletionTimestamp")]
    return found


def server_of(pod: dict[str, Any]) -> dict[str, Any]:
    (found,) = pod["spec"]["containers"]
    assert isinstance(found, dict)
    return found


def test_new_weights_are_another_image_beside_one_that_stays(place: Path, namespace: Namespace) -> None:
    made = well(run(place, "create", "iris", "--model", MODELS / "iris"))
    assert "MB of weights" in made.err
    pod = pod_of(namespace)
    (first,) = pod["spec"]["initContainers"]
    server = server_of(pod)
    digest = next(each["value"] for each in server["env"] if each["name"] == "DEPLOYER_SERVING_MODEL_DIGEST")
    assert first["image"] == f"{server['image'].partition('@')[0]}:weights-{digest[:16]}"
    assert first["securityContext"]["readOnlyRootFilesystem"]
    mounts = {each["mountPath"]: each for each in server["volumeMounts"]}
    assert mounts["/opt/ml"] == {"name": "weights", "mountPath": "/opt/ml", "readOnly": True}
    assert well(run(place, "predict", "iris", "-i", ROWS)).out

    updated = well(run(place, "update", "iris", "--model", MODELS / "iris-v2"))
    # Of the server's image only the label with the model's digest is another.
    assert re.search(r"✓ image +[0-9]+ layers, (?!.*MB carried)", updated.err), updated.err
    assert pod_of(namespace)["spec"]["initContainers"][0]["image"] != first["image"]
    assert well(run(place, "predict", "iris", "-i", ROWS)).out

    back = well(run(place, "rollback", "iris", "--yes"))
    assert "its weights are there already" in back.err
    assert pod_of(namespace)["spec"]["initContainers"][0]["image"] == first["image"]
    (place / "iris.yaml").write_text(f"name: iris\nmodel: {MODELS / 'iris'}\n")
    text = well(run(place, "render", "-f", "iris.yaml", "-o", "yaml")).out
    assert first["image"].rpartition(":")[2] in text
    dry = ("apply", "--dry-run=server", "--validate=strict", "-n", namespace.name, "-f", "-")
    namespace.cluster.kubectl(*dry, "--server-side", "--force-conflicts", given=text)
    well(run(place, "delete", "iris", "--yes"))


@pytest.fixture
def claim(namespace: Namespace, tmp_path: Path) -> Iterator[Path]:
    """The folder on the node that a claim ``models`` is for, as somebody made it by hand."""
    folder = tmp_path / "kept"
    shutil.copytree(MODELS / "iris", folder / "iris" / "1")
    for each in (folder, *folder.rglob("*")):
        each.chmod(0o755 if each.is_dir() else 0o644)
    claimed = {"namespace": namespace.name, "name": "models"}
    size, modes = {"storage": "1Gi"}, ["ReadOnlyMany"]
    volume = {
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": f"{namespace.name}-models"},
        "spec": {
            "capacity": size, "accessModes": modes, "claimRef": claimed, "storageClassName": "",
            "persistentVolumeReclaimPolicy": "Retain", "hostPath": {"path": str(folder), "type": "Directory"},
        },
    }  # fmt: skip
    made = namespace.cluster.create(volume)
    namespace.create(
        {
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "models"},
            "spec": {
                "accessModes": modes, "storageClassName": "", "volumeName": made["metadata"]["name"],
                "resources": {"requests": size},
            },
        }
    )  # fmt: skip
    namespace.wait_for(
        "v1", "PersistentVolumeClaim", "models", until=lambda found: found and found["status"].get("phase") == "Bound"
    )
    yield folder
    namespace.cluster.delete(made)


def test_a_claim_has_the_model_and_another_model_in_it_is_not_served(
    place: Path, namespace: Namespace, claim: Path
) -> None:
    given = ("--set", "config.weights_claim={name: models, path: iris/1}")
    made = well(run(place, "create", "iris", "--model", MODELS / "iris", *given))
    assert "of weights" not in made.err
    pod = pod_of(namespace)
    assert "initContainers" not in pod["spec"]
    mounts = {each["mountPath"]: each for each in server_of(pod)["volumeMounts"]}
    assert mounts["/opt/ml/model"] == {
        "name": "weights", "mountPath": "/opt/ml/model", "readOnly": True, "subPath": "iris/1",
    }  # fmt: skip
    assert well(run(place, "predict", "iris", "-i", ROWS)).out
    shutil.copytree(MODELS / "iris", claim / "iris" / "2")
    failed = run(place, "update", "iris", "--model", MODELS / "iris-v2", "--set", "config.weights_claim.path=iris/2")
    assert failed.code != 0
    assert "digest" in failed.err or "another model" in failed.err, failed.err
    assert well(run(place, "predict", "iris", "-i", ROWS)).out
    well(run(place, "delete", "iris", "--yes"))


def test_the_client_s_memory_does_not_grow_with_the_model(place: Path, namespace: Namespace) -> None:
    size, model = parse_memory(os.environ.get(LARGE, "512Mi")), place / "model"
    shutil.copytree(MODELS / "iris", model)
    with (model / "large.bin").open("wb") as file:
        file.truncate(size)
    most = peak_memory(place, "create", "iris", "--model", str(model))
    print(json.dumps({"model": size, "client": most}))
    assert most < 250 * 2**20
    assert well(run(place, "predict", "iris", "-i", ROWS)).out
    well(run(place, "delete", "iris", "--yes"))
