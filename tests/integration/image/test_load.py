"""Images into a real engine: everything, only what is missing, and by name."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import ClassVar

import docker
import pytest

from deployer.errors import BuildError, TargetUnavailable
from deployer.image.ahead import LoadingAhead
from deployer.image.base import BasePlaces, inspect_base
from deployer.image.load import load
from deployer.image.values import BaseImage
from deployer.target import HeldImage, Site
from deployer_docker.config import DockerOptions
from deployer_docker.engine import DockerEngine
from deployer_docker.target import DockerTarget
from tests.integration.image.images import image, layer, ran
from tests.plugins.docker import Image as Given
from tests.plugins.docker import ImageRegistry, Scope
from tests.unit.image.bases import tar_of


@pytest.fixture
def client(docker_host: str) -> Generator[docker.APIClient, None, None]:
    client = docker.APIClient(base_url=docker_host, version="auto")
    yield client
    client.close()


@pytest.fixture
def engine(client: docker.APIClient) -> DockerEngine:
    return DockerEngine(client)


@pytest.fixture(scope="module")
def base(base_image: Given, tmp_path_factory: pytest.TempPathFactory) -> BaseImage:
    places = BasePlaces(tmp_path_factory.mktemp("cache"))
    return inspect_base(f"oci:{base_image.layout}", platform="linux/amd64", python="3.11", places=places)


def test_new_weights_are_one_small_layer(
    base: BaseImage, engine: DockerEngine, client: docker.APIClient, docker_scope: Scope, tmp_path: Path
) -> None:
    wheels = [layer(tmp_path, f"wheel {number}", {f"opt/{number}": os.urandom(1000)}) for number in range(4)]
    old, new = (
        image(base, *wheels, layer(tmp_path, "weights", {"opt/w": text}), command=("cat", "/opt/w"))
        for text in (b"old", b"new")
    )
    name = f"{docker_scope.name}:new"
    first = load(old, engine, cache=tmp_path / "cache", names=(f"{docker_scope.name}:old",))
    assert (first.carried, first.image.id) == (5, old.digest)  # the engine has the base
    second = load(new, engine, cache=tmp_path / "cache", names=(name,))
    assert (second.carried, second.image.id, second.image.diff_ids) == (1, new.digest, new.diff_ids)
    assert second.image.references == (name,)
    assert ran(client, name, docker_scope) == "new"
    third = load(new, engine, cache=tmp_path / "cache", names=(name,))
    assert (third.carried, third.sent) == (0, 0)


def test_what_goes_ahead_is_not_carried_again_and_leaves_no_image(
    base: BaseImage, engine: DockerEngine, client: docker.APIClient, docker_scope: Scope, tmp_path: Path
) -> None:
    class Telling(DockerEngine):
        """Says when it has taken something in."""

        taken = threading.Semaphore(0)
        loaded: ClassVar[list[str]] = []

        def load(self, archive: Iterable[bytes]) -> None:
            super().load(archive)
            self.taken.release()

        def remove(self, reference: str) -> None:
            assert engine.find(reference) is not None
            self.loaded.append(reference)
            super().remove(reference)

    wheels = [layer(tmp_path, f"wheel {number}", {f"opt/{number}": os.urandom(1000)}) for number in range(3)]
    whole = image(base, *wheels, command=("ls", "/opt"))
    name, telling = f"{docker_scope.name}:1", Telling(client)
    with LoadingAhead(base, telling, tmp_path / "cache", worth=1) as ahead:
        for count in (1, 2):
            ahead.put(wheels[:count])
            assert telling.taken.acquire(timeout=120)
        ahead.finish()
        done = load(whole, telling, cache=tmp_path / "cache", names=(name,))
    assert done.carried == 1
    assert ran(client, name, docker_scope) == "0\n1\n2\n"
    assert len(telling.loaded) == 2
    assert not any(map(engine.find, telling.loaded))


def test_a_load_ahead_that_is_given_up_leaves_nothing(
    base: BaseImage, engine: DockerEngine, client: docker.APIClient, tmp_path: Path
) -> None:
    class Watched(DockerEngine):
        begun, may = threading.Event(), threading.Event()
        removed: ClassVar[list[str]] = []

        def load(self, archive: Iterable[bytes]) -> None:
            def watched() -> Iterable[bytes]:
                for number, piece in enumerate(archive):
                    yield piece
                    if number == 1:
                        self.begun.set()
                        assert self.may.wait(60)

            super().load(watched())

        def remove(self, reference: str) -> None:
            self.removed.append(reference)
            super().remove(reference)

    def interrupted() -> None:
        with LoadingAhead(base, watched, tmp_path / "cache", worth=1) as ahead:
            ahead.put([layer(tmp_path, "wheel", {"opt/x": os.urandom(5_000_000)})])
            assert watched.begun.wait(120)
            threading.Timer(0.05, watched.may.set).start()
            raise KeyboardInterrupt

    watched = Watched(client)
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert len(watched.removed) == 1
    assert engine.find(watched.removed[0]) is None


def test_what_a_killed_load_ahead_left_is_an_orphan(
    base: BaseImage, client: docker.APIClient, docker_host: str, tmp_path: Path
) -> None:
    class Killed(DockerEngine):
        """Nobody is there any more to remove what it took in."""

        taken = threading.Semaphore(0)
        left: ClassVar[list[str]] = []

        def load(self, archive: Iterable[bytes]) -> None:
            super().load(archive)
            self.taken.release()

        def remove(self, reference: str) -> None:
            self.left.append(reference)

    killed = Killed(client)
    with LoadingAhead(base, killed, tmp_path / "cache", worth=1) as ahead:
        ahead.put([layer(tmp_path, "wheel", {"opt/x": os.urandom(1000)})])
        assert killed.taken.acquire(timeout=120)
    (left,) = killed.left
    try:
        target = DockerTarget(DockerOptions(host=docker_host), Site("engine", "tests"))
        assert not any(left in each.identity for each in target.orphans())  # too young
        (orphan,) = [each for each in target.orphans(older_than=-10.0) if left in each.identity]
        assert orphan.what.startswith("part of an image that was not finished")
        assert not target.remove_orphan(orphan)
        assert target.remove_orphan(orphan, older_than=-10.0)
        assert DockerEngine(client).find(left) is None
        assert not target.remove_orphan(orphan, older_than=-10.0)
    finally:
        DockerEngine(client).remove(left)


def test_everything_is_carried_where_that_is_wanted_and_where_layers_are_gone(
    base: BaseImage, client: docker.APIClient, docker_scope: Scope, tmp_path: Path
) -> None:
    class Whole(DockerEngine):
        partial_loads = False

    class Boasting(DockerEngine):
        """Says that it has an image which was removed meanwhile."""

        loads = 0

        def find(self, reference: str) -> HeldImage | None:
            if reference == base.digest:
                return HeldImage(base.digest, wanted.diff_ids, "linux/amd64", {})
            return super().find(reference)

        def load(self, archive: Iterable[bytes]) -> None:
            self.loads += 1
            super().load(archive)

    first = image(base, layer(tmp_path, "x", {"opt/x": os.urandom(10)}), command=("ls", "/opt"))
    name = f"{docker_scope.name}:1"
    assert load(first, Whole(client), cache=tmp_path / "cache", names=(name,)).carried == 2
    assert ran(client, name, docker_scope) == "x\n"
    wanted = image(base, layer(tmp_path, "y", {"opt/y": os.urandom(10)}))
    boasting = Boasting(client)
    assert load(wanted, boasting, cache=tmp_path / "other", names=(f"{docker_scope.name}:2",)).carried == 2
    assert boasting.loads == 2


def test_what_an_engine_refuses(engine: DockerEngine, docker_scope: Scope) -> None:
    with pytest.raises(BuildError, match="cannot load the image"):
        engine.load([b"x" * 1024])
    with pytest.raises(BuildError, match="cannot give image"), engine.save(f"{docker_scope.name}:none"):
        pass
    assert engine.find(f"{docker_scope.name}:none") is None


def test_what_an_engine_cannot_pull(engine: DockerEngine, image_registry: ImageRegistry, base_image: Given) -> None:
    def pulled(reference: str, platform: str = "linux/amd64") -> None:
        engine.pull(reference, platform, lambda *_: None)

    with pytest.raises(BuildError, match="no such image"):
        pulled(f"{image_registry.plain}/none:1")
    with pytest.raises(BuildError, match="is not for linux/s390x"):
        pulled(base_image.reference, "linux/s390x")
    with pytest.raises(TargetUnavailable, match="connection refused"):
        pulled("localhost:9/none:1")


def test_a_dockerfile_is_built(engine: DockerEngine, client: docker.APIClient, base_image: Given) -> None:
    def context(text: str) -> list[bytes]:
        return [tar_of([("Dockerfile", f"FROM {base_image.reference}\n{text}".encode())])]

    *lines, made = engine.build(context("RUN echo made > /made"), platform="linux/amd64", network="none")
    try:
        assert any("RUN echo made" in line for line in lines)
        held = engine.find(made)
        assert held is not None
        assert held.id == made
    finally:
        client.remove_image(made, force=True)
    with pytest.raises(BuildError, match=r"(?s)step of the image's build failed.*no luck"):
        list(engine.build(context("RUN echo no luck; exit 3"), platform="linux/amd64", network="none"))


def test_an_engine_that_is_not_there(tmp_path: Path) -> None:
    client = docker.APIClient(base_url=f"unix://{tmp_path}/none.sock", version="1.41")
    engine = DockerEngine(client)
    with pytest.raises(TargetUnavailable, match="did not look for image x") as caught:
        engine.find("x")
    assert caught.value.transient
