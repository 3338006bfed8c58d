"""The same requests to MLflow's own scoring server and to ours: the same status and content, but for what we mend."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Generator, Mapping
from functools import partial
from http.client import HTTPConnection
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from deployer.serving.application import Application, Limits
from deployer.serving.log import Log
from deployer.serving.scorer import load
from deployer.serving.standing import READY, Standing
from deployer.serving.threads import Pool
from tests.integration.serving import requests_table as table
from tests.integration.serving.runtime import PATIENCE, Reply, Runtime, eventually, exchange

# What MLflow answers with 500 and the bare text "Internal Server Error", and we with this.
MENDED = {
    "no content type": 415,
    "a number of 5,000 digits": 400,
    "nested 100,000 deep": 400,
    "set": 500,
    "object": 500,
    "decimal": 500,
    "complex": 500,
    "tuple-keys": 500,
    "pandas-na": 500,
}
# What MLflow answers with literals that are not JSON, and we with null.
NOT_FINITE = {
    "nan", "infinities", "nan-frame", "nan-deep", "csv, a value missing", "records, null", "records, NaN literal",
    "records, Infinity literal", "split, ragged",
}  # fmt: skip
RAISED = ["value-error", "key-error", "not-found", "invalid", "internal"]


def without_echo(message: str) -> str:
    """MLflow's message without what it repeats of the request, and with its sets in a fixed order."""
    message = re.sub(r"[\[{]('[^\[\]{}:]*')[\]}]", lambda found: ", ".join(sorted(found[1].split(", "))), message)
    message = re.sub(r"Error: '(.*?)'\nInput: \n.*", r"Error: '\1'", message, flags=re.DOTALL)
    message = re.sub(r"'UnicodeDecodeError\('utf-8', b.*?, (\d+), \d+, '(.*?)'\)'", "'UNICODE'", message)
    message = re.sub(r"'UnicodeDecodeError\(.*?\)'|''utf-8' codec can't decode.*?'$", "'UNICODE'", message)
    message = re.sub(
        r"Failed to predict data .*?\. \nError:", "Failed to predict data. \nError:", message, flags=re.DOTALL
    )
    return re.sub(r" at 0x[0-9a-f]+", "", message)[:3900]


def compare(name: str, theirs: Reply, ours: Reply) -> None:
    """Fail unless both say the same."""
    if name in MENDED and theirs.status == 500:
        assert theirs.body == b"Internal Server Error"
        assert ours.status == MENDED[name]
        return
    assert (ours.status, ours.headers["content-type"]) == (theirs.status, theirs.headers["content-type"]), ours.body
    if theirs.status == 200 and re.search(rb"\b(NaN|Infinity)\b", theirs.body):
        assert name in NOT_FINITE
        strict = json.loads(ours.body, parse_constant=lambda text: pytest.fail(f"{text} in the answer"))
        assert strict == json.loads(theirs.body, parse_constant=lambda _: None)
    elif theirs.status in (200, 415):
        assert ours.body == theirs.body
    else:
        expected, found = theirs.json, ours.json
        assert "stack_trace" not in found
        found.pop("detail", None)
        expected.pop("stack_trace", None)
        for fields in (expected, found):
            fields["message"] = without_echo(fields["message"])
        assert found == expected


@pytest.fixture(scope="module")
def mlflow_server(saved: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Generator[int, None, None]:
    """MLflow's own server with ``linear``, started as MLflow starts it; answers its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    log = tmp_path_factory.mktemp("mlflow") / "log"
    command = [sys.executable, "-m", "uvicorn", "--port", str(port), "mlflow.pyfunc.scoring_server.app:app"]
    environment = {**os.environ, "__pyfunc_model_path__": str(saved("linear"))}
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)

    def answers() -> bool:
        assert process.poll() is None, log.read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    try:
        eventually(answers, "MLflow's server")
        yield port
    finally:
        process.kill()
        process.wait()


def test_http(mlflow_server: int, linear: Runtime) -> None:
    """Both servers as processes, and the whole matrix."""

    def theirs(method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Reply:
        # Each on a connection of its own: after a 500 MLflow's server closes it without saying so.
        connection = HTTPConnection("127.0.0.1", mlflow_server, timeout=PATIENCE)
        try:
            return exchange(connection, method, path, body, headers)
        finally:
            connection.close()

    ours = partial(exchange, linear.connect())
    for name, content_type, body in table.TABULAR:
        if len(body) > 90_000:
            continue  # more than the shared runtime takes
        headers = {"Content-Type": content_type} if content_type is not None else {}
        found = ours("POST", "/invocations", body, headers)
        assert found.headers["deployer-revision"] == "r0000001"
        compare(name, theirs("POST", "/invocations", body, headers), found)
    for method, path in [("GET", "/ping"), ("GET", "/health"), ("GET", "/invocations"), ("PUT", "/invocations")]:
        expected, found = theirs(method, path), ours(method, path)
        assert found.status == expected.status
        if expected.status == 200:
            assert (found.body, found.headers["content-type"]) == (expected.body, expected.headers["content-type"])
        else:
            assert found.headers["allow"] == expected.headers["allow"] == "POST"
    assert ours("GET", "/version").body == theirs("GET", "/version").body
    assert ours("POST", "/invocations/").status == theirs("POST", "/invocations/").status == 307
    assert ours("GET", "/nothing").status == theirs("GET", "/nothing").status == 404


async def asked(application: Any, content_type: str | None, body: bytes) -> Reply:
    """POST to an ASGI application, without a server."""
    headers = [(b"host", b"x"), (b"deployer-verify", b"1")]
    headers += [(b"content-type", content_type.encode())] if content_type else []
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": "/invocations", "raw_path": b"/invocations", "query_string": b"", "root_path": "", "headers": headers,
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2), "state": {},
    }  # fmt: skip
    waiting = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if waiting:
            return waiting.pop()
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    try:
        await application(scope, receive, send)
    except Exception:  # Starlette raises what it has answered with 500
        assert sent, "no answer"
    named = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
    return Reply(sent[0]["status"], named, b"".join(message.get("body", b"") for message in sent[1:]))


@pytest.mark.parametrize(
    ("model", "requests"),
    [
        ("echo-linear", table.TABULAR),
        ("echo-none", table.FREE),
        ("echo-types", table.TYPED),
        ("echo-nested", table.NESTED),
        ("echo-tensor", table.TENSOR),
        ("echo-tensors", table.TENSORS),
        ("echo-params", table.PARAMS),
        ("echo-text", table.TEXTS),
        ("hints", table.HINTS),
        ("chat", table.CHAT),
        ("outputs", "values"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_in_process(model: str, requests: Any, saved: Callable[[str], Path]) -> None:
    """MLflow's own application and ours, on models that answer what they were given, or every kind of value."""
    if requests == "values":
        source: dict[str, Any] = {"__name__": "outputs"}
        exec((Path(__file__).parent / "code" / "outputs.py").read_text(), source)  # its list of values
        requests = table.outputs([*source["VALUES"], *RAISED])
    server: Any = import_module("mlflow.pyfunc.scoring_server")
    folder = saved(model)
    theirs = server.init(server.load_model(str(folder)))
    scorer = load(str(folder), 0.0, str)

    async def both() -> None:
        standing = Standing()
        standing.become(READY)
        pool = Pool(1, asyncio.get_running_loop())
        ours = Application(Limits("r0000001", 10**7, 60.0, ()), standing, pool, Log(2, "error"))
        ours.scorer = scorer
        application = ours.door(public=True, closing=lambda: False)
        for name, content_type, body in requests:
            try:
                found = await asked(application, content_type, body)
                compare(name, await asked(theirs, content_type, body), found)
                assert found.headers.get("deployer-parity") == ("equal" if found.status == 200 else None)
            except AssertionError as error:
                error.add_note(f"{model}: {name}: {body[:200]!r}")
                raise

    asyncio.run(both())
