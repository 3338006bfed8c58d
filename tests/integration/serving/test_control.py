"""The control socket, as a supervisor uses it."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Callable, Generator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.integration.serving.conftest import Start
from tests.integration.serving.runtime import (
    JSON,
    ONE_ROW,
    PATIENCE,
    Controller,
    Reply,
    Runtime,
    eventually,
    exchange,
    listener,
)


@pytest.fixture(scope="module")
def process(shared: Start, saved: Callable[[str], Path]) -> Runtime:
    return shared(saved("linear"), port=False, private=True).ready()


@pytest.fixture
def control(process: Runtime) -> Generator[Controller, None, None]:
    with process.control() as controller:
        yield controller
        controller.do("cease")


def post(connection: HTTPConnection) -> Reply:
    return exchange(connection, "POST", "/invocations", ONE_ROW, JSON)


def connected(public: socket.socket) -> HTTPConnection:
    return HTTPConnection("127.0.0.1", public.getsockname()[1], timeout=PATIENCE)


def test_status(process: Runtime, control: Controller) -> None:
    before = control.do("status")
    assert before["revision"] == "r0000001"
    assert before["pid"] == process.process.pid
    assert (before["state"], before["accepting"], before["in_flight"]) == ("ready", False, 0)
    assert before["since"] > 1_600_000_000
    process.predict(private=True)
    process.ask("POST", "/invocations", b"{", JSON, private=True)
    after = control.do("status")
    assert after["answered"] == before["answered"] + 2
    assert after["failed"] == before["failed"]
    assert (process.folder / "ctl").stat().st_mode & 0o777 == 0o600


def test_accept_cease_and_accept_again(process: Runtime, control: Controller) -> None:
    with listener() as public:
        assert control.do("accept", public.fileno()) == {"ok": True}
        assert control.do("status")["accepting"] is True
        connection = connected(public)
        assert "connection" not in post(connection).headers
        assert control.do("status")["connections"] == 1
        assert control.do("cease") == {"ok": True, "connections": 1}
        assert control.do("status")["accepting"] is False
        answer = post(connection)
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        eventually(lambda: control.do("status")["connections"] == 0, "no connection")
        assert "connection" not in process.predict(private=True).headers
        assert control.do("cease") == {"ok": True, "connections": 0}
        assert control.do("accept", public.fileno()) == {"ok": True}
        again = connected(public)
        assert "connection" not in post(again).headers
        again.close()


def test_an_idle_connection_survives_a_cease_that_is_taken_back(control: Controller) -> None:
    with listener() as public:
        control.do("accept", public.fileno())
        connection = connected(public)
        post(connection)
        control.do("cease")
        control.do("accept", public.fileno())
        assert "connection" not in post(connection).headers
        connection.close()


def test_accepting_twice_is_harmless(process: Runtime, control: Controller) -> None:
    folder = Path(f"/proc/{process.process.pid}/fd")
    with listener() as public, listener() as other:
        control.do("accept", public.fileno())
        before = len(list(folder.iterdir())) if folder.exists() else 0
        for _ in range(5):
            assert control.do("accept", public.fileno()) == {"ok": True}
            assert control.do("accept", other.fileno()) == {"ok": True}
        assert (len(list(folder.iterdir())) if folder.exists() else 0) == before
        connection = connected(public)
        assert post(connection).status == 200
        connection.close()


def test_give(control: Controller) -> None:
    assert control.do("give")["ok"] is False
    with listener() as public:
        control.do("accept", public.fileno())
        port = public.getsockname()[1]
    assert control.do("give") == {"ok": True}
    with socket.socket(fileno=control.received.pop()) as given:
        assert given.getsockname() == ("127.0.0.1", port)
        assert given.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    assert post(connection).status == 200
    connection.close()


def test_what_is_no_listening_tcp_socket(control: Controller, tmp_path: Path) -> None:
    if sys.platform == "win32":
        raise NotImplementedError
    assert "0 came" in control.do("accept")["error"]
    with socket.socket() as idle, socket.socket(socket.AF_UNIX) as unix, (tmp_path / "file").open("w") as file:
        assert control.do("accept", idle.fileno())["ok"] is False
        assert control.do("accept", unix.fileno())["ok"] is False
        assert "0 came" in control.do("accept", file.fileno())["error"]
    with listener() as one, listener() as two:
        assert "2 came" in control.do("accept", one.fileno(), two.fileno())["error"]
        assert control.do("status", one.fileno())["accepting"] is False
        assert "0 came" in control.do("accept")["error"]


@pytest.mark.parametrize(
    "line",
    [b"\n\n{", b"[]", b'{"do": 1}', b"\xff\xfe", b'{"do": "fly"}', b"null", b'"status"', b"[" * 60_000],
)
def test_garbage(process: Runtime, control: Controller, line: bytes) -> None:
    control.say(line + b"\n")
    assert control.hear()["ok"] is False
    assert control.do("status")["state"] == "ready"
    assert process.predict(private=True).status == 200


def test_a_line_without_end_is_hung_up_on(process: Runtime, control: Controller) -> None:
    with process.control() as babbler, pytest.raises((EOFError, OSError)):  # noqa: PT012 - whichever notices first
        for _ in range(10):
            babbler.say(b"x" * 60_000)
        babbler.hear()
    assert control.do("status")["state"] == "ready"


def test_a_flood_of_sockets_is_hung_up_on(process: Runtime, control: Controller) -> None:
    with process.control() as flooder, listener() as one, pytest.raises((EOFError, OSError)):  # noqa: PT012 - either
        for _ in range(100):
            flooder.say(b" ", *[one.fileno()] * 10)
        flooder.hear()
    assert control.do("status")["state"] == "ready"


def test_a_client_that_never_reads(process: Runtime, control: Controller) -> None:
    with process.control() as deaf:
        deaf._socket.setblocking(False)
        try:
            for _ in range(100_000):
                deaf.say(b'{"do": "status"}\n')
        except OSError:
            pass
        assert control.do("status")["state"] == "ready"
    assert process.predict(private=True).status == 200


def test_several_commands_in_one_piece_and_one_in_several(control: Controller) -> None:
    control.say(b'{"do": "status"}\n{"do": "give"}\n{"do"')
    assert control.hear()["state"] == "ready"
    assert control.hear()["ok"] is False
    control.say(b': "cease"}\n')
    assert control.hear()["ok"] is True


def test_many_subscribers(start: Start, saved: Callable[[str], Path]) -> None:
    runtime = start(saved("linear"), port=False, private=True).ready()
    clients = [runtime.control() for _ in range(5)]
    assert [client.do("subscribe")["state"] for client in clients] == ["ready"] * 5
    clients.pop().close()
    assert clients[0].do("status")["state"] == "ready"
    runtime.terminate()
    said = [json.dumps(client.hear()["state"]) for client in clients]
    assert said == ['"draining"'] * 4
    for client in clients:
        client.close()
    assert runtime.ended() == 0
    assert not (runtime.folder / "ctl").exists()
