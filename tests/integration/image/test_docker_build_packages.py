"""Debian packages on a base, in a real engine: from an archive on loopback, through a private CA and a proxy."""

from __future__ import annotations

import re
import tarfile
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import docker
import pytest

from deployer.errors import BuildError
from deployer.image.base import BasePlaces, inspect_base
from deployer.image.building.derive import derive_base, derived_again
from deployer.image.building.network import BuildNetwork
from deployer.image.building.packages import parse_packages
from deployer.image.building.running import BuildPlace
from deployer.image.load import load
from deployer.image.push import push
from deployer.image.registry import RegistryClient
from deployer.image.values import BaseImage, ImageReference
from tests.integration.environment.network import Authority, Proxy, proxying
from tests.integration.image.debian import Archive, archiving
from tests.integration.image.docker_building import BuildingEngine
from tests.integration.image.images import image, layer, ran
from tests.plugins.docker import Image as Given
from tests.plugins.docker import ImageRegistry, Scope

pytestmark = pytest.mark.xdist_group("building-in-engine")

SECRET = "hush-4711"
TINY = {"usr/bin/tiny": (b"#!/bin/sh\necho tiny $(cat /usr/share/tiny)\n", 0o4755), "var/log/tiny": (b"log", 0o644)}


@pytest.fixture
def engine(docker_host: str) -> Generator[BuildingEngine, None, None]:
    client = docker.APIClient(base_url=docker_host, version="auto")
    yield BuildingEngine(client)
    client.close()


@pytest.fixture
def base(base_image: Given, engine: BuildingEngine, tmp_path: Path) -> BaseImage:
    return inspect_base(
        base_image.reference,
        platform="linux/amd64",
        python="3.11",
        places=BasePlaces(tmp_path / "cache", engine=engine),
    )


@pytest.fixture
def archive() -> Generator[Archive, None, None]:
    with archiving() as answering:
        filled(answering)
        yield answering


def filled(archive: Archive) -> None:
    archive.add("tiny", "1.0-1", files=TINY, depends="tiny-data", after="date > /var/lib/dpkg/made-now-old")
    archive.add("tiny-data", "2:3.0~rc1", files={"usr/share/tiny": (b"data\n", 0o640)})
    archive.add("broken", "1", after="echo it broke here; exit 3")


@pytest.fixture
def place(engine: BuildingEngine, archive: Archive, docker_scope: Scope, tmp_path: Path) -> BuildPlace:
    network = BuildNetwork.of({}, apt_sources=archive.sources(tmp_path))
    return BuildPlace(engine, tmp_path / "cache", network, repository=f"{docker_scope.name}/base")


def test_packages_are_one_layer_and_the_same_bytes_again(
    base: BaseImage, place: BuildPlace, engine: BuildingEngine, docker_scope: Scope, tmp_path: Path
) -> None:
    lines: list[str] = []
    wanted = parse_packages(["tiny"])
    first = derive_base(base, wanted, replace(place, told=lines.append))
    assert first.installed == ("tiny-data=2:3.0~rc1", "tiny=1.0-1")
    assert (first.reused, engine.builds) == (False, 1)
    assert first.base.digest != base.digest
    assert (first.base.reference, len(first.base.layers)) == (base.reference, len(base.layers) + 1)
    with first.base.source.open_layer(first.base.layers[-1]) as stream, tarfile.open(fileobj=stream) as inside:
        members = {member.name: member for member in inside}
    assert members["usr/bin/tiny"].mode == 0o755  # without the set-user-id bit
    assert (members["usr/share/tiny"].mode, members["usr/share/tiny"].mtime) == (0o640, 1_600_000_000)
    assert "opt/deployer/packages.txt" in members
    left = [name for name in members if re.search(r"deployer-build|var/log/tiny|lists|-old$|^etc/resolv", name)]
    assert left == []

    steps = {line.split()[1] for line in lines if re.fullmatch(r" ---> [0-9a-f]{12}", line)} - {base.digest[7:19]}
    assert len(steps) == 3
    assert [step for step in steps if engine.find(step)] == []

    again = derive_base(base, wanted, place)
    assert (again.reused, again.installed, again.base, engine.builds) == (True, first.installed, first.base, 1)
    other = replace(place, cache=tmp_path / "another machine's")
    elsewhere = derived_again(base, first.installed, first.base.digest, other)
    assert (elsewhere.base.digest, engine.builds) == (first.base.digest, 2)

    made = image(first.base, layer(tmp_path, "x", {"opt/x": b"x"}), command=("tiny",))
    loaded = load(made, engine, cache=place.cache, names=(f"{docker_scope.name}:1",))
    assert loaded.carried == 1
    assert ran(engine.client, f"{docker_scope.name}:1", docker_scope) == "tiny data\n"


@pytest.mark.exhaustive
def test_fresh_asks_the_archive_again(
    base: BaseImage, place: BuildPlace, engine: BuildingEngine, archive: Archive
) -> None:
    wanted = parse_packages(["tiny-data"])
    old = derive_base(base, wanted, place)
    archive.add("tiny-data", "2:3.0", files={"usr/share/tiny": (b"newer\n", 0o644)})
    assert derive_base(base, wanted, place) == replace(old, reused=True)
    new = derive_base(base, wanted, place, fresh=True)
    assert new.installed == ("tiny-data=2:3.0",)
    back = derived_again(base, old.installed, old.base.digest, place)  # an archive that keeps the old ones
    assert back.base.digest == old.base.digest
    with pytest.raises(BuildError, match="the same packages make another base"):
        derived_again(base, new.installed, old.base.digest, place)
    assert engine.find(new.base.digest) is not None


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("tin", (r"has no Debian package tin \(did you mean tiny\?\)", "image.apt_sources")),
        ("tiny=0.9", (r"no tiny 0.9 \(any more\); it has 1.0-1", "--upgrade")),
        ("broken", (r"(?s)broken cannot be installed.*it broke here", "last output")),
    ],
)
def test_what_cannot_be_installed(
    base: BaseImage, place: BuildPlace, engine: BuildingEngine, name: str, said: tuple[str, str]
) -> None:
    message, hint = said
    lines: list[str] = []
    with pytest.raises(BuildError, match=message) as caught:
        derive_base(base, parse_packages([name]), replace(place, told=lines.append))
    assert hint in (caught.value.hint or "")
    steps = {line.split()[1] for line in lines if re.fullmatch(r" ---> [0-9a-f]{12}", line)} - {base.digest[7:19]}
    assert [step for step in steps if engine.find(step)] == []


def test_a_base_that_the_engine_has_not_and_a_registry_that_takes_it(
    base: BaseImage, place: BuildPlace, engine: BuildingEngine, docker_scope: Scope, image_registry: ImageRegistry
) -> None:
    first = derive_base(base, parse_packages(["tiny-data"]), place)
    engine.client.remove_image(first.base.digest)
    assert engine.find(first.base.digest) is None
    second = derive_base(first.base, parse_packages(["tiny"]), place)  # a base of the cache's, which is brought there
    assert (second.installed, len(second.base.layers)) == (("tiny=1.0-1",), len(base.layers) + 2)

    target = ImageReference(image_registry.plain, f"{docker_scope.name}/tiny", tag="1")
    wanted = image(second.base, command=("tiny",))
    pushed = push(wanted, target, client=RegistryClient(image_registry.plain), cache=place.cache)
    assert pushed.sent > 0
    name = f"{image_registry.plain}/{docker_scope.name}/tiny:1"
    held = engine.pull(name, "linux/amd64", lambda *_: None)
    assert held.diff_ids == wanted.diff_ids
    assert ran(engine.client, name, docker_scope) == "tiny data\n"


class KeepingEngine(BuildingEngine):
    """Forgets nothing until the test has looked."""

    def __init__(self, client: docker.APIClient) -> None:
        super().__init__(client)
        self.kept: list[str] = []

    def remove(self, reference: str) -> None:
        self.kept.append(reference)

    def forget(self) -> None:
        for reference in self.kept:
            super().remove(reference)


def test_a_private_authority_and_a_proxy_leave_no_trace(
    base: BaseImage, docker_host: str, docker_scope: Scope, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    engine = KeepingEngine(docker.APIClient(base_url=docker_host, version="auto"))
    lines: list[str] = []

    def place(password: str, bundle: Path | None) -> BuildPlace:
        url = f"http://me:{password}@127.0.0.1:{proxy.port}"
        network = BuildNetwork.of(
            {"HTTPS_PROXY": url, "HTTP_PROXY": url}, ca_bundle=bundle, apt_sources=archive.sources(tmp_path)
        )
        return BuildPlace(engine, tmp_path / "cache", network, lines.append, f"{docker_scope.name}/base")

    wanted = parse_packages(["tiny-data"])
    with archiving(authority.context) as archive, proxying(Proxy(SECRET)) as proxy:
        filled(archive)
        try:
            with pytest.raises(BuildError, match="certificate cannot be verified") as unknown:
                derive_base(base, wanted, place(SECRET, None))
            assert "requirements.ca_bundle" in (unknown.value.hint or "")
            with pytest.raises(BuildError, match="the proxy wants a login") as shut:
                derive_base(base, wanted, place("wrong-4712", authority.bundle))
            derived = derive_base(base, wanted, place(SECRET, authority.bundle))
            assert any(asked.startswith("CONNECT 127.0.0.1:") for asked in proxy.asked)
            assert engine.kept
            said = [*lines, str(unknown.value), str(shut.value)]
            assert not [line for line in said if SECRET in line or "wrong-4712" in line]
            for reference in (*engine.kept, derived.base.digest):
                with engine.save(reference) as stream:
                    assert not _found(stream.read(), SECRET.encode())
                told = str(engine.client.history(reference)) + str(engine.client.inspect_image(reference))
                assert SECRET not in told
            for path in (tmp_path / "cache").rglob("*"):
                assert not path.is_file() or not _found(path.read_bytes(), SECRET.encode())
        finally:
            engine.forget()
            engine.client.close()


def _found(content: bytes, secret: bytes) -> bool:
    return secret in content


def test_an_archive_that_is_not_there(
    base: BaseImage, engine: BuildingEngine, docker_scope: Scope, tmp_path: Path
) -> None:
    sources = tmp_path / "none.list"
    sources.write_text("deb [trusted=yes] http://127.0.0.1:9/ ./\n")
    network = BuildNetwork.of({}, apt_sources=sources)
    place = BuildPlace(engine, tmp_path / "cache", network, repository=f"{docker_scope.name}/base")
    with pytest.raises(BuildError, match=r"(?s)cannot be reached from the engine.*127\.0\.0\.1") as caught:
        derive_base(base, parse_packages(["tiny"]), place)
    assert "HTTP_PROXY" in (caught.value.hint or "")
