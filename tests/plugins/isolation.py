"""Each test has an environment of its own: an empty HOME, no settings of the person who runs it, no way to the network.

pytest-socket keeps the test's own process on loopback; the dead proxy set here keeps its children there too. A test
that is marked ``index`` keeps the machine's proxy and package index; one that is marked ``real("docker")`` has
``DOCKER_HOST``.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = pytest.StashKey[Path]()
"""The folder that holds every home and temporary folder of this run."""

FAILED = pytest.StashKey[bool]()

WENT_WRONG = pytest.StashKey[bool]()
"""Whether a phase of this test failed: its home is kept for a look."""

DOCKER = pytest.StashKey[str]()
"""The address of the container engine for the tests that need one; set by the plug-in ``docker``."""

ROOT_VARIABLE = "DEPLOYER_TEST_ROOT"
MARKER_VARIABLE = "DEPLOYER_TEST_RUN"
"""Carries ``<run> <test>`` into every child, so that one that outlives its test can be named."""

FOREIGN = (
    "KUBECONFIG",
    "XDG_",
    "DEPLOYER_",
    "MLFLOW_",
    "UV_",
    "PIP_",
    "PYTEST_ADDOPTS",
    "VIRTUAL_ENV",
    "DATABRICKS_",
    "AWS_",
    "AZURE",
    "DOCKER_",
)
OURS = "DEPLOYER_TEST_"
INDEX = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")
"""Where packages come from; kept for tests that are marked ``index``."""

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
NO_PROXY = ("no_proxy", "NO_PROXY")
LOOPBACK = "127.0.0.1,::1,localhost"
DEAD_PROXY = "http://127.0.0.1:9"
"""Nothing listens on the discard port, so that what asks this proxy is refused at once."""


def needs_docker(item: pytest.Item) -> bool:
    """Whether a test is marked ``real("docker")``."""
    return any(marker.args == ("docker",) for marker in item.iter_markers("real"))


def isolated(
    environment: Mapping[str, str], *, home: Path, test: str, index: bool, docker: str | None = None
) -> dict[str, str]:
    """The environment of one test, made from the one that pytest was started in.

    Args:
        environment: What pytest was started in.
        home: The test's own HOME.
        test: Its name, for the marker.
        index: Whether it may reach the package index.
        docker: The address of the container engine that it may use.
    """
    kept = {
        name: value
        for name, value in environment.items()
        if name.startswith(OURS) or (index and name in INDEX) or not name.startswith(FOREIGN)
    }
    if not index:
        kept.update(dict.fromkeys(PROXIES, DEAD_PROXY))
        kept.update(dict.fromkeys(NO_PROXY, LOOPBACK))
    if docker is not None:
        kept["DOCKER_HOST"] = docker
    run = environment.get(MARKER_VARIABLE, "").split(" ")[0]
    return kept | {"HOME": str(home), "USERPROFILE": str(home), MARKER_VARIABLE: f"{run} {test}"}


@contextmanager
def replaced(environment: Mapping[str, str]) -> Generator[None, None, None]:
    """Let this process have that environment, and give back its own afterwards, whatever was changed meanwhile."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Give the run one short folder (Unix sockets have paths of 100 characters at most) and a name of its own."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts what is to run behind it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(config, "workerinput"):
        config.stash[ROOT] = Path(os.environ[ROOT_VARIABLE])
        return
    root = Path(tempfile.mkdtemp(prefix="dt-")).resolve()
    config.stash[ROOT] = root
    os.environ[ROOT_VARIABLE] = str(root)
    os.environ[MARKER_VARIABLE] = root.name
    if not config.option.basetemp:
        config.option.basetemp = str(root / "tmp")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Run one test, its fixtures included, in an environment of its own."""
    home = Path(tempfile.mkdtemp(prefix="h-", dir=item.config.stash[ROOT]))
    index = item.get_closest_marker("index") is not None
    docker = item.config.stash.get(DOCKER, None) if needs_docker(item) else None
    with replaced(isolated(os.environ, home=home, test=item.nodeid, index=index, docker=docker)):
        result = yield
    if not item.stash.get(WENT_WRONG, False):
        # The environments of hundreds of tests would fill the disk, or the memory where that is where they are.
        shutil.rmtree(home, ignore_errors=True)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember a phase that failed."""
    report = yield
    if report.failed:
        item.stash[WENT_WRONG] = True
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, None, None]:
    """Remember how it ended, when everybody has had a say."""
    yield
    session.config.stash[FAILED] = session.exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the run's folder; a failed run keeps it for a look, unless nobody is there to look."""
    root = config.stash.get(ROOT, None)
    if root is None or hasattr(config, "workerinput"):
        return
    if os.environ.get("CI") or not config.stash.get(FAILED, False):
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="session")
def uv_cache(pytestconfig: pytest.Config) -> Path:
    """One package cache for all tests of this run, so that a wheel is downloaded once: for ``UV_CACHE_DIR``."""
    return Path(os.environ.get("DEPLOYER_TEST_UV_CACHE") or pytestconfig.stash[ROOT] / "uv-cache")
