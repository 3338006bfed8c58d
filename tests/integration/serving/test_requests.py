"""What one request can meet, over HTTP and against real processes."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.serving.conftest import Start
from tests.integration.serving.runtime import JSON, ONE_ROW, PATIENCE, Reply, Runtime, eventually, exchange

Saved = Callable[[str], Path]


def asking(what: str, **columns: Any) -> dict[str, Any]:
    return {"dataframe_records": [{"what": what, **columns}]}


def test_headers_of_an_answer(linear: Runtime) -> None:
    answer = linear.predict(X_Request_Id="abc-1.2_3")
    assert answer.json == {"predictions": [4.0]}
    assert answer.headers["x-request-id"] == "abc-1.2_3"
    assert answer.headers["deployer-revision"] == "r0000001"
    assert "server" not in answer.headers
    assert "deployer-parity" not in answer.headers
    made = linear.predict(X_Request_Id="not sane").headers["x-request-id"]
    assert len(made) == 32
    logged = eventually(
        lambda: [e for e in linear.events if e["event"] == "request" and e["id"] == "abc-1.2_3"], "the log line"
    )[0]
    assert (logged["status"], logged["method"], logged["path"]) == (200, "POST", "/invocations")
    assert (logged["bytes_in"], logged["bytes_out"]) == (len(ONE_ROW), len(answer.body))
    assert logged["ms"] > 0
    assert logged["time"].endswith("Z")


def test_probes_are_not_logged(linear: Runtime) -> None:
    for path in ("/live", "/ping", "/health", "/ready", "/version"):
        head = linear.ask("HEAD", path)
        assert (head.status, head.body) == (200, b"")
        assert linear.ask("GET", path, headers={"Deployer-Revision": "r0000001"}).status == 200
        assert linear.ask("POST", path, b"").headers["allow"] == "GET, HEAD"
    linear.predict(X_Request_Id="last")
    eventually(lambda: [e for e in linear.events if e.get("id") == "last"], "the log line")
    assert not [e for e in linear.events if e["event"] == "request" and e["path"] != "/invocations"]


def test_version(linear: Runtime) -> None:
    bare = linear.ask("GET", "/version")
    full = linear.ask("GET", "/version", headers={"Accept": "application/json"}).json
    assert bare.headers["content-type"].startswith("text/plain")
    assert bare.body.decode() == full["mlflow"]
    assert full["revision"] == "r0000001"
    assert full["runtime"]
    assert full["python"].startswith("3.")


@pytest.mark.parametrize("path", ["/invocations", "/ping", "/ready", "/live", "/version"])
@pytest.mark.parametrize("private", [False, True])
def test_another_revision(linear: Runtime, path: str, private: bool) -> None:
    method = "POST" if path == "/invocations" else "GET"
    headers = {**JSON, "Deployer-Revision": "r7654321"}
    refused = linear.ask(method, path, ONE_ROW if method == "POST" else None, headers, private=private)
    assert (refused.status, refused.json["error_code"]) == (421, "MISDIRECTED_REQUEST")
    assert refused.headers["deployer-revision"] == "r0000001"


@pytest.mark.parametrize("expect", ["", "Expect: 100-continue\r\n"])
def test_another_revision_is_told_at_once(linear: Runtime, expect: str) -> None:
    """Before the body comes, so that a gateway can ask the next server; also while the model is loading."""
    with socket.create_connection(("127.0.0.1", linear.port), timeout=PATIENCE) as raw:
        head = (
            f"POST /invocations HTTP/1.1\r\nHost: x\r\n{expect}Deployer-Revision: r7654321\r\nContent-Length: 90000\r\n"
        )
        raw.sendall(head.encode() + b"\r\n")
        answer = raw.recv(65536)
        assert answer.startswith(b"HTTP/1.1 421")
        if expect:
            assert b"connection: close" in answer
            while answer := raw.recv(65536):
                assert b"100 Continue" not in answer


@pytest.mark.parametrize("host", ["iris.example:8443", "10.0.0.7", "[fd00::7]:80", "whatever it says", ""])
def test_any_host_is_let_in_where_none_is_named(linear: Runtime, host: str) -> None:
    """In a container, where a gateway passes on the host that its client named."""
    assert linear.predict(Host=host, Origin="https://app.example").status == 200


def test_there_is_no_such_path(linear: Runtime) -> None:
    refused = linear.ask("GET", "/nothing/here")
    assert (refused.status, refused.json["error_code"]) == (404, "ENDPOINT_NOT_FOUND")


def test_what_is_no_http_at_all(linear: Runtime) -> None:
    with socket.create_connection(("127.0.0.1", linear.port), timeout=PATIENCE) as raw:
        raw.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        answer = b"".join(iter(lambda: raw.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"Traceback" not in answer
    assert linear.predict().status == 200


def _chunks(size: int) -> Iterator[bytes]:
    for _ in range(size // 1000):
        yield b"x" * 1000


def test_a_body_that_is_too_large(linear: Runtime) -> None:
    announced = linear.predict(b"x" * 5_000_000)
    assert (announced.status, announced.json["error_code"]) == (413, "PAYLOAD_TOO_LARGE")
    assert announced.headers["connection"] == "close"
    chunked = linear.predict_chunks(_chunks(5_000_000))
    assert (chunked.status, chunked.json["error_code"]) == (413, "PAYLOAD_TOO_LARGE")
    assert linear.predict_chunks(iter([ONE_ROW[:10], ONE_ROW[10:]])).json == {"predictions": [4.0]}


def test_a_body_that_is_too_large_and_waits_for_a_go_ahead(linear: Runtime) -> None:
    with socket.create_connection(("127.0.0.1", linear.port), timeout=PATIENCE) as raw:
        raw.sendall(
            b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: 200000\r\nExpect: 100-continue\r\n\r\n"
        )
        answer = b"".join(iter(lambda: raw.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 413")


def test_a_refusal_leaves_the_connection_usable(linear: Runtime) -> None:
    connection = linear.connect()
    headers = {**JSON, "Deployer-Revision": "r7654321"}
    refused = exchange(connection, "POST", "/invocations", b"x" * 3_000_000, headers)
    kept = connection.sock
    assert refused.status == 421
    assert exchange(connection, "POST", "/invocations", ONE_ROW, JSON).status == 200
    assert connection.sock is kept
    connection.close()


def test_a_client_that_goes_away(linear: Runtime) -> None:
    with socket.create_connection(("127.0.0.1", linear.port)) as raw:
        raw.sendall(b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    with linear.control() as control:
        eventually(lambda: control.do("status")["in_flight"] == 0, "nothing in flight")
    assert linear.predict().status == 200


def test_verification(linear: Runtime, outputs: Runtime) -> None:
    assert linear.predict(Deployer_Verify="1").headers["deployer-parity"] == "equal"
    assert outputs.predict(asking("nan-deep"), Deployer_Verify="1").headers["deployer-parity"] == "equal"
    assert outputs.predict(asking("times-frame"), Deployer_Verify="1").headers["deployer-parity"] == "equal"
    differing = outputs.predict(asking("counter"), Deployer_Verify="1", X_Request_Id="differs")
    assert differing.headers["deployer-parity"] == "differs"
    first = differing.json["predictions"][0]
    assert (
        differing.headers["deployer-parity-detail"] == f"predictions[0]: {first} is sent, {first + 1} by plain pyfunc"
    )
    eventually(
        lambda: [e for e in outputs.events if e["event"] == "parity-differs" and e["id"] == "differs"], "the log"
    )
    assert "deployer-parity" not in outputs.predict(asking("value-error"), Deployer_Verify="1").headers


def test_what_a_model_raises(outputs: Runtime) -> None:
    refused = outputs.predict(asking("value-error"), X_Request_Id="raised")
    assert refused.status == 400
    assert refused.json["detail"] == "ValueError: could not use the value 'abc'"
    assert b"Traceback" not in refused.body
    logged = eventually(
        lambda: [e for e in outputs.events if e["event"] == "request-failed" and e["id"] == "raised"], "the log"
    )[0]
    assert logged["error_type"] == "ValueError"
    assert "Traceback" in logged["traceback"][0]
    for what in ("exit", "stop"):
        assert outputs.predict(asking(what)).status in (400, 500)
    unwritable = outputs.predict(asking("object"))
    assert (unwritable.status, unwritable.json["error_code"]) == (500, "INTERNAL_ERROR")
    assert outputs.predict(asking("ints")).json == {"predictions": [1, 2]}


def test_predictions_that_take_too_long(start: Start, saved: Saved, tmp_path: Path) -> None:
    runtime = start(saved("outputs"), "--timeout", "0.4", "--threads", "2").ready()
    replies: list[Reply] = []
    slow = asking("wait", gate=str(tmp_path / "gate"))
    threads = [threading.Thread(target=lambda: replies.append(runtime.predict(slow))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [(reply.status, reply.json["error_code"]) for reply in replies] == [(504, "DEADLINE_EXCEEDED")] * 3
    assert {reply.headers["content-type"] for reply in replies} == {"application/json"}
    for path in ("/live", "/ping", "/ready"):
        assert runtime.ask("GET", path).status == 503
    (tmp_path / "gate").touch()
    eventually(lambda: runtime.ask("GET", "/live").status == 200, "a free thread")
    eventually(lambda: runtime.predict(asking("ints")).status == 200, "a prediction")


def test_hosts_and_origins(start: Start, saved: Saved) -> None:
    runtime = start(saved("linear"), "--trusted-hosts", "127.0.0.1, localhost,[::1]", private=True).ready()

    def status(private: bool = False, **headers: str) -> int:
        method, path = ("POST", "/invocations")
        return runtime.ask(method, path, ONE_ROW, {**JSON, **headers}, private=private).status

    assert status() == status(Host="localhost:99") == status(Host="[::1]") == status(Host="LOCALHOST.") == 200
    assert status(Host="evil.example") == status(Host="localhost.evil.example:80") == status(Host="") == 421
    assert status(Origin="http://localhost:3000") == status(Origin="https://127.0.0.1") == 200
    assert status(Origin="https://evil.example") == status(Origin="null") == status(Origin="file://localhost") == 403
    assert status(private=True, Host="evil.example", Origin="https://evil.example") == 200
    assert runtime.ask("GET", "/live", headers={"Host": "evil.example"}).status == 421


def test_pipelined_and_kept_connections(linear: Runtime) -> None:
    connection = linear.connect()
    first = exchange(connection, "POST", "/invocations", ONE_ROW, JSON)
    kept = connection.sock
    second = exchange(connection, "POST", "/invocations", ONE_ROW, JSON)
    assert connection.sock is kept
    assert first.body == second.body
    assert "connection" not in second.headers
    connection.close()
    with socket.create_connection(("127.0.0.1", linear.port), timeout=PATIENCE) as raw:
        one = b"GET /live HTTP/1.1\r\nHost: x\r\n\r\n"
        raw.sendall(one + one.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        answers = b"".join(iter(lambda: raw.recv(4096), b""))
    assert answers.count(b"HTTP/1.1 200") == 2
    assert json.loads(answers.rpartition(b"\r\n\r\n")[2]) == {"state": "ready"}
