"""A count that goes from the spec to an autoscaler and back, without a moment with fewer pods."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from deployer_kubernetes.marks import REVISION

if TYPE_CHECKING:
    from tests.integration.kubernetes.bay import Bay

pytestmark = [pytest.mark.slow, pytest.mark.real("cluster"), pytest.mark.timeout(240)]


@contextmanager
def _counting(bay: Bay, revision: str) -> Iterator[set[int]]:
    """The counts that a revision's Deployment asks for meanwhile, look by look."""
    found: set[int] = set()
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            seen = bay.namespace.get("apps/v1", "Deployment", f"{bay.name}--{revision}")
            found.add(seen["spec"]["replicas"] if seen is not None else 0)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join(30)


def _autoscaler(bay: Bay, revision: str) -> object:
    return bay.namespace.get("autoscaling/v2", "HorizontalPodAutoscaler", f"{bay.name}--{revision}")


def test_a_count_is_handed_to_an_autoscaler_and_taken_back(bay: Bay) -> None:
    fields = {"resources": {"cpu": 0.02, "memory": 64 * 2**20}}
    first = bay.deployer.apply(bay.wish("well", "one", replicas=2, **fields)).revision
    assert first is not None
    pods = bay.pods()
    with _counting(bay, first.id) as counts:
        ranged = bay.wish("well", "one", replicas={"min": 1, "max": 3}, **fields)
        done = bay.deployer.apply(ranged)
        assert done.revision is not None
        assert done.revision.id == first.id
        assert _autoscaler(bay, first.id) is not None
        assert not bay.deployer.plan(ranged).changes
    assert counts == {2}
    assert bay.pods() == pods
    with _counting(bay, first.id) as counts:
        fixed = bay.wish("well", "one", replicas=3, **fields)
        bay.deployer.apply(fixed)
        assert _autoscaler(bay, first.id) is None
        assert not bay.deployer.plan(fixed).changes
    assert counts == {2, 3}
    assert {each for each, _ in pods} < {each for each, _ in bay.pods()}


def test_a_new_revision_of_a_range_begins_with_as_many_as_serve(bay: Bay) -> None:
    fields = {"resources": {"cpu": 0.02, "memory": 64 * 2**20}, "replicas": {"min": 1, "max": 3}}
    first = bay.deployer.apply(bay.wish("well", "one", **fields)).revision
    assert first is not None
    # As an autoscaler would: by the scale subresource, which leaves the rest to whoever wrote it.
    name = f"{bay.name}--{first.id}"
    bay.namespace.cluster.ask(
        "PATCH", f"/apis/apps/v1/namespaces/{bay.namespace.name}/deployments/{name}/scale",
        {"spec": {"replicas": 2}}, content_type="application/merge-patch+json",
    )  # fmt: skip
    bay.namespace.wait_for("apps/v1", "Deployment", name, until=lambda found: found and _ready(found) == 2)
    second = bay.deployer.apply(bay.wish("well", "two", **fields)).revision
    assert second is not None
    pods = bay.namespace.all("v1", "Pod", labelSelector=f"{REVISION}={second.id}")
    assert len(pods) == 2


def _ready(deployment: object) -> int:
    status = deployment.get("status") if isinstance(deployment, dict) else None
    return int((status or {}).get("readyReplicas") or 0)
