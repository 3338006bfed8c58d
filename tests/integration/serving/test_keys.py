"""API keys over HTTP: who is let in, what is told to those who are not, and where a key must never be found."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.serving import zoo
from tests.integration.serving.conftest import Start
from tests.integration.serving.runtime import JSON, ONE_ROW, Reply, Runtime, eventually, exchange, listener

ALICE, OURS = "key-of-alice-7f3b9e", "key-of-the-deployer-1c8d"

CURIOUS = """
import gc, os, sys, traceback
def _load_pyfunc(path):
    class Model:
        def predict(self, data, params=None):
            seen = [repr(data), repr(params), repr(dict(os.environ)), repr(sys.argv)]
            frame = sys._getframe()
            while frame is not None:
                seen.append(repr(frame.f_locals))
                frame = frame.f_back
            seen.extend(repr(one)[:10000] for one in gc.get_objects() if isinstance(one, (list, tuple, dict)))
            text = "".join(seen)
            if "what" in repr(data):
                raise ValueError(f"the model saw {len(text)} characters")
            return {"seen": text}
    return Model()
"""


def listed(*named: tuple[str, str]) -> str:
    return "".join(f"{name} sha256:{hashlib.sha256(key.encode()).hexdigest()}\n" for name, key in named)


def replace(file: Path, text: str) -> None:
    new = file.with_name("new")
    new.write_text(text)
    new.replace(file)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "keys"
    path.write_text("# who may ask\n" + listed(("alice", ALICE), ("deployer", OURS)))
    return path


@pytest.fixture(scope="module")
def guarded(shared: Start, saved: Callable[[str], Path], file: Path) -> Runtime:
    return shared(saved("linear"), "--api-keys", str(file), private=True).ready()


def logged(runtime: Runtime, request: str) -> dict[str, Any]:
    found: dict[str, Any] = eventually(
        lambda: [e for e in runtime.events if e["event"] == "request" and e["id"] == request], "the log line"
    )[0]
    return found


def test_a_key_lets_in_and_its_name_is_logged(guarded: Runtime) -> None:
    assert guarded.predict(X_API_Key=ALICE, X_Request_Id="by-alice").json == {"predictions": [4.0]}
    assert guarded.predict(Authorization=f"Bearer {OURS}", X_Request_Id="by-us").status == 200
    assert guarded.predict(Authorization=f"bearer {ALICE}", Deployer_Verify="1").headers["deployer-parity"] == "equal"
    assert logged(guarded, "by-alice")["key"] == "alice"
    assert logged(guarded, "by-us")["key"] == "deployer"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-API-Key": ""},
        {"X-API-Key": ALICE + "x"},
        {"X-API-Key": hashlib.sha256(ALICE.encode()).hexdigest()},
        {"Authorization": ALICE},
        {"Authorization": "Basic " + base64.b64encode(f"alice:{ALICE}".encode()).decode()},
        {"Authorization": "Bearer"},
        {"Cookie": f"key={ALICE}"},
    ],
)
def test_who_is_not_let_in(guarded: Runtime, headers: dict[str, str]) -> None:
    refused = guarded.ask("POST", "/invocations", ONE_ROW, {**JSON, **headers})
    assert refused.status == 401
    assert refused.headers["www-authenticate"] == "Bearer"
    assert refused.headers["content-type"] == "application/json"
    assert refused.json == {
        "error_code": "UNAUTHENTICATED",
        "message": "A valid API key is needed, as X-API-Key: KEY or Authorization: Bearer KEY.",
    }


def test_what_needs_a_key(guarded: Runtime) -> None:
    for path in ("/live", "/ping", "/health", "/ready"):
        assert guarded.ask("GET", path).status == 200
        assert guarded.ask("HEAD", path, headers={"X-API-Key": "wrong"}).status == 200
    paths = (
        "/version",
        "/",
        "/invocations",
        "/invocations/",
        "/metrics",
        "/openapi.json",
        "/v2/models",
        "/ready/",
        "//ready",
    )
    for path in paths:
        for method in ("GET", "POST", "OPTIONS"):
            assert guarded.ask(method, path).status == 401, f"{method} {path}"
    assert guarded.ask("GET", "/version", headers={"X-API-Key": ALICE}).status == 200
    assert guarded.ask("GET", "/nothing", headers={"X-API-Key": ALICE}).status == 404


def test_another_revision_is_told_before_the_key_is_asked_for(guarded: Runtime) -> None:
    assert guarded.predict(Deployer_Revision="r7654321").status == 421
    assert guarded.predict(Deployer_Revision="r0000001").status == 401


def test_a_refusal_leaves_the_connection_usable(guarded: Runtime) -> None:
    connection = guarded.connect()
    assert exchange(connection, "POST", "/invocations", b"x" * 3_000_000, JSON).status == 401
    kept = connection.sock
    assert exchange(connection, "POST", "/invocations", ONE_ROW, {**JSON, "X-API-Key": ALICE}).status == 200
    assert connection.sock is kept
    assert exchange(connection, "POST", "/invocations", ONE_ROW, JSON).status == 401, "a key is not remembered"
    connection.close()


def test_the_private_socket_needs_no_key_and_a_passed_listener_does(
    start: Start, saved: Callable[[str], Path], file: Path
) -> None:
    runtime = start(saved("linear"), "--api-keys", str(file), port=False, private=True).ready()
    assert runtime.predict(private=True).status == 200
    assert runtime.ask("GET", "/version", private=True).status == 200
    with runtime.control() as control, listener() as public:
        assert control.do("accept", public.fileno()) == {"ok": True}
        runtime.port = public.getsockname()[1]
        assert runtime.predict().status == 401
        assert runtime.predict(X_API_Key=ALICE).status == 200


def test_keys_change_under_load(start: Start, saved: Callable[[str], Path], tmp_path: Path) -> None:
    """A key that stays is never refused while others come and go forty times."""
    keys = tmp_path / "keys"
    keys.write_text(listed(("stays", ALICE)))
    runtime = start(saved("linear"), "--api-keys", str(keys)).ready()
    stop = threading.Event()
    statuses: list[int] = []

    def load() -> None:
        connection = runtime.connect()
        while not stop.is_set():
            answer = exchange(connection, "POST", "/invocations", ONE_ROW, {**JSON, "X-API-Key": ALICE})
            statuses.append(answer.status)
        connection.close()

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for number in range(40):
            replace(keys, listed(("stays", ALICE), (f"n{number}", f"new-{number}")))
            assert runtime.predict(X_API_Key=f"new-{number}").status == 200
            assert runtime.predict(X_API_Key=f"new-{number - 1}").status == 401
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert set(statuses) == {200}


def test_a_file_that_breaks_while_serving(start: Start, saved: Callable[[str], Path], tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text(listed(("alice", ALICE)))
    runtime = start(saved("linear"), "--api-keys", str(keys)).ready()
    keys.unlink()
    assert (runtime.predict().status, runtime.predict(X_API_Key=ALICE).status) == (401, 200)
    assert runtime.event("api-keys-unusable")["kept"] == 1
    keys.write_text(f"{OURS}\n")
    assert runtime.predict(X_API_Key=ALICE).status == 200
    replace(keys, "")
    assert (runtime.predict().status, runtime.predict(X_API_Key=ALICE).status) == (401, 401)
    eventually(lambda: [e["count"] for e in runtime.events if e["event"] == "api-keys"] == [1, 0], "the log line")
    replace(keys, listed(("us", OURS)))
    assert (runtime.predict(X_API_Key=OURS).status, runtime.predict(X_API_Key=ALICE).status) == (200, 401)
    assert OURS not in "".join(runtime.lines)


@pytest.mark.parametrize("text", [None, "", f"{ALICE}\n"])
def test_it_does_not_start_without_usable_keys(start: Start, tmp_path: Path, text: str | None) -> None:
    keys = tmp_path / "keys"
    if text is not None:
        keys.write_text(text)
    runtime = start(tmp_path / "model", DEPLOYER_SERVING_API_KEYS=str(keys))
    assert runtime.ended() == 1
    assert str(keys) in runtime.event("start-failed")["error"]
    assert ALICE not in "".join(runtime.lines)


def test_a_key_is_nowhere_to_be_found(start: Start, tmp_path: Path) -> None:
    """A model that looks through its frames and every list, tuple and dictionary of the process does not find it."""
    keys = tmp_path / "keys"
    keys.write_text(listed(("alice", ALICE)))
    runtime = start(zoo.write(tmp_path / "curious", CURIOUS), "--api-keys", str(keys), "--log-level", "debug").ready()
    replies: list[Reply] = []
    for header in ({"X-API-Key": ALICE}, {"Authorization": f"Bearer {ALICE}"}):
        seen = runtime.ask("POST", "/invocations", b'{"inputs": [1]}', {**JSON, **header})
        raised = runtime.ask("POST", "/invocations", b'{"inputs": ["what"]}', {**JSON, **header})
        assert (seen.status, raised.status) == (200, 400)
        replies += [seen, raised, runtime.predict({"inputs": [1]}, X_API_Key=ALICE + "x")]
    runtime.terminate()
    assert runtime.ended() == 0
    for reply in replies:
        assert ALICE.encode() not in reply.body
        assert ALICE not in str(reply.headers)
    assert "".join(runtime.lines).count("alice") >= 4, "the name is logged"
    assert ALICE not in "".join(runtime.lines)
