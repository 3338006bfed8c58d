"""Draining: what is asked is answered, whoever else accepts on the same socket."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from tests.integration.serving.conftest import Start
from tests.integration.serving.runtime import JSON, ONE_ROW, PATIENCE, Reply, Runtime, eventually, exchange, listener

Saved = Callable[[str], Path]


class Load:
    """Eight clients in closed loops, each on a connection that it keeps as long as it may."""

    def __init__(self, port: int, pause: float) -> None:
        self.answered = 0
        self.failures: list[str] = []
        self._port = port
        self._pause = pause
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(8)]
        for thread in self._threads:
            thread.start()

    def _run(self) -> None:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        while not self._stop.is_set():
            try:
                answer = exchange(connection, "POST", "/invocations", ONE_ROW, JSON)
            except (OSError, HTTPException) as error:
                self.failures.append(repr(error))
                connection.close()
                continue
            if answer.status != 200 or answer.body != b'{"predictions": [4.0]}':
                self.failures.append(f"{answer.status}: {answer.body!r}")
            self.answered += 1
            if self._pause:
                time.sleep(self._pause)
        connection.close()

    def reach(self, count: int) -> None:
        eventually(lambda: self.answered >= count, f"{count} answers")

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


def test_no_request_is_lost_by_a_drain_on_a_shared_listener(start: Start, saved: Saved) -> None:
    """Three processes accept on one socket; one after the other drains, under each kind of load."""
    runtimes = [start(saved("linear"), port=False, private=True) for _ in range(3)]
    with listener() as public:
        port = public.getsockname()[1]
        for runtime in runtimes:
            runtime.ready()
            with runtime.control() as control:
                assert control.do("accept", public.fileno()) == {"ok": True}
    for pause, leaving in ((0.0, runtimes[0]), (0.002, runtimes[1])):
        load = Load(port, pause)
        load.reach(300)
        leaving.terminate()
        assert leaving.ended() == 0
        load.reach(load.answered + 300)
        load.stop()
        assert load.failures == []
        assert load.answered > 600
    ended = [runtime.event("ended") for runtime in runtimes[:2]]
    assert all(event["failed"] == 0 for event in ended)
    assert sum(event["answered"] for event in ended) > 0


def test_what_waits_in_the_kernel_when_the_signal_comes_is_answered(start: Start, saved: Saved) -> None:
    """The process stands still while twenty clients connect and ask, and is told to end before it goes on."""
    runtime = start(saved("linear"), "--threads", "1").ready()
    runtime.stand_still()
    connections = [runtime.connect() for _ in range(20)]
    for connection in connections:
        connection.request("POST", "/invocations", ONE_ROW, JSON)
    runtime.terminate()
    runtime.go_on()
    for connection in connections:
        answer = connection.getresponse()
        assert (answer.status, answer.getheader("connection")) == (200, "close")
        assert answer.read() == b'{"predictions": [4.0]}'
        connection.close()
    assert runtime.ended() == 0


def test_what_is_in_flight_is_answered_and_idle_connections_may_ask_once_more(
    start: Start, saved: Saved, tmp_path: Path
) -> None:
    runtime = start(saved("outputs"), private=True).ready()
    idle, probing = runtime.connect(), runtime.connect()
    assert exchange(idle, "GET", "/ready").status == exchange(probing, "GET", "/ready").status == 200
    replies: list[Reply] = []
    slow = {"dataframe_records": [{"what": "wait", "gate": str(tmp_path / "gate")}]}
    asking = threading.Thread(target=lambda: replies.append(runtime.predict(slow)))
    asking.start()
    with runtime.control() as control:
        eventually(lambda: control.do("status")["in_flight"] == 1, "a request in flight")
        control.do("subscribe")
        runtime.terminate()
        assert control.hear()["state"] == "draining"
    refused = exchange(probing, "GET", "/ready")
    assert (refused.status, refused.headers["connection"]) == (503, "close")
    answer = exchange(idle, "POST", "/invocations", b'{"dataframe_records": [{"what": "ints"}]}', JSON)
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    runtime.process.send_signal(signal.SIGTERM)  # a second one changes nothing
    (tmp_path / "gate").touch()
    asking.join()
    assert replies[0].status == 200
    assert replies[0].headers["connection"] == "close"
    assert runtime.ended() == 0


def test_the_drain_ends_with_its_time(start: Start, saved: Saved) -> None:
    runtimes = [start(saved("linear"), "--drain", "0.5").ready(), start(saved("linear"), "--drain", "60").ready()]
    connections = [runtime.connect() for runtime in runtimes]
    for connection in connections:
        assert exchange(connection, "GET", "/ready").status == 200
    for runtime in runtimes:
        runtime.process.send_signal(signal.SIGINT)
        runtime.event("draining")
    assert runtimes[0].ended() == 0
    assert runtimes[0].event("drain-deadline")["connections"] == 1
    assert connections[0].sock is not None
    assert connections[0].sock.recv(1) == b""  # told by an end, not by a reset
    assert runtimes[1].process.poll() is None
    runtimes[1].process.send_signal(signal.SIGINT)  # an impatient person
    assert runtimes[1].ended() == 0
    for connection in connections:
        connection.close()


def test_a_prediction_that_never_ends_does_not_hold_up_the_end(start: Start, saved: Saved, tmp_path: Path) -> None:
    runtime: Runtime = start(saved("outputs"), "--timeout", "0.2", "--drain", "1000").ready()
    stuck = runtime.predict({"dataframe_records": [{"what": "wait", "gate": str(tmp_path / "never")}]})
    assert stuck.status == 504
    runtime.terminate()
    assert runtime.ended() == 0
