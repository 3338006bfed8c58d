"""Traffic by weights through a gateway of the endpoint's own, on a real cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from deployer.endpoint import Traffic
from deployer.gateway import Loaded
from tests.conformance.kubernetes_bench import KubernetesWorkbench, environment_layers
from tests.integration.kubernetes.gateways import Sharing, pods_of, shared_endpoint, until
from tests.plugins.cluster import Namespace
from tests.plugins.docker import Image

pytestmark = [
    pytest.mark.real("cluster"),
    pytest.mark.slow,
    pytest.mark.xdist_group("kubernetes-gateway"),
    pytest.mark.timeout(600),
]

CHANGES = int(os.environ.get("DEPLOYER_TEST_UPDATES") or 8)
"""So many changes of weights in a row, which take some seconds each."""


@pytest.fixture(scope="module")
def sharing(
    new_namespace: Callable[..., AbstractContextManager[Namespace]], base_image: Image, gateway_image: Image
) -> Iterator[Sharing]:
    """One endpoint, of two revisions of the real runtime."""
    layers = environment_layers(base_image)
    with new_namespace() as namespace:
        bench = KubernetesWorkbench(namespace, base_image.reference.partition("/")[0], layers, gateway_image.reference)
        with shared_endpoint(bench, namespace) as made:
            yield made


@pytest.fixture(autouse=True)
def _whole(sharing: Sharing) -> None:
    """Whatever the test before did to a pod, its gateway is whole again."""
    until(sharing.whole, "its gateway is not whole")


def test_shares_are_met(sharing: Sharing) -> None:
    sharing.share(Traffic({sharing.first: 90, sharing.second: 10}))
    with sharing.load(pause=0) as load:
        until(lambda: sum(load.answered.values()) >= 1000, "it does not answer")
    assert load.failed == []
    whole = sum(load.answered.values())
    part = load.answered[sharing.second] / whole
    print(f"{part:.1%} of {whole}")
    assert abs(part - 0.1) < 4 * (0.09 / whole) ** 0.5  # four times the standard deviation of a die


def test_changes_under_load_lose_nothing(sharing: Sharing) -> None:
    with sharing.load() as load:
        for turn in range(CHANGES):
            percent = (turn * 37) % 100 + 1
            shares = {sharing.first: percent, sharing.second: 100 - percent}
            sharing.share(Traffic({each: share for each, share in shares.items() if share}))
    print(dict(load.answered))
    assert load.failed == []
    assert set(load.answered) == {sharing.first, sharing.second}


@pytest.mark.exhaustive
def test_a_container_that_starts_anew_begins_with_what_is_wished(sharing: Sharing) -> None:
    wished = Traffic({sharing.first: 37, sharing.second: 63})
    sharing.share(wished)
    pod = pods_of(sharing.namespace)[0]
    # Nobody leads it: what it says then, it has from its files.
    sharing.kubectl("exec", pod, "--", "sh", "-c", "kill -9 $(pidof haproxy)")

    def restarted() -> bool:
        found = next((each for each in sharing.gateway().pods if each.name == pod), None)
        return found is not None and found.restarts > 0 and found.ready

    until(restarted, "it does not start anew")

    def told() -> Loaded | None:
        found = sharing.gateway().reports.get(pod)
        return found.loaded if found is not None else None

    until(lambda: told() is not None, "it says nothing")
    loaded = told()
    assert loaded is not None
    assert Traffic(dict(loaded.routes.shares)).same_as(wished)


def test_a_pod_that_is_asked_to_go_loses_nothing(sharing: Sharing) -> None:
    sharing.share(Traffic({sharing.first: 50, sharing.second: 50}))
    gone = pods_of(sharing.namespace)[0]
    with sharing.load() as load:
        until(lambda: sum(load.answered.values()) >= 200, "it does not answer")
        sharing.kubectl("delete", "pod", gone, "--wait=true")
        until(lambda: len(sharing.gateway().ready) == 2, "none comes after it")
        before = sum(load.answered.values())
        until(lambda: sum(load.answered.values()) >= before + 200, "it does not answer any more")
    assert load.failed == []
    until(lambda: sharing.traffic().same_as(Traffic({sharing.first: 50, sharing.second: 50})), "it is told otherwise")


def test_a_pod_that_is_killed_cuts_its_connections_and_nothing_else(sharing: Sharing) -> None:
    sharing.share(Traffic.all_to(sharing.first))
    clients = 8
    with sharing.load(clients=clients) as load:
        until(lambda: sum(load.answered.values()) >= 200, "it does not answer")
        gone = pods_of(sharing.namespace)[0]
        sharing.kill(gone)
        until(lambda: len(sharing.gateway().ready) == 2, "none comes after it")
        before = sum(load.answered.values())
        until(lambda: sum(load.answered.values()) >= before + 200, "it does not answer any more")
    print(load.failed)
    # Each connection that led through it is cut once; nobody gets an answer that is an error.
    assert len(load.failed) <= clients
    assert not [each for each in load.failed if each[0].isdigit()]


@pytest.mark.exhaustive
def test_a_server_s_pod_that_is_killed_costs_what_it_had_at_hand(sharing: Sharing) -> None:
    sharing.share(Traffic.all_to(sharing.first))
    sharing.scale(2)
    clients = 8
    with sharing.load(clients=clients) as load:
        until(lambda: sum(load.answered.values()) >= 200, "it does not answer")
        sharing.kill(pods_of(sharing.namespace, "server", sharing.first)[0])
        until(lambda: len(sharing.ready(sharing.first)) == 2, "none comes after it")
        before = sum(load.answered.values())
        until(lambda: sum(load.answered.values()) >= before + 200, "it does not answer any more")
    print(load.failed)
    assert len(load.failed) <= clients
    # All others were sent again, to the pod that was left: never has the gateway called the revision down.
    assert {each[:3] for each in load.failed} <= {"502"}
    sharing.scale(1)


def test_a_process_that_is_killed_costs_the_moment_until_the_cluster_knows(sharing: Sharing) -> None:
    sharing.share(Traffic.all_to(sharing.first))
    with sharing.load(clients=8) as load:
        until(lambda: sum(load.answered.values()) >= 200, "it does not answer")
        sharing.kubectl("exec", pods_of(sharing.namespace)[0], "--", "sh", "-c", "kill -9 $(pidof haproxy)")
        until(lambda: len(sharing.gateway().ready) == 2, "it does not start anew")
        before = sum(load.answered.values())
        until(lambda: sum(load.answered.values()) >= before + 200, "it does not answer any more")
    print(len(load.failed), sorted(set(load.failed)))
    # New connections are refused until the kubelet has seen it; nobody gets an answer that is an error.
    assert not [each for each in load.failed if each[0].isdigit()]
    until(lambda: sharing.traffic().same_as(Traffic.all_to(sharing.first)), "its traffic is told otherwise")
