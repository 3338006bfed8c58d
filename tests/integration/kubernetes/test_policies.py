"""A revision's NetworkPolicy holds until the last of its pods is gone, and no longer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from deployer_kubernetes.marks import REVISION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.kubernetes.bay import Bay

pytestmark = [pytest.mark.slow, pytest.mark.real("cluster"), pytest.mark.timeout(180)]
SLOW = {"pre_stop": "3s", "drain": "2s"}


@contextmanager
def _looking(bay: Bay, revision: str) -> Iterator[Callable[[], tuple[int, int]]]:
    """Look at a revision's policy, and then at its pods, again and again.

    What is yielded ends when neither is there any more, and tells how many looks found pods, and without a policy.
    """
    looks, bare, gone = 0, 0, threading.Event()
    over = threading.Event()

    def look() -> None:
        nonlocal looks, bare
        while not over.is_set():
            policy = bay.namespace.get("networking.k8s.io/v1", "NetworkPolicy", f"{bay.name}--{revision}")
            pods = bay.namespace.all("v1", "Pod", labelSelector=f"{REVISION}={revision}")
            looks += bool(pods)
            bare += bool(pods) and policy is None
            if not pods and policy is None:
                gone.set()
                return

    def result() -> tuple[int, int]:
        assert gone.wait(60), "it is still there"
        return looks, bare

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield result
    finally:
        over.set()
        thread.join(30)


def test_a_policy_stays_while_a_retired_revision_s_pods_end_their_requests(bay: Bay) -> None:
    first = bay.deployer.apply(bay.wish("well", "one", config=SLOW)).revision
    assert first is not None
    with _looking(bay, first.id) as result:
        bay.deployer.apply(bay.wish("well", "two", config=SLOW))
        looks, bare = result()
    assert looks > 10
    assert bare == 0


def test_a_policy_stays_while_a_removed_endpoint_s_pods_end_their_requests(bay: Bay) -> None:
    found = bay.deployer.apply(bay.wish("well", "one", config=SLOW)).revision
    assert found is not None
    with _looking(bay, found.id) as result:
        bay.deployer.delete(bay.name)
        assert bay.namespace.all("networking.k8s.io/v1", "NetworkPolicy") == []
        looks, bare = result()
    assert looks > 10
    assert bare == 0


def test_a_revision_that_comes_back_while_its_pods_end_has_its_policy(bay: Bay) -> None:
    first = bay.deployer.apply(bay.wish("well", "one", config=SLOW)).revision
    assert first is not None
    bay.deployer.apply(bay.wish("well", "two", config=SLOW))
    back = bay.deployer.rollback(bay.name).revision
    assert back is not None
    assert back.id == first.id
    for pod in bay.namespace.all("v1", "Pod"):
        if pod["metadata"].get("deletionTimestamp"):
            bay.namespace.wait_for("v1", "Pod", pod["metadata"]["name"], until=lambda found: found is None)
    policy = bay.namespace.get("networking.k8s.io/v1", "NetworkPolicy", f"{bay.name}--{first.id}")
    assert policy is not None
    assert not policy["metadata"].get("ownerReferences")
    assert not policy["metadata"].get("deletionTimestamp")
