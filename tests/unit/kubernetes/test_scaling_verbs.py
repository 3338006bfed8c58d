"""In which order an endpoint that may sleep is led, and let go of."""

from __future__ import annotations

import json
from typing import Any

import pytest

from deployer.endpoint import Traffic
from deployer.errors import Conflict, TargetUnavailable
from deployer_kubernetes.client import Cluster
from deployer_kubernetes.errors import Refused
from deployer_kubernetes.facts import Facts, ScalerFact
from deployer_kubernetes.scaling.directing import Sleeping, can_leave, wake
from deployer_kubernetes.scaling.facts import ActivatorFact
from deployer_kubernetes.scaling.finding import unmet_sleep
from deployer_kubernetes.scaling.leaving import Leaving
from tests.unit.kubernetes.values import OTHER, REVISION, facts, pod, server, service_fact, spec

READY = ActivatorFact(2, 2, (pod(name="a1", revision=""), pod(name="a2", revision="")))
KEDA = ScalerFact(f"iris--{REVISION}", REVISION, 0, 3)
NAPPING = spec(replicas={"min": 0, "max": 3})


class Estate:
    """Notes what is done with an activator's objects."""

    def __init__(self, activator: ActivatorFact = READY) -> None:
        self.activator = activator
        self.done: list[str] = []

    def __getattr__(self, name: str) -> Any:
        def note(*words: object) -> None:
            self.done.append(" ".join([name, *map(str, words)]))

        return note

    def look(self) -> ActivatorFact:
        return self.activator

    def ensure(self, document: dict[str, Any] | None = None) -> None:
        self.done.append("ensure" if document is None else f"point {document['spec']['selector']['deployer.io/role']}")


def sleeping(estate: Estate, *, adopted: bool = False) -> Sleeping:
    service: Any = lambda _revision: {"spec": {"selector": {}}}  # noqa: E731
    things: Any = estate
    return Sleeping(things, NAPPING, estate=things, gateway=things, service=service, adopted=lambda _: adopted)


def activated(**fields: Any) -> Facts:
    return facts(
        **{"service": service_fact(activator=True), "scalers": (KEDA,), "activator": READY, **fields}
    )  # fmt: skip


def test_requests_are_led_to_the_activator_when_it_is_ready_and_knows_where_to() -> None:
    estate = Estate()
    sleeping(estate).configure(facts())
    assert estate.done == ["ensure", f"lead {REVISION}", "point activator", f"scale {REVISION}"]


def test_until_it_is_ready_nothing_moves() -> None:
    estate = Estate(ActivatorFact(2, 1, (pod(name="a1", revision=""),)))
    with pytest.raises(TargetUnavailable, match="1 of 2") as failed:
        sleeping(estate).configure(facts())
    assert failed.value.transient
    assert estate.done == ["ensure"]


def test_the_first_revision_has_traffic_when_something_takes_requests() -> None:
    estate = Estate(ActivatorFact(2))
    nobody = facts(service=service_fact(revision="", behind=(), activator=True))
    sleeping(estate).configure(nobody)
    assert estate.done == ["ensure", "lead None", "point activator"]
    with pytest.raises(TargetUnavailable):
        sleeping(estate).route(nobody, Traffic.all_to(REVISION))


def test_one_that_is_only_staged_is_not_put_to_sleep() -> None:
    estate = Estate()
    sleeping(estate).stage(activated(servers=(server(), server(revision=OTHER))), OTHER)
    assert estate.done == []


def test_traffic_moves_and_with_it_who_may_sleep() -> None:
    estate = Estate()
    sleeping(estate).route(activated(servers=(server(), server(revision=OTHER))), Traffic.all_to(OTHER))
    assert estate.done == ["ensure", f"lead {OTHER}", "point activator", f"let_be {REVISION}", f"scale {OTHER}"]


def test_what_was_not_staged_or_has_traffic_or_is_shared_is_a_conflict() -> None:
    estate = Estate()
    with pytest.raises(Conflict, match="not staged"):
        sleeping(estate).route(activated(), Traffic.all_to(OTHER))
    with pytest.raises(Conflict, match="has traffic"):
        sleeping(estate).retire(activated(), REVISION)
    with pytest.raises(Conflict, match="shared"):
        sleeping(estate).route(activated(), Traffic({REVISION: 50, OTHER: 50}))
    assert estate.done == []
    sleeping(estate).retire(activated(), OTHER)
    assert estate.done == [f"let_be {OTHER}"]


def test_what_was_adopted_does_not_sleep_and_what_follows_it_may() -> None:
    estate = Estate()
    sleeping(estate, adopted=True).configure(facts())
    with pytest.raises(Conflict, match="cannot sleep"):
        sleeping(estate, adopted=True).stage(facts(), REVISION)
    assert estate.done == []


def test_its_own_gateway_goes_when_requests_come_another_way() -> None:
    estate = Estate()
    gateway: Any = object()
    sleeping(estate).route(facts(gateway=gateway), Traffic.all_to(REVISION))
    assert estate.done == [
        "ensure", f"lead {REVISION}", "point activator", "remove", "remove_members", f"scale {REVISION}",
    ]  # fmt: skip


# Waking, and going.


@pytest.mark.parametrize(
    ("wish", "wanted", "gone"),
    [
        (NAPPING, 0, True), (NAPPING, 1, False), (spec(replicas=2), 0, True), (spec(replicas=2), 1, True),
    ],
)  # fmt: skip
def test_keda_lets_go_of_one_that_is_woken_and_of_one_that_is_not_to_sleep(wish: Any, wanted: int, gone: bool) -> None:
    hand: Any = Estate()
    wake(hand, wish, activated(servers=(server(wanted=wanted),)), REVISION)
    assert bool(hand.done) is gone
    wake(hand, wish, facts(), REVISION)
    assert hand.done == ([f"remove ScaledObject iris--{REVISION}"] if gone else [])


def test_requests_go_past_the_activator_when_something_takes_them() -> None:
    assert can_leave(activated())
    assert not can_leave(activated(pods=(), service=service_fact(activator=True, behind=())))
    assert not can_leave(activated(pods=(pod(ready=False),)))
    assert can_leave(activated(service=service_fact()))  # somebody was killed halfway


def test_what_may_not_sleep_any_more_waits_for_its_pod_and_then_has_no_activator() -> None:
    estate: Any = Estate()
    directing: Any = Estate()
    leaving = Leaving(directing, estate)
    asleep = activated(pods=(), servers=(server(wanted=1),), service=service_fact(activator=True, behind=()))
    leaving.stage(asleep, REVISION)
    assert (leaving.pending, estate.done) == (True, [])
    leaving.configure(activated())
    assert (leaving.pending, estate.done) == (False, ["remove"])
    assert [each.split()[0] for each in directing.done] == ["stage", "configure"]


# What the cluster has.


class Groups:
    """The API server's list of groups."""

    def __init__(self, *versions: str) -> None:
        self.groups = [{"name": each.split("/")[0], "versions": [{"groupVersion": each}]} for each in versions]
        self.asked: list[str] = []

    def ask(self, _method: str, path: str) -> Any:
        self.asked.append(path)
        return json.loads(json.dumps({"groups": self.groups}))

    told = Cluster.told


@pytest.mark.parametrize(
    ("versions", "words"),
    [
        (("keda.sh/v1alpha1", "serving.knative.dev/v1"), None),
        (("apps/v1",), "has no KEDA"),
        (("keda.sh/v2",), "has no KEDA"),
        (("serving.knative.dev/v1",), "its Knative keeps revisions"),
    ],
)
def test_a_cluster_without_keda_is_refused_while_planning(versions: tuple[str, ...], words: str | None) -> None:
    cluster: Any = Groups(*versions)
    refused = [*unmet_sleep(cluster, NAPPING)]
    assert [field for field, _ in refused] == ([] if words is None else ["replicas.min"])
    assert all(words is not None and words in sentence for _, sentence in refused)


def test_for_others_nobody_is_asked() -> None:
    cluster: Any = Groups()
    assert [*unmet_sleep(cluster, spec(replicas={"min": 1, "max": 3}))] == []
    assert cluster.asked == []


def test_a_cluster_that_does_not_say_is_no_refusal() -> None:
    cluster: Any = Groups()

    def refuse(*_words: object) -> None:
        raise Refused(503, {}, "away")

    cluster.ask = refuse
    with pytest.raises(TargetUnavailable):
        [*unmet_sleep(cluster, NAPPING)]
