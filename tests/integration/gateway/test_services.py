"""Before a service that spreads connections, and when it is told to end; on a real HAProxy."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Callable

import pytest

from deployer.gateway import Pool, Routing
from tests.integration.gateway.replica import Replicas
from tests.integration.gateway.running import Running

pytestmark = pytest.mark.real("haproxy")

OLD, NEW = "r1111111", "r2222222"


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _ask(connection: http.client.HTTPConnection) -> http.client.HTTPResponse:
    connection.request("POST", "/invocations", b"{}")
    answer = connection.getresponse()
    answer.read()
    return answer


def test_no_connection_is_kept_to_who_may_leave(make_gateway: Callable[..., Running], replicas: Replicas) -> None:
    gateway, replica = make_gateway(services=True), replicas.start(OLD)
    gateway.start(Routing((Pool(OLD, (replica.member,)),), {OLD: 100}))
    gateway.ready(OLD)
    client = http.client.HTTPConnection("127.0.0.1", gateway.settings.port, timeout=20)
    assert [_ask(client).status for _ in range(3)] == [200] * 3
    assert client.sock is not None  # the client's own is kept
    client.close()
    assert [each.headers.get("connection") for each in replica.seen] == ["close"] * 3


def test_a_few_checks_that_fail_say_little_of_a_service(
    make_gateway: Callable[..., Running], replicas: Replicas
) -> None:
    gateway, replica = make_gateway(services=True), replicas.start(OLD)
    gateway.start(Routing((Pool(OLD, (replica.member,)),), {OLD: 100}))
    gateway.ready(OLD)
    replica.ready = False

    def failed() -> bool:
        return "503" in gateway.loaded().of(OLD)[0].check

    gateway.until(failed, "no check fails")
    assert gateway.loaded().ready(OLD)
    gateway.until(lambda: not gateway.loaded().ready(OLD), "it is never called down")


def test_who_is_told_to_end_takes_requests_until_all_know(
    make_gateway: Callable[..., Running], replicas: Replicas
) -> None:
    probe = _free_port()
    gateway, replica = make_gateway(leave=2, probe=probe), replicas.start(OLD)
    gateway.start(Routing((Pool(OLD, (replica.member,)),), {OLD: 100}))
    gateway.ready(OLD)
    client = http.client.HTTPConnection("127.0.0.1", gateway.settings.port, timeout=20)
    whole = http.client.HTTPConnection("127.0.0.1", probe, timeout=20)
    assert _ask(client).getheader("connection") is None
    assert _ask(whole).status == 200
    gateway.leave()
    gateway.until(lambda: _ask(whole).status == 503, "it does not say that it ends")
    whole.close()  # a kubelet keeps none of its connections, and one that is kept is waited for
    for _ in range(2):  # the one that was kept, and a new one
        answer = _ask(client)
        assert (answer.status, answer.getheader("connection")) == (200, "close")
    assert gateway.exit_code() == 0
    client.close()


def test_run_time_commands_come_by_the_loopback(make_gateway: Callable[..., Running], replicas: Replicas) -> None:
    gateway = make_gateway(admin=f"127.0.0.1:{_free_port()}")
    old, new = replicas.start(OLD), replicas.start(NEW)
    pools = (Pool(OLD, (old.member,)), Pool(NEW, (new.member,)))
    gateway.start(Routing(pools, {OLD: 100}))
    gateway.bring(Routing(pools, {NEW: 100}))
    assert gateway.send().revision == NEW


def test_the_end_comes_when_the_last_request_does(make_gateway: Callable[..., Running], replicas: Replicas) -> None:
    gateway, replica = make_gateway(leave=1, services=True), replicas.start(OLD)
    gateway.start(Routing((Pool(OLD, (replica.member,)),), {OLD: 100}))
    gateway.ready(OLD)
    replicas.hold(replica)
    client = http.client.HTTPConnection("127.0.0.1", gateway.settings.port, timeout=20)
    client.request("POST", "/invocations", b"{}")
    assert replica.arrived.wait(10)
    began = time.monotonic()
    gateway.leave()
    gateway.until(lambda: "proceeding with soft-stop" in gateway.log_text(), "it does not begin to stop")
    assert not gateway.has_ended()
    replicas.release(replica)
    assert client.getresponse().status == 200
    assert gateway.exit_code() == 0
    assert time.monotonic() - began >= 1
    client.close()
