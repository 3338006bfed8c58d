"""As SageMaker asks a container: two paths, one header both ways, and the port that it says."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from deployer_sagemaker.attributes import HEADER, attributes_of, headers_in
from tests.integration.serving.conftest import Start
from tests.integration.serving.runtime import JSON, ONE_ROW, Reply, Runtime

Saved = Callable[[str], Path]
BEHIND = {"DEPLOYER_SERVING_BEHIND": "sagemaker"}


@pytest.fixture(scope="module")
def hosted(shared: Start, saved: Saved) -> Runtime:
    return shared(saved("linear"), "--max-body", "100000", **BEHIND).ready()


def invoked(
    runtime: Runtime, body: bytes = ONE_ROW, *, path: str = "/invocations", headers: Mapping[str, str] | None = None
) -> Reply:
    """As a client of ours has AWS ask: POST to the one path, and all else in the one header."""
    attributes = attributes_of(headers or {}, path)
    passed = {**JSON, "X-Amzn-SageMaker-Target-Variant": "primary", "X-Amzn-SageMaker-Target-Model": "other.tar.gz"}
    return runtime.ask("POST", "/invocations", body, passed | ({HEADER: attributes} if attributes else {}))


def told(reply: Reply) -> dict[str, str]:
    return headers_in(reply.headers[HEADER.lower()])


def test_each_answer_tells_its_revision(hosted: Runtime) -> None:
    reply = invoked(hosted)
    assert (reply.status, told(reply)) == (200, {"deployer-revision": "r0000001"})
    assert reply.headers["deployer-revision"] == "r0000001"
    ping = hosted.ask("GET", "/ping")
    assert (ping.status, told(ping)) == (200, {"deployer-revision": "r0000001"})


def test_errors_tell_it_too(hosted: Runtime) -> None:
    wrong = invoked(hosted, b'{"dataframe_records": [{"a": 1.0}]}')
    large = invoked(hosted, b"x" * 100_001)
    misled = invoked(hosted, headers={"Deployer-Revision": "r7654321"})
    lost = invoked(hosted, path="/nowhere")
    assert [each.status for each in (wrong, large, misled, lost)] == [400, 413, 421, 404]
    assert all(told(each) == {"deployer-revision": "r0000001"} for each in (wrong, large, misled, lost))


def test_it_is_verified_through_the_one_header(hosted: Runtime) -> None:
    reply = invoked(hosted, headers={"Deployer-Revision": "r0000001", "Deployer-Verify": "1"})
    assert (reply.status, told(reply)["deployer-parity"]) == (200, "equal")


def test_a_caller_s_own_attributes_come_back(hosted: Runtime) -> None:
    reply = invoked(hosted, headers={HEADER: "trace=7,a,b"})
    assert reply.headers[HEADER.lower()] == "deployer-revision=r0000001,trace=7,a,b"
    longest = invoked(hosted, headers={HEADER: "x" * 1024})
    assert (longest.status, longest.headers[HEADER.lower()]) == (200, "deployer-revision=r0000001")


@pytest.mark.parametrize("path", ["/ready", "/live", "/ping", "/health", "/version"])
def test_the_other_paths_are_asked_at_the_one(hosted: Runtime, path: str) -> None:
    reply = invoked(hosted, b"{}", path=path, headers={"Deployer-Revision": "r0000001"})
    assert (reply.status, reply.body) == (200, hosted.ask("GET", path).body)
    assert told(reply) == {"deployer-revision": "r0000001"}


def test_elsewhere_nothing_of_it_is_read_or_written(linear: Runtime) -> None:
    asked = attributes_of({"Deployer-Revision": "r7654321", "Deployer-Verify": "1"}, "/ready")
    reply = linear.ask("POST", "/invocations", ONE_ROW, {**JSON, HEADER: asked})
    assert (reply.status, reply.json["predictions"]) == (200, linear.predict().json["predictions"])
    assert not {HEADER.lower(), "deployer-parity"} & reply.headers.keys()


def test_one_of_several_containers_listens_where_it_is_told(start: Start, saved: Saved) -> None:
    """The options name another port, which is every revision's usual one; AWS's own word counts."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    given = {"DEPLOYER_SERVING_PORT": "8080", "SAGEMAKER_SAFE_PORT_RANGE": "21000-22000", **BEHIND}
    runtime = start(saved("linear"), port=False, SAGEMAKER_BIND_TO_PORT=str(port), **given).ready()
    assert runtime.port == port
    assert runtime.ask("GET", "/ping").status == 200
