"""The first minutes on a Docker engine, by the real command line: create, predict, scale, update, fail, go back."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.commandline import MODELS, REPOSITORY, ROWS, Done, deployer
from tests.e2e.kept import kept_folder
from tests.e2e.test_scenes_local import LOADER, changed
from tests.plugins.docker import Image, Scope

pytestmark = [
    pytest.mark.index, pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.xdist_group("e2e-docker"),
]  # fmt: skip

IRIS, OTHER = MODELS / "iris", MODELS / "iris-v2"

SETTINGS = """\
target = "engine"

[targets.engine]
kind = "docker"
host = "{host}"
gateway_image = "{gateway}"
defaults = {{image = {{base = "{base}"}}, config = {{drain = "5s"}}}}
"""


@dataclass
class Harbour:
    """A folder whose settings name the engine, and one endpoint's name."""

    folder: Path
    scope: Scope

    @property
    def name(self) -> str:
        return self.scope.name

    def run(self, *words: str | Path) -> Done:
        cache = {"XDG_CACHE_HOME": str(kept_folder() / "build-cache")}
        return deployer(*map(str, words), cwd=self.folder, env=cache, timeout=600)

    def well(self, *words: str | Path) -> Done:
        done = self.run(*words)
        assert done.code == 0, done.err
        return done

    def status(self) -> dict[str, Any]:
        found = json.loads(self.well("status", self.name, "-o", "json").out)
        assert isinstance(found, dict)
        return found

    def spec(self) -> Path:
        """A file that says what it is to be."""
        path = self.folder / "iris.yaml"
        path.write_text(f"name: {self.name}\nmodel: {IRIS}\n")
        return path

    def revision(self) -> str:
        return str(self.status()["revision"])

    def replicas(self) -> list[str]:
        done = subprocess.run(
            ["docker", "ps", "--filter", f"name={self.name}--r", "--format", "{{.Names}}"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return sorted(done.stdout.split())

    def images(self) -> set[str]:
        """The ids that its replicas run."""
        names = self.replicas()
        asked = ["docker", "inspect", "-f", "{{.Image}}", *names]
        done = subprocess.run(asked, capture_output=True, text=True, check=True)
        return set(done.stdout.split())


@pytest.fixture(scope="module")
def harbour(
    tmp_path_factory: pytest.TempPathFactory,
    docker_host: str,
    new_docker_scope: Callable[[], AbstractContextManager[Scope]],
    base_image: Image,
    gateway_image: Image,
) -> Iterator[Harbour]:
    folder = tmp_path_factory.mktemp("harbour")
    (folder / ".git").mkdir()
    text = SETTINGS.format(host=docker_host, gateway=gateway_image.reference, base=base_image.reference)
    (folder / "deployer.toml").write_text(text)
    with new_docker_scope() as scope:
        yield Harbour(folder, scope)


@pytest.fixture
def endpoint(harbour: Harbour) -> Harbour:
    """The endpoint is there, as an earlier test left it, or made now."""
    harbour.well("apply", "-f", harbour.spec())
    return harbour


def test_create_predict_and_unchanged(harbour: Harbour) -> None:
    harbour.run("delete", harbour.name, "--yes", "--missing-ok")
    created = harbour.well("create", harbour.name, "--model", IRIS, "-o", "json")
    document = json.loads(created.out)
    assert (document["ending"], document["endpoint"]["phase"]) == ("created", "healthy")
    assert "✓ image" in created.err
    predicted = harbour.well("predict", harbour.name, "-i", ROWS)
    answered = list(csv.reader(io.StringIO(predicted.out)))
    inside = _inside(harbour.replicas()[0], ROWS)
    assert [row[-1] for row in answered[1:]] == inside
    again = harbour.run("create", harbour.name, "--model", IRIS)
    assert (again.code, again.out) == (0, "")
    assert again.told == f"{harbour.name} is unchanged: revision R1 is healthy (N s)."
    assert harbour.run("create", harbour.name, "--model", OTHER).code == 4


def _inside(replica: str, rows: Path) -> list[str]:
    """What a plain pyfunc call answers in the replica."""
    script = (
        "import sys, json, io, pandas, mlflow.pyfunc as p; "
        "m = p.load_model('/opt/ml/model'); "
        "print(json.dumps([str(x) for x in m.predict(pandas.read_csv(io.StringIO(sys.stdin.read())))]))"
    )
    done = subprocess.run(
        ["docker", "exec", "-i", replica, "/opt/deployer/venv/bin/python3", "-W", "ignore", "-c", script],
        input=rows.read_text(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert isinstance(found, list)
    return found


def test_scaled_in_place_and_back(endpoint: Harbour) -> None:
    before = endpoint.revision()
    endpoint.well("update", endpoint.name, "--set", "replicas=2")
    assert endpoint.status()["replicas"] == {"ready": 2, "wanted": 2}
    assert endpoint.revision() == before
    assert len(endpoint.replicas()) == 2
    endpoint.well("update", endpoint.name, "--set", "replicas=1")
    assert endpoint.revision() == before


@pytest.mark.parametrize("pause", ["0", pytest.param("0.002", marks=pytest.mark.exhaustive)])
def test_an_update_and_the_way_back_lose_no_request(endpoint: Harbour, pause: str) -> None:
    url, first = endpoint.status()["url"], endpoint.revision()
    ran = endpoint.images()
    load = [sys.executable, REPOSITORY / "examples" / "load.py", url, ROWS, "--connections", "8", "--pause", pause]
    with subprocess.Popen(load, stdout=subprocess.PIPE, text=True) as sending:
        try:
            updated = endpoint.run("update", endpoint.name, "--model", OTHER)
            second = endpoint.revision()
            back = endpoint.run("rollback", endpoint.name, "--yes")
        finally:
            sending.terminate()
            counted = json.loads(sending.communicate(timeout=120)[0])
    assert (updated.code, back.code) == (0, 0), updated.err + back.err
    assert counted["failures"] == 0, counted
    assert set(counted["answered_by"]) == {first, second}
    assert endpoint.revision() == first
    assert endpoint.images() == ran  # the same image, exactly


def test_a_model_that_cannot_load_leaves_what_served(endpoint: Harbour, tmp_path: Path) -> None:
    before = endpoint.status()
    broken = tmp_path / "broken"
    subprocess.run(["cp", "-r", OTHER, broken], check=True)
    changed(broken, loader=LOADER)
    failed = endpoint.run("update", endpoint.name, "--model", broken)
    assert failed.code == 6, failed.err
    assert "(MISSING_DEPENDENCY)" in failed.err
    assert "ModuleNotFoundError: No module named 'tabulate'" in failed.err
    bad = re.search(r"Of (r[0-9a-f]{7}) only its entry in the history is left\.", failed.err)
    assert bad is not None
    after = endpoint.status()
    assert (after["revision"], after["phase"], after["url"]) == (before["revision"], "healthy", before["url"])
    assert not [each for each in endpoint.replicas() if bad[1] in each]


def test_a_replica_that_was_removed_is_made_again_by_apply(endpoint: Harbour) -> None:
    (replica,) = endpoint.replicas()
    subprocess.run(["docker", "rm", "-f", replica], check=True, capture_output=True)
    assert endpoint.status()["phase"] != "healthy"
    endpoint.well("apply", "-f", endpoint.spec())
    assert endpoint.status()["phase"] == "healthy"
    assert endpoint.well("predict", endpoint.name, "-i", ROWS).out


def test_keys_let_in_and_rotate_in_place(endpoint: Harbour, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY_A", "a-long-random-key-of-the-first-client")
    open_to_all = endpoint.revision()
    endpoint.well("update", endpoint.name, "--set", "auth.api_keys=[{env: KEY_A}]")
    before, ran = endpoint.revision(), endpoint.replicas()
    assert before != open_to_all  # a server that was told of no keys would ask for none
    endpoint.well("predict", endpoint.name, "-i", ROWS)
    monkeypatch.delenv("KEY_A")
    refused = endpoint.run("predict", endpoint.name, "-i", ROWS)
    assert refused.code == 8, refused.err
    monkeypatch.setenv("KEY_B", "another-long-random-key-of-the-second")
    endpoint.well("update", endpoint.name, "--set", "auth.api_keys=[{env: KEY_B}]")
    endpoint.well("predict", endpoint.name, "-i", ROWS)
    monkeypatch.setenv("KEY_B", "a-third-long-random-key-of-the-same-name")
    same = endpoint.well("update", endpoint.name, "--set", "replicas=1")
    assert "auth.api_keys   another value, in place" in same.err
    endpoint.well("predict", endpoint.name, "-i", ROWS)
    again = endpoint.well("update", endpoint.name, "--set", "replicas=1")
    assert "is unchanged" in again.err
    monkeypatch.setenv("KEY_B", "short")
    refused = endpoint.run("update", endpoint.name, "--set", "replicas=1")
    assert (refused.code, "short\n" in refused.err) == (2, False)
    monkeypatch.setenv("KEY_B", "a-third-long-random-key-of-the-same-name")
    assert endpoint.replicas() == ran  # nothing was restarted
    assert endpoint.revision() == before
    shown = subprocess.check_output(["docker", "inspect", *ran, f"{endpoint.name}--gateway"], text=True)
    assert "long-random-key" not in shown
    endpoint.well("update", endpoint.name, "--set", "auth.api_keys=[]")


def test_delete_leaves_nothing_but_images(endpoint: Harbour) -> None:
    endpoint.well("delete", endpoint.name, "--yes")
    assert [each for each in endpoint.scope.left() if each.kind != "image"] == []
    assert endpoint.run("status", endpoint.name).code == 3
    assert endpoint.run("delete", endpoint.name, "--yes").code == 3
