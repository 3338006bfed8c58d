"""An endpoint that may sleep, on a real cluster that knows KEDA's kinds.

Without KEDA's programs somebody has to do what they do: the count is changed by the scale subresource in KEDA's name.
`tests/cluster/keda` prints the folder that ``DEPLOYER_TEST_KEDA`` names; with its programs, see test_scaling_keda.py.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.integration.kubernetes.bay import Bay, deployer_on, left_of
from tests.integration.kubernetes.beds import API, Bed, keda_kinds, until

if TYPE_CHECKING:
    from tests.cluster.api import Cluster
    from tests.plugins.docker import Image

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.xdist_group("kubernetes-keda")]


@pytest.fixture(scope="module")
def keda(cluster: Cluster) -> Iterator[None]:
    """KEDA's kinds."""
    with keda_kinds(cluster):
        yield


@pytest.fixture
def bed(bay: Bay, keda: None, gateway_image: Image) -> Bed:
    """In a namespace of the test's own."""
    kubeconfig = Path(os.environ["DEPLOYER_TEST_KUBECONFIG"])
    bay.deployer = deployer_on(kubeconfig, bay.namespace.name, gateway_image=gateway_image.reference)
    return Bed(bay)


def test_a_request_is_held_until_it_is_awake_and_nothing_of_it_is_drift(bed: Bed) -> None:
    revision = bed.serve()
    made = bed.scaled(revision)
    assert (made["spec"]["minReplicaCount"], made["spec"]["maxReplicaCount"]) == (0, 2)
    assert bed.namespace.get("autoscaling/v2", "HorizontalPodAutoscaler", f"iris--{revision}") is None
    assert bed.ask() == (200, "one")

    bed.fall_asleep(revision)
    assert not bed.bay.deployer.plan(bed.wish()).changes
    with ThreadPoolExecutor(2) as pool:
        client: Future[tuple[int, str]] = pool.submit(bed.ask)
        until(lambda: bed.waiting() >= 1, "nobody tells that a request waits")
        ours = pool.submit(bed.bay.deployer.predict, bed.bay.name, {"inputs": "how?"})
        time.sleep(1.5)  # longer than a connection may take, so that it is made anew
        assert not client.done()
        assert not ours.done()
        bed.scale(revision, 1)
        assert client.result(60) == (200, "one")
        assert ours.result(60)
    assert not bed.bay.deployer.plan(bed.wish()).changes

    bed.bay.deployer.delete(bed.bay.name)
    assert left_of(bed.namespace, bed.bay.name) == []
    assert bed.namespace.all(API, "ScaledObject") == []


def test_one_that_sleeps_is_updated_and_woken_to_be_looked_at(bed: Bed) -> None:
    first = bed.serve()
    bed.fall_asleep(first)
    second = bed.serve("two")
    assert second != first
    assert bed.ask() == (200, "two")
    assert bed.scaled(first) is None
    assert bed.scaled(second) is not None

    bed.fall_asleep(second)
    before = bed.scaled(second)["metadata"]["uid"]
    wider = {"min": 0, "max": 3}
    assert bed.serve("two", replicas=wider) == second
    made = bed.scaled(second)
    assert made["spec"]["maxReplicaCount"] == 3
    assert made["metadata"]["uid"] != before  # a first rest of its own: KEDA would let it sleep again at once
    assert bed.pods(second)
    assert not bed.bay.deployer.plan(bed.wish("two", replicas=wider)).changes


def test_from_a_count_to_sleep_and_back_no_request_is_lost(bed: Bed) -> None:
    revision = bed.serve(replicas=1)
    failed, answered, over = [], [0], threading.Event()

    def load() -> None:
        while not over.is_set():
            try:
                status, word = bed.ask()
            except OSError as error:
                status, word = 0, repr(error)
            answered[0] += 1
            if status != 200:
                failed.append((status, word))

    threads = [threading.Thread(target=load, daemon=True) for _ in range(3)]
    for each in threads:
        each.start()
    try:
        assert bed.serve() == revision
        service = bed.namespace.get("v1", "Service", "iris")
        assert service is not None
        assert service["spec"]["selector"]["deployer.io/role"] == "activator"
        assert bed.serve("two") != revision
        back = bed.serve("two", replicas=2)
        until(lambda: not left_of(bed.namespace, "activator"), "its activator stays")
        assert bed.scaled(back) is None
    finally:
        over.set()
        for each in threads:
            each.join(60)
    print(f"{len(failed)} of {answered[0]} failed")
    assert answered[0] > 50
    assert failed == []


@pytest.mark.exhaustive
def test_one_that_sleeps_and_is_not_to_any_more_is_awake_before_requests_come_directly(bed: Bed) -> None:
    revision = bed.serve()
    bed.fall_asleep(revision)
    with ThreadPoolExecutor(1) as pool:
        client = pool.submit(bed.ask)
        assert bed.serve(replicas=1) == revision
        assert client.result(60) == (200, "one")
    until(lambda: left_of(bed.namespace, "activator") == [], "its activator stays")
    assert left_of(bed.namespace, "served") == []
    assert bed.ask() == (200, "one")
