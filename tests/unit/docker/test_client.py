"""Where the engine is, and its errors in our words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deployer.errors import Conflict, SpecError, TargetUnavailable
from deployer_docker.client import connect, engine_address, request_word, told, unless_gone
from deployer_docker.config import DockerOptions

docker: Any = pytest.importorskip("docker")
requests: Any = pytest.importorskip("requests")


@pytest.fixture(autouse=True)
def _no_engine_of_one_s_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
        monkeypatch.delenv(name, raising=False)


def test_the_nearest_word_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///run/there.sock")
    assert engine_address(DockerOptions()).url == "unix:///run/there.sock"
    assert engine_address(DockerOptions(host="ssh://ada@far")).url == "ssh://ada@far"
    assert [engine_address(DockerOptions(host=each)).local for each in ("unix:///a", "ssh://b")] == [True, False]


@pytest.mark.parametrize("url", ["tcp://far:2375", "http://far:2375", "tcp://127.0.0.1:2375"])
def test_plain_tcp_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SpecError, match="without TLS"):
        engine_address(DockerOptions(host=url))
    monkeypatch.setenv("DOCKER_HOST", url)
    with pytest.raises(SpecError, match="without TLS"):
        engine_address(DockerOptions())


def test_what_is_no_address_or_no_context_is_told() -> None:
    with pytest.raises(SpecError, match="no engine's address"):
        engine_address(DockerOptions(host="ftp://x"))
    with pytest.raises(SpecError, match="no context"):
        engine_address(DockerOptions(context="none-of-that-name"))


def _answer(status: int, text: str) -> Any:
    response = requests.Response()
    response.status_code = status
    return docker.errors.APIError("said", response=response, explanation=text)


@pytest.mark.parametrize(
    ("error", "kind", "transient"),
    [
        (_answer(500, "server error"), TargetUnavailable, True),
        (_answer(503, "busy"), TargetUnavailable, True),
        (_answer(429, "slow down"), TargetUnavailable, True),
        (_answer(403, "authorization denied by plugin"), TargetUnavailable, False),
        (_answer(404, "no such container"), TargetUnavailable, False),
        (_answer(400, "bad parameter"), TargetUnavailable, False),
        (_answer(409, "already in use"), Conflict, None),
        (_answer(500, "write /x: no space left on device"), TargetUnavailable, False),
        (requests.exceptions.ConnectionError("refused"), TargetUnavailable, True),
        (requests.exceptions.ReadTimeout("timed out"), TargetUnavailable, True),
        (docker.errors.DockerException("('Connection aborted.', PermissionError(13))"), TargetUnavailable, False),
        (docker.errors.DockerException("FileNotFoundError(2)"), TargetUnavailable, True),
        (ConnectionResetError("reset"), TargetUnavailable, True),
    ],
)
def test_errors_become_ours(error: Exception, kind: type[Exception], transient: bool | None) -> None:
    with pytest.raises(kind) as caught, told("do it", "there"):
        raise error
    assert getattr(caught.value, "transient", None) is transient
    assert "do it" in str(caught.value)


def test_what_is_just_going_is_passed_over_and_another_conflict_is_not() -> None:
    with told("read the log"), unless_gone():
        raise _answer(409, "can not get logs from container which is dead or marked for removal")
    with pytest.raises(Conflict), told("read the log"), unless_gone():
        raise _answer(409, "somebody else is at it")


def test_an_engine_that_was_never_there_is_not_waited_for(tmp_path: Path) -> None:
    with pytest.raises(TargetUnavailable, match="no engine listens there") as caught:
        connect(engine_address(DockerOptions(host=f"unix://{tmp_path}/none.sock")))
    assert not caught.value.transient


def test_a_bug_of_ours_stays_one() -> None:
    with pytest.raises(ZeroDivisionError), told("do it"):
        1 / 0  # noqa: B018


def test_every_error_of_docker_py_is_mapped() -> None:
    kinds = [each for each in vars(docker.errors).values() if isinstance(each, type) and issubclass(each, Exception)]
    assert len(kinds) > 10
    for kind in kinds:
        error = kind.__new__(kind)
        Exception.__init__(error, "said")
        error.__dict__.update(response=None, explanation="said", msg="said", param="p", name="n")
        with pytest.raises((TargetUnavailable, Conflict)), told("do it"):
            raise error


@pytest.mark.parametrize(
    ("method", "path", "word"),
    [
        ("GET", "/v1.41/containers/json?all=1", ""),
        ("POST", "/v1.41/containers/create?name=x", "POST containers create"),
        ("POST", "/v1.41/containers/abc/start", "POST containers start"),
        ("DELETE", "/v1.41/containers/abc?v=0&force=1", "DELETE containers"),
        ("DELETE", "/v1.41/images/deployer.local/iris:r1a2b3c4", "DELETE images"),
        ("PUT", "/v1.41/containers/abc/archive?path=/x", "PUT containers archive"),
        ("POST", "/containers/abc/exec", ""),
        ("POST", "/v1.41/exec/abc/start", ""),
    ],
)
def test_a_change_is_told_before_it_is_asked_for(method: str, path: str, word: str) -> None:
    assert request_word(method, path) == word
