"""Namespaces with the Python API on them, and ready images in the registry that the nodes pull from."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.cluster.api import Cluster
from tests.integration.kubernetes.bay import Bay, deployer_on
from tests.integration.kubernetes.beds import until
from tests.integration.kubernetes.images import ReadyImages, ready_images
from tests.integration.kubernetes.inference import API, KIND, controller, kserve_kinds
from tests.plugins.cluster import HOST, Namespace
from tests.plugins.docker import Image


@pytest.fixture(scope="session")
def ready(base_image: Image) -> ReadyImages:
    """Images whose server does what it is told."""
    return ready_images(base_image)


@pytest.fixture(scope="module")
def shared(
    new_namespace: Callable[..., AbstractContextManager[Namespace]],
    ready: ReadyImages,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Bay]:
    """A namespace that the tests of a module share."""
    with new_namespace() as namespace:
        yield _bay(namespace, ready, tmp_path_factory.mktemp("bay"))


@pytest.fixture
def bay(namespace: Namespace, ready: ReadyImages, tmp_path: Path) -> Bay:
    """A namespace of the test's own."""
    return _bay(namespace, ready, tmp_path)


def _bay(namespace: Namespace, ready: ReadyImages, folder: Path) -> Bay:
    kubeconfig = Path(os.environ["DEPLOYER_TEST_KUBECONFIG"])
    return Bay(namespace, deployer_on(kubeconfig, namespace.name), ready, folder)


@pytest.fixture(scope="module")
def kserve(
    cluster: Cluster,
    new_namespace: Callable[..., AbstractContextManager[Namespace]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[subprocess.Popen[bytes] | None]:
    """KServe's kinds, and its controller at work; a cluster that has one keeps it, and nobody may stop that."""
    host = os.environ.get(HOST)
    with kserve_kinds(cluster, "kserve") as ours:
        if not ours:
            yield None
            return
        if not host:
            pytest.skip(f"the API server reaches this machine at an address that nobody said: {HOST}")
        with new_namespace() as namespace, controller(namespace, host, tmp_path_factory.mktemp("kserve")) as process:
            yield process
            # It alone can let go of them, and a namespace stays as long as one of them does.
            until(lambda: not cluster.all(API, KIND), "InferenceServices stay")
