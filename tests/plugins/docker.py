"""Fixtures: a real container engine, real registries and the images that the tests start from; see tests/engine/up.

A test that uses one of them is of the kind ``docker``: skipped with one line where there is none, never in CI. Such a
test alone has ``DOCKER_HOST`` set. What it makes carries a name from `docker_scope`, goes when the test ends, and what
is still there when the whole run ends fails it.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import platform
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import pytest_socket

from tests.engine.api import Engine, Thing, host
from tests.plugins.isolation import DOCKER, LOOPBACK, MARKER_VARIABLE, needs_docker

KIND = "docker"
FIXTURES = frozenset(
    {"docker_host", "docker_scope", "new_docker_scope", "image_registry", "base_image", "gateway_image"}
)
HOW = "run: tests/engine/up FOLDER && set -a && . FOLDER/env"
UP = (
    "DEPLOYER_TEST_REGISTRY",
    "DEPLOYER_TEST_TLS_REGISTRY",
    "DEPLOYER_TEST_REGISTRY_USER",
    "DEPLOYER_TEST_REGISTRY_PASSWORD",
    "DEPLOYER_TEST_REGISTRY_CA",
    "DEPLOYER_TEST_BASE_IMAGE",
    "DEPLOYER_TEST_BASE_LAYOUT",
    "DEPLOYER_TEST_GATEWAY_IMAGE",
    "DEPLOYER_TEST_GATEWAY_LAYOUT",
)
"""What tests/engine/up says about itself."""

LEFT = pytest.StashKey[list[Thing]]()

ARCHITECTURES = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64"}
"""``platform.machine()`` in the words of images."""


@dataclass(frozen=True)
class ImageRegistry:
    """Two empty registries on loopback, but for the images below ``deployer-test/`` in the plain one."""

    plain: str
    """``localhost:PORT``, without TLS, open to everybody."""
    tls: str
    """``localhost:PORT``, with TLS by an authority of its own; wants basic authentication."""
    user: str
    password: str
    ca: Path
    """The authority's certificate, PEM."""


@dataclass(frozen=True)
class Image:
    """An image in the plain registry and in the engine, and the same as an OCI layout on disk."""

    reference: str
    layout: Path

    @property
    def id(self) -> str:
        """The digest of the configuration of this machine's platform, which is the image's id on overlay2."""
        return str(self.manifest()["config"]["digest"])

    def manifest(self, architecture: str | None = None) -> Any:
        """The manifest in the layout for a platform, by default this machine's."""
        wanted = architecture or ARCHITECTURES.get(platform.machine(), platform.machine())
        document = json.loads((self.layout / "index.json").read_text())
        while "manifests" in document:
            fits = [m for m in document["manifests"] if m.get("platform", {}).get("architecture", wanted) == wanted]
            document = self.blob(fits[0]["digest"])
        return document

    def blob(self, digest: str) -> Any:
        """A JSON blob of the layout."""
        return json.loads((self.layout / "blobs" / digest.replace(":", "/")).read_text())


@dataclass(frozen=True)
class Scope:
    """A name that nothing else on the engine has: what carries it in its name or in a label is this test's."""

    engine: Engine
    name: str
    """Lower-case letters, digits and hyphens: right for an endpoint, a container and a repository."""

    def left(self) -> list[Thing]:
        """What there is of it."""
        return self.engine.things(self.name)

    def reach(self) -> None:
        """Let the test's own process connect to the networks of this scope, which are those that it made."""
        networks = [thing.id for thing in self.left() if thing.kind == "network"]
        subnets = [subnet for network in networks for subnet in self.engine.subnets(network)]
        pytest_socket.socket_allow_hosts([*LOOPBACK.split(","), *subnets], allow_unix_socket=True)

    def remove(self) -> None:
        """Take away all of it."""
        for thing in self.left():
            self.engine.remove(thing)


@cache
def why_no_docker(address: str) -> str | None:
    """One line that says why the tests of this kind cannot run; None where they can."""
    missing = [name for name in UP if not os.environ.get(name)]
    if (reason := Engine(address).why_not()) is not None:
        return f"{reason}; {HOW}"
    return f"no test registries: {', '.join(missing)} not set; {HOW}" if missing else None


def prefix() -> str:
    """What every name of this run begins with, in each of its workers."""
    run = os.environ[MARKER_VARIABLE].split(" ")[0]
    return f"t{hashlib.sha256(run.encode()).hexdigest()[:6]}-"


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Remember where the engine is, before a test's own environment hides it."""
    config.stash[DOCKER] = host(os.environ)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What uses an engine is of the kind, whether it says so or not."""
    for item in items:
        if FIXTURES & set(getattr(item, "fixturenames", ())) and not needs_docker(item):
            item.add_marker(pytest.mark.real(KIND))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs an engine where there is none; where one is required, that fails."""
    if needs_docker(item) and (reason := why_no_docker(item.config.stash[DOCKER])):
        pytest.skip(reason)


@pytest.hookimpl(wrapper=True, trylast=True)  # inside the terminal's wrapper, which prints the summary
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, None, None]:
    """When fixtures and workers are gone, look for what is left on the engine, remove it, and fail the run."""
    yield
    config = session.config
    engine = Engine(config.stash[DOCKER])
    if hasattr(config, "workerinput") or config.option.collectonly or engine.why_not() is not None:
        return
    config.stash[LEFT] = engine.things(prefix())
    for thing in config.stash[LEFT]:
        engine.remove(thing)
    if config.stash[LEFT]:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Name what was left."""
    left = config.stash.get(LEFT, [])
    if left:
        terminalreporter.section("left behind on the Docker engine (removed now)", red=True, bold=True)
        for thing in left:
            terminalreporter.line(str(thing), red=True)


@pytest.fixture(scope="session")
def docker_host(pytestconfig: pytest.Config) -> str:
    """The engine's address, for ``DOCKER_HOST``, which is set for the test already."""
    return pytestconfig.stash[DOCKER]


@pytest.fixture(scope="session")
def new_docker_scope(docker_host: str) -> Callable[[], AbstractContextManager[Scope]]:
    """Makes scopes, for fixtures that outlive a test: each is emptied when its ``with`` ends."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    counter = itertools.count()

    @contextmanager
    def scope() -> Generator[Scope, None, None]:
        # Of one width, so that no name is contained in another.
        made = Scope(Engine(docker_host), f"{prefix()}{worker:02d}{next(counter):04d}")
        try:
            yield made
        finally:
            made.remove()

    return scope


@pytest.fixture
def docker_scope(new_docker_scope: Callable[[], AbstractContextManager[Scope]]) -> Generator[Scope, None, None]:
    """A name for what this test makes on the engine; all of it goes when the test ends."""
    with new_docker_scope() as scope:
        yield scope


@pytest.fixture(scope="session")
def image_registry(docker_host: str) -> ImageRegistry:
    """The registries."""
    plain, tls, user, password, ca = (os.environ[name] for name in UP[:5])
    return ImageRegistry(plain, tls, user, password, Path(ca))


@pytest.fixture(scope="session")
def base_image(docker_host: str) -> Image:
    """Debian with its CPython 3.11: in the registry and in the layout an index of linux/amd64 and linux/arm64."""
    return Image(os.environ["DEPLOYER_TEST_BASE_IMAGE"], Path(os.environ["DEPLOYER_TEST_BASE_LAYOUT"]))


@pytest.fixture(scope="session")
def gateway_image(docker_host: str) -> Image:
    """Debian with its HAProxy 2.6 and socat: in the registry a single manifest, Docker schema 2."""
    return Image(os.environ["DEPLOYER_TEST_GATEWAY_IMAGE"], Path(os.environ["DEPLOYER_TEST_GATEWAY_LAYOUT"]))
