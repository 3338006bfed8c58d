"""The same base from a registry, an engine, an image layout and a tar of one."""

from __future__ import annotations

import tarfile
from collections.abc import Generator
from pathlib import Path

import docker
import pytest

from deployer.environment import glibc_platform
from deployer.errors import BuildError, SpecError
from deployer.image.base import BasePlaces, inspect_base, repository_of
from deployer.image.decompress import opened_plain
from deployer.image.engine_source import EngineSource
from deployer.image.registry_source import RegistrySource
from deployer_docker.engine import DockerEngine
from tests.plugins.docker import Image as Given
from tests.plugins.docker import ImageRegistry, Scope
from tests.unit.image.bases import digest_of


@pytest.fixture
def engine(docker_host: str) -> Generator[DockerEngine, None, None]:
    client = docker.APIClient(base_url=docker_host, version="auto")
    yield DockerEngine(client)
    client.close()


def test_every_source_gives_the_same(base_image: Given, engine: DockerEngine, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "layout.tar", "w") as archive:
        archive.add(base_image.layout.resolve(), ".")
    found = [
        inspect_base(
            reference, platform="linux/amd64", python="3.11", places=BasePlaces(tmp_path / str(at), engine=used)
        )
        for at, (reference, used) in enumerate(
            [
                (base_image.reference, None),
                (base_image.reference, engine),
                (f"docker-daemon:{base_image.reference}", engine),
                (f"oci:{base_image.layout}", None),
                (f"oci-archive:{tmp_path}/layout.tar", None),
            ]
        )
    ]
    assert {each.digest for each in found} == {base_image.id}
    assert {(each.python, each.glibc) for each in found} == {("/usr/bin/python3.11", "2.36")}
    assert len({tuple(layer.diff_id for layer in each.layers) for each in found}) == 1
    assert glibc_platform(found[0].platform.rpartition("/")[2], found[0].glibc) == "x86_64-manylinux_2_36"
    assert isinstance(found[0].source, RegistrySource)
    assert isinstance(found[1].source, EngineSource)
    for base in found[:2]:  # a layer that is kept, and one out of an archive
        for layer in base.layers:
            with base.source.open_layer(layer) as blob, opened_plain(blob, "x") as plain:
                assert digest_of(plain.read()) == layer.diff_id


def test_another_platform_comes_from_the_registry_even_when_the_engine_has_the_name(
    base_image: Given, engine: DockerEngine, tmp_path: Path
) -> None:
    places = BasePlaces(tmp_path, engine=engine)
    found = inspect_base(base_image.reference, platform="linux/arm64", python="3.11", places=places)
    assert isinstance(found.source, RegistrySource)
    assert glibc_platform(found.platform.rpartition("/")[2], found.glibc) == "aarch64-manylinux_2_36"
    place = repository_of(found)
    assert place is not None
    assert place.digest == found.manifest
    exactly = f"{place.registry}/{place.repository}@{found.manifest}"
    again = inspect_base(exactly, platform="linux/arm64", python="3.11", places=BasePlaces(tmp_path))
    assert again.digest == found.digest
    with pytest.raises(SpecError, match="is for linux/arm64, not for linux/amd64"):
        inspect_base(exactly, platform="linux/amd64", python="3.11", places=BasePlaces(tmp_path))


def test_a_mirror_has_docker_hubs_names(base_image: Given, image_registry: ImageRegistry, tmp_path: Path) -> None:
    places = BasePlaces(tmp_path, mirror=f"http://{image_registry.plain}")
    with pytest.raises(BuildError, match="no such image") as caught:
        inspect_base("python:3.11-slim", platform="linux/amd64", python="3.11", places=places)
    assert caught.value.where == f"{image_registry.plain}/library/python:3.11-slim"
    repository = base_image.reference.removeprefix(f"{image_registry.plain}/")
    places = BasePlaces(tmp_path, mirror=image_registry.plain)
    assert inspect_base(repository, platform="linux/amd64", python="3.11", places=places).reference == repository


def test_what_does_not_fit(base_image: Given, gateway_image: Given, engine: DockerEngine, tmp_path: Path) -> None:
    places = BasePlaces(tmp_path, engine=engine)
    with pytest.raises(SpecError, match=r"has Python 3\.11, and the model needs 3\.12") as caught:
        inspect_base(base_image.reference, platform="linux/amd64", python="3.12", places=places)
    assert caught.value.hint == "image.base=python:3.12-slim"
    with pytest.raises(SpecError, match=r"has no Python, and the model needs 3\.11"):
        inspect_base(gateway_image.reference, platform="linux/amd64", python="3.11", places=places)
    with pytest.raises(SpecError, match="is for linux/amd64, linux/arm64, not for linux/s390x"):
        inspect_base(base_image.reference, platform="linux/s390x", python="3.11", places=places)


def test_what_the_engine_does_not_have(engine: DockerEngine, docker_scope: Scope, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="engine has no such image"):
        inspect_base(
            f"docker-daemon:{docker_scope.name}",
            platform="linux/amd64",
            python="3.11",
            places=BasePlaces(tmp_path, engine=engine),
        )
    with pytest.raises(SpecError, match="no engine"):
        inspect_base("docker-daemon:x", platform="linux/amd64", python="3.11", places=BasePlaces(tmp_path))
