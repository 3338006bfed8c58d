"""An engine of these tests' own, which may be stopped, killed and filled up, and two ready images on it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deployer_docker.client import connect, engine_address
from deployer_docker.config import DockerOptions
from tests.engine.dockers import OWN, Docker
from tests.engine.private import PrivateEngine, why_no_private_engine
from tests.integration.docker.ready import Ready, ready_images
from tests.plugins.docker import Image, Scope

_NUMBERS = itertools.count(1)


@contextmanager
def started_engine(images: Iterable[Image], *options: str, docker: Docker = OWN) -> Iterator[PrivateEngine]:
    """An engine with these images.

    Args:
        images: What endpoints stand on.
        options: More options of dockerd's.
        docker: Which Docker it is.
    """
    reason = why_no_private_engine()
    if reason is not None:
        pytest.skip(reason)
    made = PrivateEngine(*options, docker=docker)
    try:
        made.boot()
        for image in images:
            made.load(image.layout, image.reference)
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def engine(base_image: Image, gateway_image: Image) -> Iterator[PrivateEngine]:
    """The engine, with the images that endpoints stand on."""
    with started_engine((base_image, gateway_image)) as made:
        yield made


@pytest.fixture
def scope(engine: PrivateEngine) -> Iterator[Scope]:
    """A name, and this test on the engine's network; afterwards the engine runs, and has nothing of that name."""
    made = Scope(engine.api, f"life-{next(_NUMBERS)}")
    engine.on()
    with engine.entered():
        yield made
        engine.on()
        made.remove()


@pytest.fixture
def settings(engine: PrivateEngine, gateway_image: Image) -> str:
    """What names the engine."""
    return (
        'target = "engine"\n[targets.engine]\nkind = "docker"\n'
        f'host = "{engine.url}"\ngateway_image = "{gateway_image.reference}"\n'
    )


@pytest.fixture
def ready(tmp_path: Path, engine: PrivateEngine, scope: Scope, settings: str, base_image: Image) -> Iterator[Ready]:
    """A folder with settings of the engine, and the ready images."""
    api = connect(engine_address(DockerOptions(host=engine.url)))
    try:
        yield Ready(tmp_path, scope, settings, ready_images(api, base_image.reference, scope.name))
    finally:
        api.close()
