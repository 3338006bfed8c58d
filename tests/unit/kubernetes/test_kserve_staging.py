"""What is written of an InferenceService that is there: as little as is wished, and nothing that starts pods anew."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any, cast

import pytest

from deployer.errors import TargetUnavailable
from deployer_kubernetes.client import Cluster
from deployer_kubernetes.errors import Refused
from deployer_kubernetes.kserve.finding import RAW, spelling, unmet_kserve
from deployer_kubernetes.kserve.leaving import await_inference, remove_inference
from deployer_kubernetes.kserve.objects import inference_service
from deployer_kubernetes.kserve.staging import settle_counts, stage_inference
from deployer_kubernetes.writing import Hand
from tests.unit.kubernetes.values import OTHER, REVISION, release, spec

NAME = f"iris--{REVISION}"
SHAPE = ("deployer.io/shape", "s")
RANGE = {"min": 1, "max": 6}


def wish(**fields: Any) -> Any:
    return spec(config={"kserve": True}, **fields)


def there(
    revision: str = REVISION, *, status: Mapping[str, Any] | None = None, least: int | None = None, **fields: Any
) -> Any:
    found: dict[str, Any] = inference_service(wish(**fields), release(revision), "team", least=least)
    found["metadata"] |= {"uid": "i1", "annotations": {**found["metadata"]["annotations"], SHAPE[0]: SHAPE[1]}}
    return {**found, "status": status or {}}


class _Cluster:
    """Knows some InferenceServices; its KServe has minimal definitions."""

    namespace = "ml"

    def __init__(self, *things: Any, status: int | None = None) -> None:
        self.things = things
        self.status = status

    def ask(self, _method: str, path: str, **_: Any) -> Any:
        if self.status is not None:
            raise Refused(self.status, {}, "no")
        if path.startswith("/openapi"):
            return {}
        return {"items": [*self.things], "resources": [{"kind": "InferenceService"}]}

    def all(self, _kind: str) -> tuple[list[Any], str]:
        return [*self.things], "1"

    def told(self, *_: Any) -> Any:
        return contextlib.nullcontext()


class _Hand:
    """Has an InferenceService, and notes what is done with it."""

    def __init__(self, found: Any = None) -> None:
        self.found = found
        self.made: list[Any] = []
        self.done: list[str] = []

    def find(self, _kind: str, _name: str) -> Any:
        return self.found

    def ensure(self, document: Mapping[str, Any], _found: Any = None) -> None:
        self.made.append(document)

    def change(self, kind: str, name: str, operations: list[Mapping[str, Any]]) -> None:
        assert operations[0] == {"op": "test", "path": "/metadata/uid", "value": "i1"}
        said = ", ".join(f"{each['path'].rpartition('/')[2]} {each['value']}" for each in operations[1:])
        self.done.append(f"{kind} {name}: {said}")

    def remove(self, kind: str, name: str) -> None:
        self.done.append(f"no {kind} {name}")

    def overtaken(self, kind: str, name: str) -> None:
        raise TargetUnavailable(f"{kind} {name}", transient=True)


def stage(hand: _Hand, wished: Any, first: int | None = None, cluster: _Cluster | None = None) -> None:
    stage_inference(
        cast("Cluster", cluster or _Cluster()), cast("Hand", hand), (wished, release(), "team"), SHAPE, first
    )


def test_a_new_one_is_made_with_the_word_that_this_kserve_has_and_the_count_of_what_serves() -> None:
    hand = _Hand()
    stage(hand, wish(replicas=RANGE), 4, _Cluster(there(OTHER, status={"deploymentMode": RAW})))
    (made,) = hand.made
    assert made["metadata"]["annotations"]["serving.kserve.io/deploymentMode"] == RAW
    assert made["metadata"]["annotations"][SHAPE[0]] == SHAPE[1]
    assert made["spec"]["predictor"]["minReplicas"] == 4
    hand = _Hand()
    stage(hand, wish(replicas=2), 4)
    assert hand.made[0]["spec"]["predictor"]["minReplicas"] == 2


def test_one_that_is_as_wished_is_left_alone() -> None:
    hand = _Hand(there(replicas=2))
    stage(hand, wish(replicas=2))
    assert (hand.made, hand.done) == ([], [])


def test_of_a_count_that_changes_nothing_else_is_written() -> None:
    hand = _Hand(there(replicas=2))
    stage(hand, wish(replicas=3))
    assert (hand.made, hand.done) == ([], [f"InferenceService {NAME}: minReplicas 3, maxReplicas 3"])
    hand = _Hand(there(replicas=RANGE))
    stage(hand, wish(replicas={**RANGE, "value": 50}))
    assert (hand.made, hand.done) == ([], [f"InferenceService {NAME}: scaleTarget 50"])


def test_from_a_count_to_a_range_all_of_it_is_written_with_the_word_that_it_has() -> None:
    hand = _Hand(there(replicas=2, status={"deploymentMode": RAW}))
    stage(hand, wish(replicas=RANGE))
    (made,) = hand.made
    assert made["metadata"]["annotations"]["serving.kserve.io/deploymentMode"] == RAW
    assert made["metadata"]["annotations"]["serving.kserve.io/autoscalerClass"] == "hpa"


def test_one_that_is_on_its_way_out_is_waited_for() -> None:
    going = there()
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    with pytest.raises(TargetUnavailable) as failed:
        stage(_Hand(going), wish())
    assert failed.value.transient


def test_what_has_got_its_traffic_may_have_as_few_as_the_range_says() -> None:
    cluster = cast("Cluster", _Cluster(there(replicas=RANGE, least=4), there(OTHER, replicas=RANGE, least=4)))
    hand = _Hand()
    settle_counts(cluster, cast("Hand", hand), wish(replicas=RANGE), [REVISION])
    assert hand.done == [f"InferenceService {NAME}: minReplicas 1"]
    settle_counts(cluster, cast("Hand", hand), wish(replicas=2), [REVISION])
    settle_counts(cluster, cast("Hand", hand), spec(replicas=RANGE), [REVISION])
    assert len(hand.done) == 1


def test_it_goes_first_and_is_waited_for() -> None:
    cluster = cast("Cluster", _Cluster(there(), there(OTHER)))
    hand = _Hand()
    remove_inference(cluster, cast("Hand", hand), "iris", (), OTHER)
    assert hand.done == [f"no InferenceService iris--{OTHER}"]
    with pytest.raises(TargetUnavailable, match="has not let go") as failed:
        await_inference(cluster, "iris", ())
    assert failed.value.transient
    for status in (403, 404):  # no right to it, or no such kind: there is nothing of ours
        await_inference(cast("Cluster", _Cluster(status=status)), "iris", ())
    theirs = {"metadata": {"ownerReferences": [{"kind": "InferenceService", "name": NAME}]}}
    with pytest.raises(Refused):
        await_inference(cast("Cluster", _Cluster(status=403)), "iris", [theirs])


def test_a_cluster_without_kserve_is_told_in_the_plan() -> None:
    ((where, why),) = unmet_kserve(cast("Cluster", _Cluster(status=404)), wish())
    assert where == "config.kserve"
    assert "the cluster has no KServe" in why
    assert [*unmet_kserve(cast("Cluster", _Cluster()), wish())] == []
    assert [*unmet_kserve(cast("Cluster", _Cluster(status=404)), spec())] == []


def test_where_nothing_tells_it_is_taken_for_a_present_kserve() -> None:
    assert spelling(cast("Cluster", _Cluster())) == "Standard"
    assert spelling(cast("Cluster", _Cluster(status=403))) == "Standard"


def test_what_it_has_noted_of_others_tells_it_too_while_its_schema_is_not_told() -> None:
    class _Early(_Cluster):
        def ask(self, _method: str, path: str, **_: Any) -> Any:
            raise Refused(404, {}, path)

    assert spelling(cast("Cluster", _Early(there(status={"deploymentMode": RAW})))) == RAW
