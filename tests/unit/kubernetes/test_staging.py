"""A revision that is staged again: what of it begins anew."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest

from deployer_kubernetes.client import Cluster
from deployer_kubernetes.facts import PodFact
from deployer_kubernetes.staging import Staging, shape_of
from deployer_kubernetes.writing import Hand
from tests.unit.kubernetes.values import REVISION, facts, pod, record, release, spec

LOST = pod(name="lost", ready=False, waiting="CrashLoopBackOff", phase="Running")
WISH = spec(replicas=2)


class _Cluster:
    def all(self, _kind: str, _labels: str = "") -> tuple[list[Any], str]:
        return [], "1"

    def now(self) -> float:
        return 1767225660.0


class _Hand:
    """Has the Deployment as it is wished, and notes what is done."""

    manager = "deployer/team"

    def __init__(self) -> None:
        self.done: list[str] = []

    def find(self, kind: str, _name: str) -> Any | None:
        if kind != "Deployment":
            return None
        image = release().image
        assert image is not None
        containers = [{"name": "server", "image": image.reference}]
        count = {"manager": "deployer/team/count", "fieldsV1": {"f:spec": {"f:replicas": {}}}}
        meta = {"annotations": {"deployer.io/shape": shape_of(WISH)}, "managedFields": [count]}
        return {"metadata": meta, "spec": {"replicas": 2, "template": {"spec": {"containers": containers}}}}

    def ensure(self, document: Mapping[str, Any], _found: Any = None) -> Any:
        return document

    def annotate(self, kind: str, _found: Any, words: Mapping[str, str], part: str) -> None:
        self.done.append(f"{kind} {dict(words)} {part}")

    def remove(self, kind: str, name: str) -> None:
        if kind == "Pod":
            self.done.append(f"no {kind} {name}")


BEGUN = "Deployment {'deployer.io/begun': '2026-01-01T00:01:00Z'} begun"


@pytest.mark.parametrize(
    ("pods", "done"),
    [
        ((LOST,), [BEGUN, "no Pod lost"]),
        ((LOST, pod(name="also", ready=False)), [BEGUN, "no Pod lost"]),
        ((LOST, pod(name="well")), ["no Pod lost"]),  # it goes on, with another pod
        ((pod(name="starts", ready=False),), []),
        ((), []),
    ],
)
def test_it_begins_anew_only_when_none_of_its_pods_is_ready(pods: tuple[PodFact, ...], done: list[str]) -> None:
    hand = _Hand()
    staging = Staging(cast("Cluster", _Cluster()), cast("Hand", hand), WISH, release(REVISION), record())
    staging.run(facts(pods=pods))
    assert hand.done == done
