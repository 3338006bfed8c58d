"""Fixtures: a real Kubernetes and a namespace of the test's own in it; see tests/cluster/up.

A test that uses one of them is of the kind ``cluster``: skipped with one line where there is none, never in CI. Such a
test alone has ``KUBECONFIG`` set, and may connect to the cluster's own addresses. Pods run images of the registry that
tests/engine/up started, by the fixtures of the plug-in ``docker``. What a test makes is in its `namespace`, or carries
its label `RUN_LABEL`; it goes when the test ends, and what is still there when the whole run ends fails it.
"""

from __future__ import annotations

import itertools
import os
import socket
import sys
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.cluster.api import Cluster, Object
from tests.cluster.control import Parts
from tests.cluster.turns import turn
from tests.plugins.docker import prefix
from tests.plugins.isolation import LOOPBACK, NO_PROXY

KIND = "cluster"
FIXTURES = frozenset({"cluster", "cluster_parts", "namespace", "new_namespace", "cluster_host"})
HOW = "run: tests/cluster/up FOLDER && set -a && . FOLDER/env"
KUBECONFIG = "DEPLOYER_TEST_KUBECONFIG"
KUBECTL = "DEPLOYER_TEST_KUBECTL"
FOLDER = "DEPLOYER_TEST_CLUSTER"
NETWORK = "DEPLOYER_TEST_CLUSTER_NETWORK"
HOST = "DEPLOYER_TEST_CLUSTER_HOST"

RUN_LABEL = "deployer-test/run"
"""On each namespace, with what every name of this run begins with."""
RESTRICTED = {
    "pod-security.kubernetes.io/enforce": "restricted",
    "pod-security.kubernetes.io/enforce-version": "latest",
}
"""As a platform team would have it: https://kubernetes.io/docs/concepts/security/pod-security-standards/."""
GONE = 90.0
"""Seconds that a namespace may take to go."""

LEFT = pytest.StashKey[list[str]]()


@dataclass(frozen=True)
class Namespace:
    """A namespace that nothing else on the cluster uses; the restricted profile is enforced in it."""

    cluster: Cluster
    name: str

    def create(self, made: Object, **query: str) -> Object:
        """Make an object in it."""
        return self.cluster.create(made, self.name, **query)

    def get(self, api_version: str, kind: str, name: str) -> Object | None:
        """An object in it; None where there is none."""
        return self.cluster.get(api_version, kind, name, self.name)

    def all(self, api_version: str, kind: str, **query: str) -> list[Object]:
        """The objects of a kind in it."""
        return self.cluster.all(api_version, kind, self.name, **query)

    def wait_for(
        self, api_version: str, kind: str, name: str, *, until: Callable[[Object | None], object], seconds: float = 60
    ) -> Object | None:
        """An object in it, as soon as something holds for it."""
        return self.cluster.wait_for(api_version, kind, name, self.name, until=until, seconds=seconds)

    def remove(self) -> None:
        """Have it go with all that is in it; its pods are gone now, it is some seconds later."""
        drop(self.cluster, self.name)

    def gone(self) -> None:
        """Wait until it is no more."""
        self.cluster.wait_for("v1", "Namespace", self.name, until=lambda found: found is None, seconds=GONE)


def drop(cluster: Cluster, namespace: str) -> None:
    """Have a namespace go, its pods at once."""
    found = cluster.get("v1", "Namespace", namespace)
    if found is not None:
        cluster.delete(found)
        # From now on nobody makes new ones; the controller itself would begin after five seconds, and be patient.
        cluster.ask("DELETE", cluster.kind("v1", "Pod").path(namespace), {"gracePeriodSeconds": 0})


def needs_cluster(item: pytest.Item) -> bool:
    """Whether a test is marked ``real("cluster")``."""
    return any(marker.args == (KIND,) for marker in item.iter_markers("real"))


def configured() -> Cluster | None:
    """The cluster that the environment names, whether it answers or not."""
    path = os.environ.get(KUBECONFIG)
    return Cluster(Path(path), os.environ.get(KUBECTL) or "kubectl") if path else None


@cache
def why_no_cluster() -> str | None:
    """One line that says why the tests of this kind cannot run; None where they can."""
    cluster = configured()
    if cluster is None:
        return f"no test cluster: {KUBECONFIG} not set; {HOW}"
    return f"{reason}; {HOW}" if (reason := cluster.why_not()) is not None else None


@cache
def hosts() -> tuple[str, ...]:
    """Where tests of this kind may connect to, beside loopback: the cluster's network, and its API server."""
    found = configured()
    if found is None:
        return ()
    try:
        server = urlsplit(found.connection.server).hostname
    except (OSError, ValueError):  # `why_no_cluster` says so
        return ()
    return tuple(filter(None, (os.environ.get(NETWORK), server)))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What uses a cluster is of the kind, whether it says so or not, and may reach it."""
    for item in items:
        if FIXTURES & set(getattr(item, "fixturenames", ())) and not needs_cluster(item):
            item.add_marker(pytest.mark.real(KIND))
        if needs_cluster(item):
            item.add_marker(pytest.mark.allow_hosts([*LOOPBACK.split(","), *hosts()]))


@pytest.hookimpl(wrapper=True, tryfirst=True)  # before a test's time begins to run
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """A test that stops parts of the cluster has it alone."""
    folder = os.environ.get(FOLDER)
    if not folder or not needs_cluster(item):
        return (yield)
    with turn(Path(folder), alone="cluster_parts" in getattr(item, "fixturenames", ())):
        return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs a cluster where there is none; where one is required, that fails."""
    if not needs_cluster(item):
        return
    if (reason := why_no_cluster()) is not None:
        pytest.skip(reason)
    # The test has an environment of its own, so that nobody need take this back.
    os.environ["KUBECONFIG"] = os.environ[KUBECONFIG]
    for name in NO_PROXY:
        os.environ[name] = ",".join(filter(None, (os.environ.get(name), *hosts())))


@pytest.hookimpl(wrapper=True, trylast=True)  # inside the terminal's wrapper, which prints the summary
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, None, None]:
    """When fixtures and workers are gone, look for namespaces that are left, remove them, and fail the run."""
    yield
    config = session.config
    cluster = configured()
    if hasattr(config, "workerinput") or config.option.collectonly or cluster is None or why_no_cluster() is not None:
        return
    found = cluster.all("v1", "Namespace", labelSelector=f"{RUN_LABEL}={prefix().rstrip('-')}")
    config.stash[LEFT] = [each["metadata"]["name"] for each in found]
    for name in config.stash[LEFT]:
        drop(cluster, name)
    if config.stash[LEFT]:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Name what was left."""
    left = config.stash.get(LEFT, [])
    if left:
        terminalreporter.section("left behind on the cluster (being removed now)", red=True, bold=True)
        for name in left:
            terminalreporter.line(f"namespace {name}", red=True)


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """The cluster; ``KUBECONFIG`` is set for the test already."""
    found = configured()
    assert found is not None
    return found


@pytest.fixture
def cluster_parts(cluster: Cluster) -> Parts:
    """The parts of the cluster, to stop and start them, which this test has alone; skipped where it is a person's."""
    folder = os.environ.get(FOLDER)
    if not folder:
        pytest.skip("the cluster is not one that tests/cluster/up started: its parts cannot be stopped")
    if sys.platform == "win32" or os.geteuid() != 0:
        pytest.skip("only root can stop the parts of the test cluster")
    return Parts(Path(folder), lambda: cluster.why_not() is None)


@pytest.fixture
def cluster_host() -> str:
    """The address at which pods reach this machine, and so a server that a test starts on it."""
    address = os.environ.get(HOST)
    if not address:
        pytest.skip(f"pods reach this machine at an address that nobody said: {HOST}")
    with socket.create_server((address, 0)):  # it is one of ours
        return address


@pytest.fixture(scope="session")
def new_namespace(cluster: Cluster) -> Generator[Callable[..., AbstractContextManager[Namespace]], None, None]:
    """Makes namespaces, for more than one in a test; each goes when its ``with`` ends. It may be given labels."""
    going: list[Namespace] = []
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    counter = itertools.count()

    @contextmanager
    def namespace(**labels: str) -> Generator[Namespace, None, None]:
        made = Namespace(cluster, f"{prefix()}{worker:02d}{next(counter):04d}")
        marks = {RUN_LABEL: prefix().rstrip("-"), **RESTRICTED, **labels}
        cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": made.name, "labels": marks}})
        try:
            # Without it no pod can be made.
            made.wait_for("v1", "ServiceAccount", "default", until=lambda found: found is not None)
            yield made
        finally:
            made.remove()
            going.append(made)

    yield namespace
    for each in going:  # not one after the other: a cluster takes five seconds before it begins
        each.gone()


@pytest.fixture
def namespace(new_namespace: Callable[..., AbstractContextManager[Namespace]]) -> Generator[Namespace, None, None]:
    """A namespace for what this test makes on the cluster; all of it goes when the test ends."""
    with new_namespace() as made:
        yield made
