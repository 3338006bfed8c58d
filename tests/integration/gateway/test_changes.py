"""What changes while requests run, on a real HAProxy: none of them is lost."""

from __future__ import annotations

import http.client
import threading
from typing import Any

import pytest

from deployer.gateway import Mirror, Pool, Routing, changes
from tests.integration.gateway.replica import Replica, Replicas
from tests.integration.gateway.running import Running
from tests.integration.local.load import Load

pytestmark = pytest.mark.real("haproxy")

OLD, NEW, THIRD = "r1111111", "r2222222", "r3333333"


def _pool(*replicas: Replica) -> Pool:
    return Pool(replicas[0].revision, tuple(each.member for each in replicas))


@pytest.mark.parametrize("pause", [0.0, 0.002], ids=["closed-loop", "2ms"])
def test_forty_changes_under_load_lose_nothing(
    gateway: Running, replicas: Replicas, pause: float, record_property: Any
) -> None:
    one, two, new, newer, third = (replicas.start(each) for each in (OLD, OLD, NEW, NEW, THIRD))
    rounds = [
        (Routing((_pool(one, two),), {OLD: 100}), (new, newer, third)),
        (Routing((_pool(one, two), _pool(new)), {OLD: 90, NEW: 10}), (newer, third)),
        (Routing((_pool(one, two), _pool(new, newer)), {OLD: 50, NEW: 50}), (third,)),
        (Routing((_pool(one), _pool(new, newer)), {OLD: 1, NEW: 99}), (two, third)),
        (Routing((_pool(new, newer),), {NEW: 100}), (one, two, third)),
        (Routing((_pool(newer), _pool(third)), {NEW: 40, THIRD: 60}), (one, two, new)),
        (Routing((_pool(third),), {THIRD: 100}), (one, two, new, newer)),
        (Routing((_pool(third), _pool(two)), {THIRD: 50, OLD: 50}), (one, new, newer)),
    ]
    gateway.start(rounds[0][0])
    gateway.ready(OLD, members=2)
    done = 0
    stopped: set[int] = set()
    with Load(gateway.url, pause=pause) as load:
        while done < 40:
            wished, gone = rounds[(done + 1) % len(rounds)]
            for replica in (one, two, new, newer, third):
                if replica not in gone and id(replica) in stopped:
                    replicas.again(replica)
                    stopped.discard(id(replica))
            gateway.bring(wished)
            assert gateway.loaded().routing() == wished
            for replica in gone:  # as when their containers end
                replicas.stop(replica)
                stopped.add(id(replica))
            done += 1
    record_property("answered", sum(load.answered.values()))
    print(f"{sum(load.answered.values())} answered {dict(load.answered)}, {len(load.failed)} failed")
    assert load.failed == []
    assert set(load.answered) == {OLD, NEW, THIRD}


def test_shares_move_only_to_what_is_ready(gateway: Running, replicas: Replicas) -> None:
    old, new = replicas.start(OLD), replicas.start(NEW, ready=False)
    gateway.start(Routing((_pool(old),), {OLD: 100}))
    gateway.ready(OLD)
    wished = Routing((_pool(new),), {NEW: 100})
    for _ in range(5):
        assert not gateway.step(wished)
        assert gateway.send().revision == OLD
    assert gateway.loaded().routes.shares == {OLD: 100}
    new.ready = True
    gateway.bring(wished)
    assert gateway.send().revision == NEW
    assert gateway.loaded().routing() == wished


def test_a_new_replica_gets_nothing_before_its_first_check(gateway: Running, replicas: Replicas) -> None:
    """HAProxy takes a server that leaves maintenance for healthy."""
    old, late = replicas.start(OLD), replicas.start(OLD, ready=False)
    gateway.start(Routing((_pool(old),), {OLD: 100}))
    gateway.ready(OLD)
    with Load(gateway.url) as load:
        for _ in range(5):
            gateway.bring(Routing((_pool(old, late),), {OLD: 100}))
            gateway.bring(Routing((_pool(old),), {OLD: 100}))
    assert load.failed == []
    assert late.seen == []


def test_a_replica_that_leaves_ends_what_it_began(gateway: Running, replicas: Replicas) -> None:
    one, two = replicas.start(OLD), replicas.start(OLD)
    gateway.start(Routing((_pool(one),), {OLD: 100}))
    gateway.ready(OLD)
    replicas.hold(one)
    answers = []
    asking = threading.Thread(target=lambda: answers.append(gateway.send()))
    asking.start()
    assert one.arrived.wait(10)
    wished = Routing((_pool(two),), {OLD: 100})
    gateway.until(
        lambda: gateway.step(wished) or [s.state for s in gateway.loaded().servers].count("draining") == 1, "?"
    )
    assert [gateway.send().json["port"] for _ in range(5)] == [two.port] * 5
    draining = next(s for s in gateway.loaded().servers if s.state == "draining")
    assert (draining.member, draining.connections) == (one.member, 1)
    assert not gateway.step(wished)
    replicas.release(one)
    asking.join(10)
    assert [answer.status for answer in answers] == [200]
    gateway.bring(wished)
    assert [s.member for s in gateway.loaded().servers] == [two.member]


def test_a_clients_connection_lives_through_changes(gateway: Running, replicas: Replicas) -> None:
    old, new = replicas.start(OLD), replicas.start(NEW)
    gateway.start(Routing((_pool(old),), {OLD: 100}))
    gateway.ready(OLD)
    connection = http.client.HTTPConnection("127.0.0.1", gateway.settings.port, timeout=20)
    ports = set()
    for wished in [Routing((_pool(old),), {OLD: 100}), Routing((_pool(new),), {NEW: 100})] * 3:
        gateway.bring(wished)
        connection.request("GET", "/ping")
        answer = connection.getresponse()
        answer.read()
        assert (answer.status, answer.headers["deployer-revision"]) == (200, next(iter(wished.shares)))
        assert connection.sock is not None
        ports.add(connection.sock.getsockname()[1])
    connection.close()
    assert len(ports) == 1


def test_a_slots_figures_are_its_revisions_own(gateway: Running, replicas: Replicas) -> None:
    old, new = replicas.start(OLD), replicas.start(NEW)
    gateway.start(Routing((_pool(old),), {OLD: 100}))
    gateway.ready(OLD)
    for _ in range(7):
        gateway.send()
    assert gateway.loaded().figures[OLD].succeeded == 7
    gateway.bring(Routing((_pool(new),), {NEW: 100}))
    gateway.bring(Routing((_pool(new), Pool(THIRD)), {NEW: 100}))
    loaded = gateway.loaded()
    assert loaded.routes.slots[THIRD] == 0  # the old one's
    assert loaded.figures[THIRD].requests == 0
    assert loaded.counters[0].requests == 7


def test_it_comes_back_with_what_it_had(gateway: Running, replicas: Replicas) -> None:
    old, new, shadow = (replicas.start(each) for each in (OLD, NEW, THIRD))
    gateway.start(Routing((_pool(old),), {OLD: 100}))
    wished = Routing((_pool(old), _pool(new), _pool(shadow)), {OLD: 30, NEW: 70}, Mirror(THIRD, 20))
    gateway.bring(wished)
    before = gateway.loaded().routing()
    gateway.stop()
    gateway.start()
    assert gateway.loaded().routing() == before == wished
    gateway.ready(OLD, NEW, THIRD)
    assert gateway.step(wished)
    assert gateway.send().status == 200


def test_anybody_can_go_on_with_half_a_change(gateway: Running, replicas: Replicas) -> None:
    old, new = replicas.start(OLD), replicas.start(NEW)
    gateway.start(Routing((_pool(old),), {OLD: 100}))
    gateway.ready(OLD)
    gateway.ask(f"prepare map #{gateway.loaded().map_number}")  # and killed
    gateway.step(Routing((_pool(old), _pool(new)), {OLD: 50, NEW: 50}))  # and killed
    gateway.bring(Routing((_pool(new),), {NEW: 100}))
    assert gateway.send().revision == NEW


def test_more_than_there_is_room_for_waits_and_says_so(gateway: Running, replicas: Replicas) -> None:
    old = replicas.start(OLD)
    gateway.start(Routing((_pool(old),), {OLD: 100}))
    many = tuple(Pool(f"r{n:07x}") for n in range(4))
    step = changes(gateway.loaded(), Routing((_pool(old), *many), {OLD: 100}))
    assert any("room for revision" in phrase for phrase in step.waits)
