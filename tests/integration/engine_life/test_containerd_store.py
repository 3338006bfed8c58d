"""A newer Docker with containerd's store of images, which new installations have since Docker 29."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import pytest
import yaml

from deployer.errors import TargetUnavailable
from deployer.image.base import BasePlaces, inspect_base
from deployer.image.load import load
from deployer.image.values import BaseImage
from deployer.target import HeldImage
from deployer_docker.client import connect, engine_address
from deployer_docker.config import DockerOptions
from deployer_docker.engine import DockerEngine
from tests.e2e.commandline import Done, deployer
from tests.e2e.kept import kept_folder
from tests.e2e.local_home import eventually
from tests.e2e.tiny import TIMES, write_tiny
from tests.engine.dockers import newer
from tests.engine.private import PrivateEngine
from tests.integration.docker.ready import SERVER, Ready
from tests.integration.engine_life.asking import asked
from tests.integration.engine_life.conftest import started_engine
from tests.integration.image.images import image, layer, ran
from tests.plugins.docker import Image, Scope

if TYPE_CHECKING:
    import docker

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.xdist_group("containerd-store")]

SMALL = 100_000
"""Bytes that new weights of a few hundred take on their way at the most."""


@pytest.fixture(scope="module")
def engine(base_image: Image, gateway_image: Image) -> Iterator[PrivateEngine]:
    found = newer()
    if isinstance(found, str):
        pytest.skip(found)
    with started_engine((base_image, gateway_image), docker=found) as made:
        yield made


@pytest.fixture
def client(engine: PrivateEngine) -> Iterator[docker.APIClient]:
    client = connect(engine_address(DockerOptions(host=engine.url)))
    yield client
    client.close()


@pytest.fixture(scope="module")
def base(base_image: Image, tmp_path_factory: pytest.TempPathFactory) -> BaseImage:
    places = BasePlaces(tmp_path_factory.mktemp("cache"))
    return inspect_base(f"oci:{base_image.layout}", platform="linux/amd64", python="3.11", places=places)


def docker_says(engine: PrivateEngine, *words: str) -> str:
    """What Docker's own command line writes."""
    done = subprocess.run(["docker", "--host", engine.url, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_store_is_told_apart(engine: PrivateEngine, client: docker.APIClient) -> None:
    info = engine.api.ask("GET", "/info")
    assert ["driver-type", "io.containerd.snapshotter.v1"] in info["DriverStatus"]
    assert DockerEngine(client).by_manifest


def test_new_weights_are_one_small_file(
    engine: PrivateEngine, client: docker.APIClient, scope: Scope, base: BaseImage, tmp_path: Path
) -> None:
    wheels = [layer(tmp_path, f"wheel {number}", {f"opt/{number}": os.urandom(1000)}) for number in range(4)]
    old, new = (
        image(base, *wheels, layer(tmp_path, "weights", {"opt/w": text}), command=("cat", "/opt/w"))
        for text in (b"old", b"new")
    )
    names = [f"{scope.name}:{each}" for each in ("old", "new", "again")]
    docks, cache = DockerEngine(client), tmp_path / "cache"
    first = load(old, docks, cache=cache, names=(names[0],))
    assert (first.carried, first.image.id, first.image.diff_ids) == (6, old.digest, old.diff_ids)
    told = list[int]()
    second = load(new, docks, cache=cache, names=(names[1],), told=told.append)
    assert (second.carried, second.image.id, second.image.references) == (1, new.digest, (names[1],))
    assert sum(told) == second.sent < SMALL
    third = load(new, DockerEngine(client), cache=cache, names=(names[2],))
    assert (third.carried, third.sent, set(third.image.references)) == (0, 0, {*names[1:]})
    (inspected,) = json.loads(docker_says(engine, "image", "inspect", names[1]))
    assert inspected["Id"] == second.image.handle != new.digest
    assert inspected["RootFS"]["Layers"] == [*new.diff_ids]
    assert docker_says(engine, "run", "--rm", "--network", "none", second.image.handle) == "new"


def test_what_the_store_lacks_after_all_is_sent(
    engine: PrivateEngine, client: docker.APIClient, scope: Scope, base: BaseImage, tmp_path: Path
) -> None:
    class Boasting(DockerEngine):
        """Says that it has an image which was removed meanwhile."""

        loads = 0

        def find(self, reference: str) -> HeldImage | None:
            return first.image if reference == first.image.handle else super().find(reference)

        def load(self, archive: Iterable[bytes]) -> None:
            self.loads += 1
            super().load(archive)

    shared = layer(tmp_path, "shared", {"opt/shared": os.urandom(1000)})
    one, two = (
        image(base, shared, layer(tmp_path, "weights", {"opt/w": text}), command=("cat", "/opt/w"))
        for text in (b"one", b"two")
    )
    names, cache = [f"{scope.name}:{each}" for each in ("one", "two")], tmp_path / "cache"
    first = load(one, DockerEngine(client), cache=cache, names=(names[0],))
    docker_says(engine, "image", "rm", names[0])
    boasting = Boasting(client)
    second = load(two, boasting, cache=cache, names=(names[1],))
    assert (second.carried, boasting.loads) == (3, 2)
    assert ran(client, names[1], scope) == "two"


@pytest.fixture
def registry(tmp_path: Path, scope: Scope) -> Iterator[str]:
    """A registry on the engine's own network, where this test is."""
    settings = tmp_path / "registry.yml"
    settings.write_text(
        f'version: 0.1\nstorage: {{filesystem: {{rootdirectory: "{tmp_path}/registry"}}}}\n'
        'http: {addr: "127.0.0.1:5000"}\n'
    )
    with (tmp_path / "registry.log").open("w") as log:
        process = subprocess.Popen(["docker-registry", "serve", settings], stdout=log, stderr=log)

    def answers() -> bool:
        assert process.poll() is None, (tmp_path / "registry.log").read_text()
        with contextlib.suppress(OSError), urllib.request.urlopen("http://127.0.0.1:5000/v2/", timeout=5):
            return True
        return False

    try:
        eventually(answers, "the registry answers")
        yield "localhost:5000"
    finally:
        process.terminate()
        process.wait()


def test_what_others_put_there_is_told_by_its_configuration(
    client: docker.APIClient, scope: Scope, base_image: Image, registry: str, tmp_path: Path
) -> None:
    """An index that was pulled, of which the engine has one platform, and an archive that was loaded."""

    class Asked(DockerEngine):
        saved = 0

        @contextlib.contextmanager
        def save(self, reference: str) -> Iterator[BinaryIO]:
            self.saved += 1
            with super().save(reference) as stream:
                yield stream

    pulled = f"{registry}/{scope.name}/python:3.11"
    copy = ["skopeo", "copy", "--quiet", "--all", "--dest-tls-verify=false", f"oci:{base_image.layout}"]
    subprocess.run([*copy, f"docker://{pulled}"], check=True)
    docks = Asked(client, tmp_path / "notes")
    held = docks.pull(pulled, "linux/amd64", lambda *_: None)
    assert (held.id, held.platform) == (base_image.id, "linux/amd64")
    loaded = docks.find(base_image.reference)
    assert loaded is not None
    assert (loaded.id, loaded.diff_ids) == (base_image.id, held.diff_ids)
    assert len({held.handle, loaded.handle, base_image.id}) == 3
    assert docks.saved == 2
    later = Asked(client, tmp_path / "notes")
    assert [found and found.id for found in map(later.find, (pulled, base_image.reference))] == [base_image.id] * 2
    assert later.saved == 0


def test_a_full_disk_is_told_and_the_same_load_converges(
    engine: PrivateEngine, client: docker.APIClient, scope: Scope, base: BaseImage, tmp_path: Path
) -> None:
    wanted = image(base, layer(tmp_path, "weights", {"opt/w": os.urandom(64 * 2**20)}), command=("ls", "/opt"))
    name, docks, cache = f"{scope.name}:1", DockerEngine(client), tmp_path / "cache"
    # Once the files do not fit, once they fit as they are sent and not unpacked.
    for left in (16, 100):
        with engine.full(but=left * 2**20), pytest.raises(TargetUnavailable, match="disk is full"):
            load(wanted, docks, cache=cache, names=(name,))
    assert load(wanted, docks, cache=cache, names=(name,)).image.id == wanted.digest
    assert ran(client, name, scope) == "w\n"


@pytest.fixture
def ready(tmp_path: Path, client: docker.APIClient, scope: Scope, settings: str, base: BaseImage) -> Ready:
    """A folder with settings of the engine, and two images that differ in what they answer."""
    images = {}
    for version in ("one", "two"):
        server = layer(tmp_path, "server", {"opt/server.py": SERVER.replace("VERSION", version).encode()})
        images[version] = f"{scope.name}/ready:{version}"
        made = image(base, server, command=("python3", "/opt/server.py", version))
        load(made, DockerEngine(client), cache=tmp_path / "cache", names=(images[version],))
    return Ready(tmp_path, scope, settings, images)


def test_no_request_is_lost_by_an_update(ready: Ready) -> None:
    assert ready.apply("one").code == 0
    with asked(ready.status()["url"], ready.folder / "question.json") as counted:
        updated = ready.apply("two")
        assert updated.code == 0, updated.err
    assert ready.ask()[0].startswith("two ")
    assert (counted["failures"], counted["requests"] > 0) == (0, True), counted


class Models:
    """Two models whose weights differ, commands about them, and their packages where there is no network."""

    def __init__(self, folder: Path, engine: PrivateEngine, base: Image, settings: str) -> None:
        self.folder, self.engine = folder, engine
        self.cache = kept_folder() / "build-cache"
        (folder / ".git").mkdir()
        defaults = f'config = {{drain = "1s"}}, image = {{base = "oci:{base.layout}"}}'
        (folder / "deployer.toml").write_text(f"{settings}defaults = {{{defaults}}}\n")
        for factor in (2, 3):
            write_tiny(folder / f"times-{factor}", TIMES.format(factor=factor))

    def run(self, *words: str) -> Done:
        done = deployer(*words, cwd=self.folder, env={"XDG_CACHE_HOME": str(self.cache)}, timeout=250)
        assert done.code == 0, done.err
        return done

    def build(self, factor: int, *words: str) -> dict[str, Any]:
        """One image to the engine; what is told of it."""
        to = f"docker-daemon:times:{factor}"
        done = self.run("build", f"times-{factor}", "--target", "engine", "--to", to, "-o", "json", *words)
        (made,) = json.loads(done.out)["images"]
        assert isinstance(made, dict)
        return made

    def go_offline(self, lock: Path) -> None:
        """The engine's own network leads nowhere: have the packages of a lock as files."""
        house = self.folder / "house"
        house.mkdir()
        for wheel in yaml.safe_load(lock.read_text())["wheels"]:
            (house / wheel["file"]).symlink_to(self.cache / "deployer" / "wheels" / f"{wheel['sha256']}.whl")
        path = self.folder / "deployer.toml"
        path.write_text(path.read_text().replace("defaults = {", 'defaults = {requirements = {wheelhouse = "house"}, '))

    def predicted(self) -> list[float]:
        (self.folder / "rows.csv").write_text("a\n1\n2\n")
        told = json.loads(self.run("predict", "times", "-i", "rows.csv", "-o", "json").out)
        return [float(each) for each in told["predictions"]]

    def images(self) -> list[str]:
        """Tags of revisions."""
        form = ["--format", "{{.Tag}}", "deployer.local/times"]
        return sorted(docker_says(self.engine, "image", "ls", *form).split())


@pytest.fixture
def models(tmp_path: Path, engine: PrivateEngine, base_image: Image, settings: str) -> Models:
    return Models(tmp_path, engine, base_image, settings)


@pytest.mark.index
@pytest.mark.exhaustive  # on Docker's own store it is that of tests/e2e/test_docker.py
def test_a_models_whole_life(engine: PrivateEngine, models: Models) -> None:
    made = models.build(2, "--lock", "lock.yaml")
    again = models.build(2)
    assert (again["digest"], again["places"], again["made"]) == (made["digest"], made["places"], 0)
    # What is printed is what the engine knows it by.
    (place,) = made["places"]
    assert "times:2" in json.loads(docker_says(engine, "image", "inspect", place))[0]["RepoTags"]
    assert "usage: serve" in docker_says(engine, "run", "--rm", "--network", "none", place, "--help")
    models.go_offline(models.folder / "lock.yaml")
    with engine.entered():
        created = models.run("create", "times", "--model", "times-2")
        assert _carried(created) < SMALL, created.err  # all of it but its metadata came with the build
        assert models.predicted() == [2.0, 4.0]
        updated = models.run("update", "times", "--model", "times-3")
        assert _carried(updated) < SMALL, updated.err
        assert models.predicted() == [3.0, 6.0]
        assert "unchanged" in models.run("update", "times", "--model", "times-3").err
        first, second = models.images()
        status = json.loads(models.run("status", "times", "-o", "json").out)
        old = next(each for each in (first, second) if each != status["revision"])
        docker_says(engine, "image", "rm", "--force", f"deployer.local/times:{old}", "times:2")
        back = models.run("rollback", "times", "--yes")
        assert "carried" in back.err, back.err
        assert models.predicted() == [2.0, 4.0]
        assert "POST" in models.run("logs", "times").out
        models.run("doctor", "--target", "engine")
        models.run("gc", "--target", "engine", "--older-than", "0s", "--yes")
        assert models.images() == sorted((first, second))
        models.run("delete", "times", "--yes")
        models.run("gc", "--target", "engine", "--older-than", "0s", "--yes")
    assert models.images() == []
    assert engine.containers() == []


def _carried(done: Done) -> float:
    """Bytes that went to the engine, as a command tells it; 0 where the image was there."""
    found = re.search(r"([\d.]+) (kB|MB|GB) carried", done.err)
    return float(found[1]) * {"kB": 1e3, "MB": 1e6, "GB": 1e9}[found[2]] if found else 0.0
