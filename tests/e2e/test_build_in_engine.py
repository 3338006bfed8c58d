"""What wheels cannot do, by the real command line: Debian packages and a compiled source, locked and served."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.commandline import MODELS, ROWS, Done, deployer
from tests.e2e.kept import kept_folder
from tests.e2e.test_docker import SETTINGS
from tests.integration.environment.index import Index, serving
from tests.integration.image.test_docker_build_compile import extension
from tests.plugins.docker import Image, Scope

pytestmark = [
    pytest.mark.index, pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.xdist_group("building-in-engine"),
]  # fmt: skip

PASSWORD = "hush-8128-hush"
ASK = "import fortytwo, subprocess; print(fortytwo.answer(), subprocess.getoutput('dpkg -s netbase | grep ^Status'))"


class Yard:
    """A folder with settings, a spec, and a private index that has one source, for a C extension."""

    def __init__(self, folder: Path, scope: Scope, index: Index) -> None:
        self.folder, self.name, self.index = folder, scope.name, index
        spec = {
            "name": scope.name, "model": str(MODELS / "iris"), "image": {"packages": ["netbase"]},
            "requirements": {
                "extra": ["fortytwo==1.0"], "build": ["fortytwo"], "pin": {"fortytwo": index.url},
                "credentials": {index.host: {"username": "me", "password": {"env": "INDEX_PASSWORD"}}},
            },
        }  # fmt: skip
        self.spec = folder / "deployer.yaml"
        self.spec.write_text(json.dumps(spec))

    def run(self, *words: str, cache: Path | None = None) -> Done:
        env = {"XDG_CACHE_HOME": str(cache or kept_folder() / "build-cache"), "INDEX_PASSWORD": PASSWORD}
        return deployer(*words, cwd=self.folder, env=env, timeout=600)


@pytest.fixture
def yard(
    tmp_path: Path, docker_host: str, docker_scope: Scope, base_image: Image, gateway_image: Image
) -> Iterator[Yard]:
    (tmp_path / ".git").mkdir()
    text = SETTINGS.format(host=docker_host, gateway=gateway_image.reference, base=base_image.reference)
    (tmp_path / "deployer.toml").write_text(text)
    with serving(Index(PASSWORD)) as index:
        index.add(extension("fortytwo"))
        made = Yard(tmp_path, docker_scope, index)
        yield made
        made.run("delete", made.name, "--yes", "--missing-ok")


def test_packages_and_a_compiled_source_are_locked_built_again_and_served(yard: Yard, tmp_path: Path) -> None:
    done = yard.run("create", "-f", "deployer.yaml", "-o", "json")
    if done.code and "cannot be reached from the engine" in done.err:
        pytest.skip("the engine reaches no Debian archive, from which the compiler comes")
    assert done.code == 0, done.err
    assert yard.run("predict", yard.name, "-i", str(ROWS)).code == 0
    labels = [f"label=io.deployer.endpoint={yard.name}", "label=io.deployer.role=replica"]
    listed = ["docker", "ps", "-q", *(word for label in labels for word in ("--filter", label))]
    (replica,) = subprocess.check_output(listed, text=True).split()
    told = subprocess.check_output(["docker", "exec", replica, "python3", "-c", ASK], text=True)
    assert told == "42 Status: install ok installed\n"
    image = subprocess.check_output(["docker", "inspect", "-f", "{{.Image}}", replica], text=True).strip()

    first = yard.run("build", "-f", "deployer.yaml", "-t", "engine", "--lock", "image.lock.yaml", "-o", "json")
    assert first.code == 0, first.err
    (one,) = json.loads(first.out)["images"]
    assert one["digest"] == image
    again = yard.run(
        "build",
        "-f",
        "deployer.yaml",
        "-t",
        "engine",
        "--locked",
        "image.lock.yaml",
        "-o",
        "json",
        cache=tmp_path / "new",
    )
    assert again.code == 0, again.err
    (other,) = json.loads(again.out)["images"]
    assert (other["digest"], other["recipe"]) == (one["digest"], one["recipe"])

    seen = [(tmp_path / "image.lock.yaml").read_text(), done.out, done.err, first.err, again.err]
    asked = (("inspect", image), ("history", "--no-trunc", image), ("inspect", replica), ("logs", replica))
    seen += [subprocess.check_output(["docker", *words], text=True) for words in asked]
    assert not any(PASSWORD in text for text in seen)
    saved = subprocess.check_output(["docker", "save", image])
    assert PASSWORD.encode() not in saved
