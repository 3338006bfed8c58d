"""Endpoints on a real engine: shut in, found again after accidents, and never the wrong model."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deployer.endpoint import Code, Endpoint, Phase, Traffic
from deployer.errors import BuildError, Conflict, TargetUnavailable
from deployer.testing.writer import Writer
from deployer_docker.target import DockerTarget
from tests.conformance.docker_bench import DockerWorkbench
from tests.plugins.docker import Scope

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
SECRET = "s3cr3t-value-of-a-test"
LOOK_OUT = """
import json, socket
def reached(address, port):
    try:
        socket.create_connection((address, port), 1.5).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return True
status = dict(line.split(':', 1) for line in open('/proc/1/status') if ':' in line)
try:
    open('/written', 'w')
    writable = True
except OSError:
    writable = False
try:
    socket.getaddrinfo('example.com', 80)
    names = True
except OSError:
    names = False
import os
print(json.dumps({
    'uid': os.getuid(), 'caps': status['CapEff'].strip(), 'new': status['NoNewPrivs'].strip(), 'writable': writable,
    'names': names, 'tmp': bool(open('/tmp/x', 'w')), 'reached': [a for a in %r if reached(a, 80) or reached(a, 22)],
}))
"""


def _connect(bench: DockerWorkbench) -> DockerTarget:
    target = bench.connect()
    assert isinstance(target, DockerTarget)
    return target


def _serve(bench: DockerWorkbench, target: DockerTarget, name: str, **fields: Any) -> Writer:
    writer, release = bench.staged(target, name, **fields), bench.release()
    writer.route(Traffic.all_to(release.revision))
    _until(bench, target, name, lambda seen: seen.phase is Phase.HEALTHY)
    return writer


def _until(bench: DockerWorkbench, target: DockerTarget, name: str, holds: Callable[[Endpoint], bool]) -> Endpoint:
    def found() -> Endpoint | None:
        seen = target.observe(name)
        return seen if seen is not None and holds(seen) else None

    return bench.until(target, name, found)


def _containers(bench: DockerWorkbench, name: str, role: str) -> list[str]:
    marks = [f"io.deployer.endpoint={name}", f"io.deployer.role={role}"]
    return [str(each["Id"]) for each in bench.api.containers(all=True, filters={"label": marks})]


def _run(bench: DockerWorkbench, container: str, *command: str) -> str:
    made = bench.api.exec_create(container, list(command))["Id"]
    return str(bench.api.exec_start(made).decode())


def test_a_model_is_shut_in_and_finds_no_way_out(bench: DockerWorkbench, docker_scope: Scope) -> None:
    target = _connect(bench)
    name = docker_scope.name
    _serve(bench, target, name)
    (replica,) = _containers(bench, name, "replica")
    networks = bench.api.networks(filters={"label": [f"io.deployer.endpoint={name}"]})
    hosts = [each["IPAM"]["Config"][0]["Subnet"].rpartition(".")[0] + ".1" for each in networks]
    hosts += [
        "169.254.169.254",
        "1.1.1.1",
        bench.api.inspect_network("bridge")["IPAM"]["Config"][0].get("Gateway", "172.17.0.1"),
    ]
    found = json.loads(_run(bench, replica, "python3", "-c", LOOK_OUT % (hosts,)))
    assert found == {
        "uid": 65532, "caps": "0" * 16, "new": "1", "writable": False, "names": False, "tmp": True, "reached": [],
    }  # fmt: skip
    (gateway,) = _containers(bench, name, "gateway")
    assert "CapEff:\t0000000000000000" in _run(bench, gateway, "cat", "/proc/1/status")
    inspected = bench.api.inspect_container(gateway)
    (binding,) = inspected["NetworkSettings"]["Ports"]["8080/tcp"]
    assert binding["HostIp"] == "127.0.0.1"
    assert inspected["HostConfig"]["RestartPolicy"]["Name"] == "always"


def test_secrets_are_read_by_the_server_and_shown_by_nothing(bench: DockerWorkbench, docker_scope: Scope) -> None:
    target = _connect(bench)
    name = docker_scope.name
    spec, release = bench.spec(name, secrets={"TOKEN": {"env": "TOKEN"}}), bench.release(secrets={"TOKEN": 1})
    writer = Writer(target, name).begin(spec)
    writer.configure(spec)
    bench.deliver(target, spec, release)
    with pytest.raises(BuildError, match="is not stored"):
        writer.stage(spec, release)
    target.keep_secrets(name, {("TOKEN", 1): SECRET}, writer.claim)
    writer.stage(spec, release)
    bench.await_phase(target, name, release.revision)
    (replica,) = _containers(bench, name, "replica")
    inside = (
        "import pathlib; p = pathlib.Path('/run/deployer/secrets/TOKEN'); print(p.read_text(), oct(p.stat().st_mode))"
    )
    assert _run(bench, replica, "python3", "-c", inside).split() == [SECRET, "0o100400"]
    shown = [bench.api.inspect_container(each) for each in _containers(bench, name, "replica")]
    shown += [bench.api.inspect_container(each) for each in _containers(bench, name, "gateway")]
    shown += [bench.api.volumes(), bench.api.networks(), bench.api.history(bench.release().image.id)]  # type: ignore[union-attr]
    assert SECRET not in json.dumps(shown)
    assert SECRET not in _run(bench, replica, "python3", "-c", "print(open('/proc/1/cmdline').read())")
    assert not _containers(bench, name, "courier")


def test_what_is_removed_by_hand_is_missed_and_made_again(bench: DockerWorkbench, docker_scope: Scope) -> None:
    target = _connect(bench)
    name = docker_scope.name
    writer = _serve(bench, target, name, replicas=2)
    first, url = bench.release(), target.observe(name)
    bench.api.remove_container(_containers(bench, name, "replica")[0], force=True)
    seen = _until(bench, target, name, lambda seen: seen.phase is Phase.DEGRADED)
    assert (seen.revisions[0].wanted, seen.revisions[0].ready) == (2, 1)
    assert target.invoke(name, bench.request()).revision == first.revision
    writer.stage(bench.spec(name, replicas=2), first)
    _until(bench, target, name, lambda seen: seen.phase is Phase.HEALTHY and seen.revisions[0].settled)
    bench.api.remove_container(_containers(bench, name, "gateway")[0], force=True)
    gone = target.observe(name)
    assert gone is not None
    assert (gone.phase, gone.traffic.served) == (Phase.FAILED, ())
    with pytest.raises(Exception, match=r"there is no endpoint|does not run"):
        target.invoke(name, bench.request())
    writer.configure(bench.spec(name, replicas=2))
    again = _until(bench, target, name, lambda seen: seen.phase is Phase.HEALTHY)
    assert again.traffic == Traffic.all_to(first.revision)
    assert url is not None
    assert again.url == url.url
    assert target.invoke(name, bench.request()).revision == first.revision


def test_a_gateway_that_was_killed_comes_back_with_its_port_and_its_shares(
    bench: DockerWorkbench, docker_scope: Scope
) -> None:
    target = _connect(bench)
    name = docker_scope.name
    writer, first = _serve(bench, target, name), bench.release().revision
    second = bench.add(writer, "second").revision
    bench.await_phase(target, name, second)
    shares = Traffic({first: 75, second: 25})
    writer.route(shares)
    before = _until(bench, target, name, lambda seen: seen.traffic.same_as(shares))
    (gateway,) = _containers(bench, name, "gateway")
    bench.api.kill(gateway)
    dead = _until(bench, target, name, lambda seen: seen.phase is Phase.FAILED)
    assert {each.id for each in dead.revisions} == {first, second}
    bench.api.start(gateway)  # as the engine does after its own start, or the host's
    back = _until(bench, target, name, lambda seen: seen.phase is Phase.HEALTHY)
    assert (back.traffic, back.url) == (before.traffic, before.url)


def test_swapped_addresses_never_answer_for_one_another(bench: DockerWorkbench, docker_scope: Scope) -> None:
    target = _connect(bench)
    name = docker_scope.name
    writer, first = _serve(bench, target, name), bench.release().revision
    second = bench.add(writer, "second").revision
    bench.await_phase(target, name, second)
    (network,) = bench.api.networks(filters={"label": [f"io.deployer.endpoint={name}", "io.deployer.role=network"]})
    both = {each: bench.api.inspect_container(each) for each in _containers(bench, name, "replica")}
    addresses = {each: found["Config"]["Labels"]["io.deployer.address"] for each, found in both.items()}
    one, other = both
    for each in both:
        bench.api.disconnect_container_from_network(each, network["Id"], force=True)
    for each, address in ((one, addresses[other]), (other, addresses[one])):
        bench.api.connect_container_to_network(each, network["Id"], ipv4_address=address)
    answers = set()
    for _ in range(40):
        try:
            answer = target.invoke(name, bench.request())
        except TargetUnavailable:
            continue
        answers.add((answer.status, answer.revision))
    assert all(status != 200 or revision == first for status, revision in answers), answers
    assert not any(status == 200 for status, _ in answers), answers


def test_a_port_that_is_taken_is_told(bench: DockerWorkbench, docker_scope: Scope) -> None:
    target = _connect(bench)
    name = docker_scope.name
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        spec = bench.spec(name, config={"port": port})
        writer = Writer(target, name).begin(spec)
        with pytest.raises(Conflict, match=f"port {port} is taken") as caught:
            writer.configure(spec)
        assert "config.port" in (caught.value.hint or "")
    writer.configure(spec)
    seen = target.observe(name)
    assert seen is not None
    assert seen.url == f"http://127.0.0.1:{port}"
    other = f"{name}-b"
    spec = bench.spec(other, config={"port": port})
    second = Writer(target, other).begin(spec)
    with pytest.raises(Conflict, match=f"{name}--gateway"):
        second.configure(spec)


def test_an_image_that_was_pruned_is_asked_for_again(bench: DockerWorkbench, docker_scope: Scope) -> None:
    target = _connect(bench)
    name = docker_scope.name
    writer, release = _serve(bench, target, name), bench.release()
    spare = bench.add(writer, "second")
    bench.await_phase(target, name, spare.revision)
    writer.retire(spare.revision, keep=True)
    bench.await_gone(target, name, spare.revision)
    assert spare.image is not None
    bench.api.remove_image(spare.image.id, force=True)
    with pytest.raises(BuildError, match="not in the engine"):
        writer.stage(bench.spec(name, "second"), spare)
    assert target.invoke(name, bench.request()).revision == release.revision


def test_memory_that_runs_out_is_diagnosed(bench: DockerWorkbench, docker_scope: Scope) -> None:
    target = _connect(bench)
    name = docker_scope.name
    writer, release = bench.staged(target, name, "load-fails"), bench.release()  # not waited for
    spec = bench.spec(name, resources={"memory": "24Mi"})
    bench.deliver(target, spec, release)
    writer.stage(spec, release)
    bench.await_phase(target, name, release.revision, Phase.FAILED)
    found = target.diagnose(name, release.revision)
    assert found is not None
    assert found.code is Code.OUT_OF_MEMORY
    assert "resources.memory" in (found.hint or "")


def test_keys_are_asked_for_and_change_without_a_restart(
    bench: DockerWorkbench, docker_scope: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = _connect(bench)
    name = docker_scope.name
    monkeypatch.setenv("KEY_A", "a" * 32)
    auth: dict[str, Any] = {"auth": {"api_keys": [{"env": "KEY_A"}]}}
    writer = _serve(bench, target, name, **auth)
    pids = [revision.facts["pids"] for revision in _endpoint(target, name).revisions]

    def status(key: str | None) -> int:
        asked = bench.request()
        headers = {**asked.headers, **({"X-API-Key": key} if key else {})}
        return target.invoke(name, replace(asked, headers=headers)).status

    assert (status(None), status("b" * 32), status("a" * 32)) == (401, 401, 200)
    monkeypatch.setenv("KEY_A", "b" * 32)
    writer.configure(bench.spec(name, **auth))
    bench.until(target, name, lambda: status("b" * 32) == 200)
    assert status("a" * 32) == 401
    monkeypatch.delenv("KEY_A")
    writer.configure(bench.spec(name, **auth))
    assert status("b" * 32) == 200
    assert [revision.facts["pids"] for revision in _endpoint(target, name).revisions] == pids


def test_an_engine_elsewhere_is_asked_through_itself(bench: DockerWorkbench, docker_scope: Scope) -> None:
    target = _connect(bench)
    name = docker_scope.name
    _serve(bench, target, name)
    target.address.local = False
    asked = bench.request()
    answer = target.invoke(name, asked)
    assert (answer.status, answer.revision) == (200, bench.release().revision)
    assert "predictions" in json.loads(answer.body)
    large = json.dumps({"inputs": [[1.0, 2.0]] * 50_000}).encode()
    assert len(json.loads(target.invoke(name, replace(asked, body=large)).body)["predictions"]) == 50_000
    assert target.invoke_revision(name, bench.release().revision, asked).status == 200


def _endpoint(target: DockerTarget, name: str) -> Endpoint:
    seen = target.observe(name)
    assert seen is not None
    return seen


def test_a_certificate_is_served_and_its_key_is_shown_by_nothing(
    bench: DockerWorkbench, docker_scope: Scope, tmp_path: Path
) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl to make a certificate with")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(cert)],
        check=True, capture_output=True,
    )  # fmt: skip
    target = _connect(bench)
    name = docker_scope.name
    network: dict[str, Any] = {"network": {"tls": {"cert": str(cert), "key": str(key)}}}
    writer = _serve(bench, target, name, **network)
    seen = _endpoint(target, name)
    assert seen.url is not None
    assert seen.url.startswith("https://127.0.0.1:")
    assert target.invoke(name, bench.request()).status == 200
    context = ssl.create_default_context(cafile=str(cert))
    with socket.create_connection(("127.0.0.1", int(seen.url.rpartition(":")[2])), 5) as raw:
        assert context.wrap_socket(raw, server_hostname="localhost").version() in ("TLSv1.2", "TLSv1.3")
    (gateway,) = _containers(bench, name, "gateway")
    assert key.read_text().splitlines()[1] not in json.dumps(bench.api.inspect_container(gateway))
    key.unlink()
    writer.route(Traffic.all_to(bench.release().revision))  # whoever has not the files leaves the gateway as it is
    assert _containers(bench, name, "gateway") == [gateway]
