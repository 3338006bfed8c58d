"""Who gets a request, on a real HAProxy."""

from __future__ import annotations

import math
import socket
from collections import Counter
from collections.abc import Callable

import pytest

from deployer.gateway import Pool, Routing
from tests.integration.gateway.replica import Replicas
from tests.integration.gateway.running import Running

pytestmark = pytest.mark.real("haproxy")

OLD, NEW, THIRD = "r1111111", "r2222222", "r3333333"


def _many(port: int, count: int) -> Counter[str]:
    """Answers by revision, to requests that are sent 50 at a time over one connection."""
    request = b"GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n"
    found: Counter[str] = Counter()
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        for _ in range(count // 50):
            connection.sendall(request * 50)
            text = b""
            while text.count(b"HTTP/1.1 200") < 50 or not text.endswith(b"}"):
                data = connection.recv(65536)
                assert data, text
                text += data
            found.update(
                line.partition(b": ")[2].decode()
                for line in text.split(b"\r\n")
                if line.startswith(b"deployer-revision")
            )
    return found


def test_shares_are_exact_over_ten_thousand_requests(gateway: Running, replicas: Replicas) -> None:
    pools = [Pool(each, (replicas.start(each).member,)) for each in (OLD, NEW, THIRD)]
    shares = {OLD: 70, NEW: 29, THIRD: 1}
    gateway.start(Routing(tuple(pools), shares))
    gateway.ready(*shares)
    found = _many(gateway.settings.port, 10_000)
    for revision, percent in shares.items():
        p = percent / 100
        assert abs(found[revision] - 10_000 * p) <= 5 * math.sqrt(10_000 * p * (1 - p))
    assert {each: gateway.loaded().figures[each].requests for each in shares} == dict(found)


def test_a_request_can_ask_for_a_revision_without_traffic(gateway: Running, replicas: Replicas) -> None:
    old, new = replicas.start(OLD), replicas.start(NEW)
    gateway.start(Routing((Pool(OLD, (old.member,)), Pool(NEW, (new.member,))), {OLD: 100}))
    gateway.ready(OLD, NEW)
    assert [gateway.send().revision for _ in range(20)] == [OLD] * 20
    assert gateway.send(Deployer_Revision=NEW).revision == NEW
    assert new.seen[-1].headers["deployer-revision"] == NEW
    assert old.seen[-1].headers["deployer-revision"] == OLD


@pytest.mark.parametrize(
    "asked", [THIRD, "", "0", "s0", "mirror", "r111111", "r11111111", "R1111111", f"{OLD} ", "x" * 99]
)
def test_a_revision_that_is_not_there_is_421(gateway: Running, replicas: Replicas, asked: str) -> None:
    gateway.start(Routing((Pool(OLD, (replicas.start(OLD).member,)),), {OLD: 100}))
    gateway.ready(OLD)
    answer = gateway.send(Deployer_Revision=asked)
    if asked.strip() == OLD:
        assert answer.status == 200
    else:
        assert (answer.status, answer.json["error_code"]) == (421, "MISDIRECTED_REQUEST")


def test_without_traffic_it_is_503_with_a_reason(gateway: Running, replicas: Replicas) -> None:
    gateway.start(Routing((Pool(OLD, (replicas.start(OLD).member,)),)))
    gateway.ready(OLD)
    answer = gateway.send()
    assert (answer.status, answer.json["message"]) == (503, "No revision has traffic.")
    assert gateway.send(Deployer_Revision=OLD).status == 200


def test_an_empty_gateway_starts_and_says_so(gateway: Running) -> None:
    gateway.start(Routing())
    assert gateway.send().json["message"] == "No revision has traffic."
    assert gateway.loaded().routing() == Routing()


def test_without_a_ready_replica_it_is_503_at_once(gateway: Running, replicas: Replicas) -> None:
    replica = replicas.start(OLD, ready=False)
    gateway.start(Routing((Pool(OLD, (replica.member,)),), {OLD: 100}))
    gateway.until(lambda: [s.state for s in gateway.loaded().servers] == ["down"], "it is not seen as down")
    answer = gateway.send()
    assert (answer.status, answer.json["message"]) == (503, "No replica is ready.")
    assert answer.headers["retry-after"] == "1"
    assert replica.seen == []
    assert gateway.send(Deployer_Revision=OLD).status == 503


def test_another_revision_with_traffic_stands_in(gateway: Running, replicas: Replicas) -> None:
    old, new, idle = (replicas.start(each) for each in (OLD, NEW, THIRD))
    pools = tuple(Pool(each.revision, (each.member,)) for each in (old, new, idle))
    gateway.start(Routing(pools, {OLD: 50, NEW: 50}))
    gateway.ready(OLD, NEW, THIRD)
    replicas.stop(new)
    gateway.until(lambda: not gateway.loaded().ready(NEW), "it is not seen as down")
    assert {gateway.send().revision for _ in range(30)} == {OLD}
    replicas.stop(old)
    gateway.until(lambda: not gateway.loaded().ready(OLD), "it is not seen as down")
    assert {gateway.send().status for _ in range(10)} == {503}
    assert idle.seen == []


def test_when_a_replica_dies_another_is_tried_at_once(make_gateway: Callable[..., Running], replicas: Replicas) -> None:
    gateway = make_gateway(interval=30.0)  # no check tells it in time
    one, two = replicas.start(OLD), replicas.start(OLD)
    gateway.start(Routing((Pool(OLD, (one.member, two.member)),), {OLD: 100}))
    gateway.ready(OLD, members=2)
    replicas.stop(one)
    answers = [gateway.send() for _ in range(20)]
    assert [(answer.status, answer.json["port"]) for answer in answers] == [(200, two.port)] * 20
    gateway.until(lambda: len(gateway.log()) == 20, "it is not logged")
    lines = gateway.log()
    assert max(line["ms"]["queue"] for line in lines) < 900  # HAProxy waits a second before it asks the same one again
    gateway.until(lambda: {s.member: s.state for s in gateway.loaded().servers}[one.member] == "down", "it is not seen")


def test_what_a_replica_may_have_begun_is_not_sent_again(gateway: Running, replicas: Replicas) -> None:
    one, two = replicas.start(OLD, drops=True), replicas.start(OLD, drops=True)
    gateway.start(Routing((Pool(OLD, (one.member, two.member)),), {OLD: 100}))
    gateway.ready(OLD, members=2)
    answer = gateway.send()
    assert (answer.status, answer.json["error_code"]) == (502, "BAD_GATEWAY")
    assert len(one.seen) + len(two.seen) == 1
    assert gateway.send("GET", "/version").status == 502
    assert len(one.seen) + len(two.seen) > 2  # reading twice harms nobody


def test_a_swapped_address_never_gives_the_wrong_model(
    make_gateway: Callable[..., Running], replicas: Replicas
) -> None:
    gateway = make_gateway(interval=30.0)
    old, new = replicas.start(OLD), replicas.start(NEW)
    gateway.start(Routing((Pool(OLD, (old.member,)), Pool(NEW, (new.member,))), {OLD: 50, NEW: 50}))
    gateway.ready(OLD, NEW)
    old.revision, new.revision = NEW, OLD
    assert {gateway.send().status for _ in range(20)} == {503}
    old.heeds = new.heeds = False
    answer = gateway.send()
    assert (answer.status, answer.revision) == (503, None)


def test_a_health_check_finds_out_that_an_address_was_swapped(gateway: Running, replicas: Replicas) -> None:
    one, two = replicas.start(OLD), replicas.start(OLD)
    gateway.start(Routing((Pool(OLD, (one.member, two.member)),), {OLD: 100}))
    gateway.ready(OLD, members=2)
    two.revision = NEW
    gateway.until(lambda: "down" in {s.state for s in gateway.loaded().servers}, "it is not seen")
    assert {gateway.send().status for _ in range(20)} == {200}


def test_421_of_the_right_revision_comes_through(gateway: Running, replicas: Replicas) -> None:
    """As for a Host that the server does not answer for."""
    replica = replicas.start(OLD, heeds=False)
    gateway.start(Routing((Pool(OLD, (replica.member,)),), {OLD: 100}))
    gateway.ready(OLD)
    replicas.hold(replica)
    replica.heeds = True
    replicas.release(replica)
    assert gateway.send(Host="example.org").status == 200
    assert replica.seen[-1].headers["host"] == "example.org"


def test_a_server_that_is_not_ours_is_asked_at_its_own_paths(gateway: Running, replicas: Replicas) -> None:
    theirs = replicas.start(NEW, tells=False, heeds=False)
    own = Pool(NEW, (theirs.member,), ready="/health/live", invocations="/v1/infer")
    gateway.start(Routing((Pool(OLD, (replicas.start(OLD).member,)), own), {OLD: 100}))
    gateway.ready(OLD, NEW)
    answers = [gateway.send(path=path, Deployer_Revision=NEW) for path in ("/invocations?a=b", "/ready", "/metrics")]
    assert [(each.status, each.revision) for each in answers] == [(200, NEW)] * 3
    asked = [each.path for each in theirs.seen if "x-request-id" in each.headers]
    assert asked == ["/v1/infer?a=b", "/health/live", "/metrics"]
    assert not any("deployer-revision" in each.headers for each in theirs.seen if "x-request-id" in each.headers)
    gateway.bring(Routing((own,), {NEW: 100}))
    assert gateway.send(path="/invocations").revision == NEW
    assert theirs.seen[-1].path == "/v1/infer"


def test_an_answer_of_another_revision_is_withheld_there_too(gateway: Running, replicas: Replicas) -> None:
    ours = replicas.start(OLD, heeds=False)
    gateway.start(Routing((Pool(NEW, (ours.member,), invocations="/v1/infer"),), {NEW: 100}))
    gateway.ready(NEW)
    assert gateway.send(path="/invocations").status == 503
