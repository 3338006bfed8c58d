"""From the first listening socket to being ready, or to a failure that says why."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.serving import zoo
from tests.integration.serving.conftest import Start
from tests.integration.serving.runtime import ONE_ROW, Runtime, eventually

Saved = Callable[[str], Path]

SLOW = """
import os, time
def _load_pyfunc(path):
    while not os.path.exists(os.environ["GATE"]):
        time.sleep(0.01)
    class Model:
        def predict(self, data, params=None):
            return [1]
    return Model()
"""


def test_it_listens_before_it_loads(start: Start, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    runtime = start(zoo.write(tmp_path / "slow", SLOW), private=True, GATE=str(gate)).listening()
    assert runtime.ask("GET", "/live").status == 200
    for path in ("/ping", "/health", "/ready"):
        assert runtime.ask("GET", path).status == 503
    refused = runtime.predict()
    assert (refused.status, refused.json["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE")
    assert runtime.predict(Deployer_Revision="r7654321").status == 421
    assert refused.headers["retry-after"] == "1"
    with runtime.control() as control, socket.create_server(("127.0.0.1", 0)) as public:
        assert control.do("subscribe")["state"] == "loading"
        said = control.do("accept", public.fileno())
        assert (said["ok"], "loading" in said["error"]) == (False, True)
        gate.touch()
        assert control.hear()["state"] == "ready"
    for path in ("/live", "/ping", "/health", "/ready"):
        assert runtime.ask("GET", path).status == 200
    assert runtime.predict({"inputs": [1]}).json == {"predictions": [1]}
    assert runtime.event("ready")["example"] is False


def test_told_to_end_while_loading(start: Start, tmp_path: Path) -> None:
    runtime = start(zoo.write(tmp_path / "slow", SLOW), GATE=str(tmp_path / "never")).listening()
    runtime.terminate()
    assert runtime.ended() == 0


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            "import not_here.deeper\n",
            {"error_type": "ModuleNotFoundError", "missing_module": "not_here", "where": "code/loader_of_a_test.py:1"},
        ),
        (
            "def _load_pyfunc(path):\n    raise OSError('weights are damaged')\n",
            {"error_type": "OSError", "error": "weights are damaged", "where": "code/loader_of_a_test.py:2"},
        ),
        ("import sys\nsys.exit(0)\n", {"error_type": "SystemExit", "missing_module": None}),
    ],
    ids=["missing module", "broken weights", "exit at import"],
)  # fmt: skip
def test_a_model_that_cannot_be_loaded(start: Start, tmp_path: Path, source: str, expected: dict[str, str]) -> None:
    runtime = start(zoo.write(tmp_path / "broken", source), port=False, private=True)
    assert runtime.ended() == 1
    event = runtime.event("load-failed")
    assert {name: event[name] for name in expected} == expected
    assert event["traceback"][0].startswith("Traceback")
    assert event["level"] == "error"
    assert runtime.event("ended")
    assert not runtime.uds.exists()


def test_a_failing_load_is_told_to_subscribers(start: Start, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    code = SLOW.replace("class Model", "raise ValueError('no')\n    class Model")
    runtime = start(zoo.write(tmp_path / "late", code), private=True, GATE=str(gate)).listening()
    with runtime.control() as control:
        assert control.do("subscribe")["state"] == "loading"
        gate.touch()
        assert control.hear()["state"] == "failed"
        with pytest.raises(EOFError):
            control.hear()
    assert runtime.ended() == 1


def test_no_model_at_all(start: Start, tmp_path: Path) -> None:
    runtime = start(tmp_path / "nothing")
    assert runtime.ended() == 1
    assert "nothing" in runtime.event("load-failed")["error"]


def test_an_example_that_is_not_answered(start: Start, tmp_path: Path) -> None:
    code = """
    def _load_pyfunc(path):
        class Model:
            def predict(self, data, params=None):
                raise ValueError("no column c")
        return Model()
    """
    model = zoo.write(tmp_path / "model", code, example={"dataframe_split": {"columns": ["a"], "data": [[1]]}})
    runtime = start(model)
    assert runtime.ended() == 1
    event = runtime.event("example-failed")
    assert (event["error_type"], event["error"], event["status"]) == ("ValueError", "no column c", 400)
    assert event["where"] == "code/loader_of_a_test.py:5"


def test_another_example(start: Start, saved: Saved, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_bytes(ONE_ROW)
    bad.write_text('{"dataframe_records": [{"a": 1.0}]}')
    served = start(saved("linear"), "--example", str(good))
    refused = start(saved("linear"), "--example", str(bad))
    served.ready()
    assert refused.ended() == 1
    assert refused.event("example-failed")["status"] == 400


def test_options_from_the_environment(start: Start, saved: Saved, tmp_path: Path) -> None:
    home = tmp_path / "closed"
    home.mkdir(mode=0o500)
    runtime = start(
        "/nowhere",
        DEPLOYER_SERVING_TRUSTED_HOSTS="localhost,127.0.0.1",
        DEPLOYER_SERVING_EXAMPLE="/nowhere/either",
        HOME=str(home),
    )
    assert runtime.ended() == 1
    assert "/nowhere/either" in runtime.event("load-failed")["error"]


def test_an_address_in_use(start: Start, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        runtime = start(tmp_path, "--port", str(taken.getsockname()[1]), port=False)
        assert runtime.ended() == 1
    assert "cannot listen on 127.0.0.1" in runtime.event("start-failed")["error"]


def test_a_socket_file_that_a_killed_process_left(start: Start, tmp_path: Path) -> None:
    gate = str(tmp_path / "never")
    model = zoo.write(tmp_path / "slow", SLOW)
    first = start(model, "--uds", str(tmp_path / "x"), port=False, GATE=gate)
    first.event("listening")
    second = start(model, "--uds", str(tmp_path / "x"), port=False, GATE=gate)
    assert second.ended() == 1
    assert "another process listens there" in second.event("start-failed")["error"]
    first.kill()
    assert (tmp_path / "x").is_socket()
    third = start(model, "--uds", str(tmp_path / "x"), port=False, GATE=gate)
    third.event("listening")
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o600
    third.terminate()
    assert third.ended() == 0
    assert not (tmp_path / "x").exists()


def test_options_that_are_not_usable(code: Path) -> None:
    for options in (["--port", "99999"], ["--revision", "a\nb"], ["--threads", "0"], ["fly"]):
        done = subprocess.run([sys.executable, str(code), *options], capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert "usage: serve" in done.stderr
        assert "Traceback" not in done.stderr


def test_secrets_and_prints(outputs: Runtime) -> None:
    asked = {"dataframe_records": [{"what": "environment", "name": "API_TOKEN"}]}
    assert outputs.predict(asked).json == {"predictions": {"API_TOKEN": "tok-5e7a9c\n"}}
    refused = outputs.predict({"dataframe_records": [{"what": "secret-error"}]})
    assert refused.json["detail"] == "RuntimeError: denied for ***"
    assert outputs.predict({"dataframe_records": [{"what": "print"}]}).status == 200
    eventually(lambda: "the model prints" in outputs.lines, "the print")
    eventually(lambda: any("denied for ***" in line for line in outputs.lines), "the log line")
    assert "tok-5e7a9c" not in "".join(outputs.lines)
    command = Path(f"/proc/{outputs.process.pid}/cmdline")
    if command.exists():
        assert b"tok-5e7a9c" not in command.read_bytes()


def test_secrets_that_cannot_be_read(start: Start, tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "not-a-name").write_text("value-of-it")
    runtime = start(tmp_path, "--secrets", str(tmp_path / "secrets"))
    assert runtime.ended() == 1
    assert "not-a-name" in runtime.event("start-failed")["error"]
    assert "value-of-it" not in "".join(runtime.lines)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the process behaviour of POSIX")
def test_it_serves_whatever_happens_to_stderr(code: Path, tmp_path: Path) -> None:
    """A reader of the log that goes away does not end the server."""
    model = zoo.write(tmp_path / "slow", SLOW)
    (tmp_path / "gate").touch()
    uds = tmp_path / "http"
    command = [sys.executable, str(code), "--model", str(model), "--uds", str(uds)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, env={**os.environ, "GATE": str(tmp_path / "gate")})
    try:
        assert process.stderr is not None
        process.stderr.close()
        runtime = Runtime.__new__(Runtime)
        runtime.folder = tmp_path
        eventually(uds.is_socket, "the socket")
        eventually(lambda: runtime.ask("GET", "/ready", private=True).status == 200, "ready")
        assert runtime.predict({"inputs": [1]}, private=True).status == 200
        process.terminate()
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
