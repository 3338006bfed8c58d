"""What stands between a client and a replica: TLS, limits, the access log, headers; on a real HAProxy."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from deployer.gateway import Pool, Routing, complaints, new_certificate
from tests.integration.gateway.replica import Replica, Replicas
from tests.integration.gateway.running import Running

pytestmark = pytest.mark.real("haproxy")

OLD = "r1111111"


def _start(gateway: Running, replicas: Replicas) -> Replica:
    replica = replicas.start(OLD)
    gateway.start(Routing((Pool(OLD, (replica.member,)),), {OLD: 100}))
    gateway.ready(OLD)
    return replica


def _raw(gateway: Running, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", gateway.settings.port), timeout=20) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_the_log_is_json_without_query_and_headers(gateway: Running, replicas: Replicas) -> None:
    _start(gateway, replicas)
    gateway.send(path="/invocations?token=top-secret", Authorization="top-secret", X_Request_ID="abc-1")
    gateway.until(lambda: len(gateway.log()) == 1, "it is not logged")
    (line,) = gateway.log()
    assert line["time"].endswith("Z")
    assert (line["method"], line["path"], line["status"]) == ("POST", "/invocations", 200)
    assert (line["revision"], line["member"], line["id"]) == (OLD, "m0", "abc-1")
    assert set(line["ms"]) == {"request", "queue", "connect", "response", "total"}
    assert line["bytes"]["in"] > 0
    assert "top-secret" not in gateway.log_text()


@pytest.mark.parametrize(
    "path",
    [b'/a"b', b"/a\\b", b"/a\\", b'/","status":200,"x":"', b"/\xc3\xa9\xff", b"/%22%0a", b"/" + b"\\" * 600, b"/]"],
)
def test_whatever_the_path_the_log_is_json(gateway: Running, replicas: Replicas, path: bytes) -> None:
    _start(gateway, replicas)
    _raw(gateway, b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    gateway.until(lambda: len(gateway.log()) == 1, "it is not logged")
    assert set(gateway.log()[0]) >= {"status", "path", "id", "ms"}


@pytest.mark.parametrize("given", [None, "", 'a"b', "x" * 129, "a b", "ok-1.2:3_4"])
def test_a_request_has_one_id_everywhere(gateway: Running, replicas: Replicas, given: str | None) -> None:
    replica = _start(gateway, replicas)
    answer = gateway.send() if given is None else gateway.send(X_Request_ID=given)
    found = answer.headers["x-request-id"]
    assert found == replica.seen[0].headers["x-request-id"]
    assert (found == given) is (given == "ok-1.2:3_4")
    gateway.until(lambda: len(gateway.log()) == 1, "it is not logged")
    assert gateway.log()[0]["id"] == found


def test_two_ids_in_one_request_are_one_afterwards(gateway: Running, replicas: Replicas) -> None:
    replica = _start(gateway, replicas)
    _raw(gateway, b'GET / HTTP/1.1\r\nHost: x\r\nX-Request-ID: a"\r\nX-Request-ID: good\r\nConnection: close\r\n\r\n')
    gateway.until(lambda: len(gateway.log()) == 1, "it is not logged")
    assert gateway.log()[0]["id"] == replica.seen[0].headers["x-request-id"] != 'a"'


def test_the_host_comes_through(gateway: Running, replicas: Replicas) -> None:
    replica = _start(gateway, replicas)
    gateway.send(Host="endpoint.example:8443")
    assert replica.seen[0].headers["host"] == "endpoint.example:8443"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"NONSENSE\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 70_000 + b"\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 120 + b"\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\n\r\n", 413),
    ],
)
def test_what_is_no_proper_request_reaches_nobody(
    make_gateway: Callable[..., Running], replicas: Replicas, request_: bytes, status: int
) -> None:
    gateway = make_gateway(max_body=1000)
    replica = _start(gateway, replicas)
    with socket.create_connection(("127.0.0.1", gateway.settings.port), timeout=20) as connection:
        connection.sendall(request_)
        head, _, body = connection.recv(65536).partition(b"\r\n\r\n")
    assert int(head.split(b" ")[1]) == status
    assert replica.seen == []
    if status != 400:  # what is no HTTP is answered by HAProxy's lowest layer, in words of its own
        assert set(json.loads(body)) == {"error_code", "message"}


def test_a_slow_client_is_let_go(make_gateway: Callable[..., Running], replicas: Replicas) -> None:
    gateway = make_gateway(head=1)
    _start(gateway, replicas)
    answer = _raw(gateway, b"GET / HTTP/1.1\r\nHost: x\r\nX: ")
    assert answer.startswith(b"HTTP/1.1 408")


def test_an_answer_that_does_not_come_is_504(make_gateway: Callable[..., Running], replicas: Replicas) -> None:
    gateway = make_gateway(server=1)
    replica = _start(gateway, replicas)
    replicas.hold(replica)
    answer = gateway.send()
    assert (answer.status, answer.json["error_code"]) == (504, "DEADLINE_EXCEEDED")
    assert len(replica.seen) == 1


def test_a_kept_connection_whose_replica_breaks_off(gateway: Running, replicas: Replicas) -> None:
    """HAProxy hangs up then, as a server does that closes an idle connection: what to do is the client's to decide."""
    replica, other = _start(gateway, replicas), replicas.start(OLD)
    gateway.bring(Routing((Pool(OLD, (replica.member, other.member)),), {OLD: 100}))
    gateway.ready(OLD, members=2)
    connection = http.client.HTTPConnection("127.0.0.1", gateway.settings.port, timeout=20)
    connection.request("POST", "/invocations", b"{}")
    assert connection.getresponse().read()
    before = len(replica.seen) + len(other.seen)
    replica.drops = other.drops = True
    connection.request("POST", "/invocations", b"{}")
    with pytest.raises(http.client.RemoteDisconnected):
        connection.getresponse()
    connection.close()
    assert len(replica.seen) + len(other.seen) == before + 1
    gateway.until(lambda: gateway.loaded().figures[OLD].unanswered == 1, "it is not counted")


def _certificate(folder: Path, name: str) -> tuple[str, str]:
    """A certificate of localhost that signs itself, and the same with its key."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    key, chain = folder / f"{name}.key", folder / f"{name}.pem"
    kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command = ["openssl", "req", *kind, *subject, "-keyout", str(key), "-out", str(chain)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return chain.read_text(encoding="ascii"), chain.read_text(encoding="ascii") + key.read_text(encoding="ascii")


def _ask_with_tls(gateway: Running, trusted: str) -> int:
    context = ssl.create_default_context(cadata=trusted)
    connection = http.client.HTTPSConnection("localhost", gateway.settings.port, timeout=20, context=context)
    try:
        connection.request("POST", "/invocations", b"{}")
        return connection.getresponse().status
    finally:
        connection.close()


def test_tls_with_a_pem(make_gateway: Callable[..., Running], replicas: Replicas, tmp_path: Path) -> None:
    chain, both = _certificate(tmp_path, "first")
    (tmp_path / "both.pem").write_text(both, encoding="ascii")
    gateway = make_gateway(certificate=str(tmp_path / "both.pem"))
    _start(gateway, replicas)
    assert _ask_with_tls(gateway, chain) == 200
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.load_verify_locations(cadata=chain)
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("127.0.0.1", gateway.settings.port)) as plain, pytest.raises(ssl.SSLError):
        old.wrap_socket(plain, server_hostname="localhost")


def test_a_certificate_is_renewed_while_it_runs(
    make_gateway: Callable[..., Running], replicas: Replicas, tmp_path: Path
) -> None:
    first, both = _certificate(tmp_path, "first")
    (tmp_path / "both.pem").write_text(both, encoding="ascii")
    second, renewed = _certificate(tmp_path, "second")
    gateway = make_gateway(certificate=str(tmp_path / "both.pem"))
    _start(gateway, replicas)
    assert [complaints(gateway.ask(line)) for line in new_certificate(gateway.settings, renewed)] == [[], []]
    assert _ask_with_tls(gateway, second) == 200
    with pytest.raises(ssl.SSLCertVerificationError):
        _ask_with_tls(gateway, first)
    mixed = second + both.replace(first, "")
    trouble = [text for line in new_certificate(gateway.settings, mixed) for text in complaints(gateway.ask(line))]
    assert trouble != []
    assert _ask_with_tls(gateway, second) == 200


def test_a_bad_file_is_seen_before_it_is_used(gateway: Running, replicas: Replicas, tmp_path: Path) -> None:
    _start(gateway, replicas)
    gateway.settings = replace(gateway.settings, certificate=str(tmp_path / "missing.pem"))
    with pytest.raises(AssertionError, match=r"missing\.pem"):
        gateway.write(Routing())
    assert gateway.send().status == 200
