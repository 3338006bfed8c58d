"""Copies of requests for a revision that shadows, on a real HAProxy."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from deployer.gateway import Mirror, Pool, Routing
from tests.integration.gateway.replica import Replicas
from tests.integration.gateway.running import Running
from tests.integration.local.load import Load

pytestmark = pytest.mark.real("haproxy")

OLD, SHADOW = "r1111111", "r2222222"
SECRETS = {
    "Authorization": "Bearer top-secret",
    "X_API_Key": "top-secret",
    "Cookie": "session=top-secret",
    "Proxy_Authorization": "Basic top-secret",
    "X_Token": "top-secret",
}


def _routing(old: Pool, shadow: Pool, percent: int = 100) -> Routing:
    return Routing((old, shadow), {OLD: 100}, Mirror(SHADOW, percent))


def test_a_copy_arrives_without_credentials_and_marked(gateway: Running, replicas: Replicas) -> None:
    old, shadow = replicas.start(OLD), replicas.start(SHADOW)
    gateway.start(_routing(Pool(OLD, (old.member,)), Pool(SHADOW, (shadow.member,))))
    gateway.ready(OLD, SHADOW)
    body = bytes(range(256)) * 200
    answer = gateway.send(path="/invocations?a=b", body=body, Content_Type="text/csv", X_Request_ID="abc", **SECRETS)
    assert answer.revision == OLD
    assert shadow.arrived.wait(10)
    (copy,) = shadow.seen
    (real,) = old.seen
    assert (
        (copy.method, copy.path, copy.body) == (real.method, real.path, real.body) == ("POST", "/invocations?a=b", body)
    )
    assert copy.headers["deployer-mirror"] == "1"
    assert copy.headers["deployer-revision"] == SHADOW
    assert copy.headers["content-type"] == "text/csv"
    assert copy.headers["x-request-id"] == "abc"
    assert copy.headers["host"] == real.headers["host"]
    assert "top-secret" not in str(copy.headers)
    assert real.headers["authorization"] == "Bearer top-secret"
    assert "deployer-mirror" not in real.headers
    gateway.until(lambda: gateway.loaded().copies.sent == 1, "it is not counted")
    assert gateway.loaded().figures[SHADOW].succeeded == 1
    gateway.until(lambda: len(gateway.log()) == 1, "it is not logged")
    assert gateway.log()[0]["mirrored"] == "yes"
    assert "top-secret" not in gateway.log_text()


def test_nobody_outside_can_pass_for_a_copy(gateway: Running, replicas: Replicas) -> None:
    old = replicas.start(OLD)
    gateway.start(Routing((Pool(OLD, (old.member,)),), {OLD: 100}))
    gateway.ready(OLD)
    gateway.send(Deployer_Mirror="1")
    assert "deployer-mirror" not in old.seen[0].headers


def test_a_percentage_is_copied_and_only_what_comes_by_share(gateway: Running, replicas: Replicas) -> None:
    old, shadow = replicas.start(OLD), replicas.start(SHADOW)
    gateway.start(_routing(Pool(OLD, (old.member,)), Pool(SHADOW, (shadow.member,)), percent=20))
    gateway.ready(OLD, SHADOW)
    for _ in range(20):
        gateway.send(Deployer_Revision=OLD)
        gateway.send("GET", "/version")
    assert shadow.seen == []
    for _ in range(500):
        gateway.send()
    gateway.until(lambda: gateway.loaded().copies.pending == 0, "copies are left")
    assert 55 <= len(shadow.seen) <= 145  # five standard deviations about 100


def test_a_large_body_is_not_copied_and_counted(make_gateway: Callable[..., Running], replicas: Replicas) -> None:
    gateway = make_gateway(buffer=16384)
    old, shadow = replicas.start(OLD), replicas.start(SHADOW)
    gateway.start(_routing(Pool(OLD, (old.member,)), Pool(SHADOW, (shadow.member,))))
    gateway.ready(OLD, SHADOW)
    assert gateway.send(body=b"x" * 14000).status == 200
    assert gateway.send(body=b"x" * 500_000).status == 200
    assert [len(each.body) for each in old.seen] == [14000, 500_000]
    gateway.until(lambda: gateway.loaded().copies.sent == 1, "it is not sent")
    assert gateway.loaded().copies.too_large == 1
    assert [len(each.body) for each in shadow.seen] == [14000]


@pytest.mark.parametrize("harm", ["dead", "hanging", "dropping", "unready", "no-members"])
def test_what_becomes_of_the_copy_harms_nothing(
    make_gateway: Callable[..., Running], replicas: Replicas, harm: str
) -> None:
    gateway = make_gateway(copies=4)
    old, shadow = replicas.start(OLD), replicas.start(SHADOW, drops=harm == "dropping", ready=harm != "unready")
    members = () if harm == "no-members" else (shadow.member,)
    gateway.start(_routing(Pool(OLD, (old.member,)), Pool(SHADOW, members)))
    gateway.ready(OLD)
    if harm == "dead":
        replicas.stop(shadow)
    if harm == "hanging":
        replicas.hold(shadow)
    if harm == "unready":
        gateway.until(lambda: "down" in {s.state for s in gateway.loaded().of(SHADOW)}, "it is not seen")
    with Load(gateway.url, pause=0.002) as load:
        gateway.until(lambda: load.answered.total() >= 400, "requests wait for copies")
    assert load.failed == []
    assert set(load.answered) == {OLD}
    copies = gateway.loaded().copies
    if harm == "hanging":
        assert (copies.sent, copies.pending) == (0, 4)
        assert copies.too_many >= 390
    else:
        assert copies.failed + copies.too_many + copies.pending >= 400
        gateway.until(lambda: gateway.loaded().copies.pending == 0, "copies are never given up")
        assert gateway.loaded().copies.sent == 0
    assert gateway.loaded().figures[OLD].failed == 0


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_copies_leave_no_memory_behind(gateway: Running, replicas: Replicas) -> None:
    """HAProxy 2.6 keeps the function of every task for ever: with a task for each copy, this grew by 14 KB each."""
    old, shadow = replicas.start(OLD), replicas.start(SHADOW)
    gateway.start(_routing(Pool(OLD, (old.member,)), Pool(SHADOW, (shadow.member,))))
    gateway.ready(OLD, SHADOW)
    with Load(gateway.url, body=b"x" * 4000) as load:
        gateway.until(lambda: gateway.loaded().copies.sent >= 1500, "copies are not sent")
        before = gateway.memory()
        gateway.until(lambda: gateway.loaded().copies.sent >= 4500, "copies are not sent")
        after = gateway.memory()
    assert load.failed == []
    assert after - before < 15_000
