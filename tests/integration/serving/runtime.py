"""A copied-out serving runtime as a process, and the clients that the tests talk to it with."""

from __future__ import annotations

import array
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import deployer.serving

PATIENCE = 60.0
PYTHON = os.environ.get("DEPLOYER_TEST_SERVING_PYTHON", sys.executable)
"""The model's interpreter; another environment's, to try the runtime with other versions of what it stands on."""

START = "from deployer_serving.main import main\nraise SystemExit(main())\n"
ONE_ROW = b'{"dataframe_split": {"columns": ["a", "b"], "data": [[1.0, 2.0]]}}'
JSON = {"Content-Type": "application/json"}


def copy_out(folder: Path) -> Path:
    """Copy the runtime out of the checkout, as a target does it."""
    source = Path(deployer.serving.__file__).parent
    shutil.copytree(source, folder / "deployer_serving", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "__main__.py").write_text(START)
    return folder


def eventually(said: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """Ask until the answer is true, and return it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = said()
        if answer:
            return answer
        time.sleep(0.01)
    raise AssertionError(f"{what} did not happen in {seconds} s")


@dataclass(frozen=True)
class Reply:
    """An HTTP answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=PATIENCE)
        self._path = path

    def connect(self) -> None:
        if sys.platform == "win32":
            raise NotImplementedError
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(str(self._path))


def exchange(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """Send a request on an open connection and read its answer."""
    connection.request(method, path, body=body, headers=dict(headers or {}))
    answer = connection.getresponse()
    return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())


class Runtime:
    """One serving process; leaves its log in ``folder``."""

    def __init__(self, code: Path, model: Path | str, folder: Path, *options: str, **environment: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = 0
        self._log = folder / "log"
        arguments = [PYTHON, str(code), "serve", "--model", str(model), *options]
        own = {name: value for name, value in os.environ.items() if not name.startswith("DEPLOYER_SERVING_")}
        self.began = time.monotonic()
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(arguments, stdout=log, stderr=log, env={**own, **environment})

    @property
    def uds(self) -> Path:
        return self.folder / "http"

    @property
    def lines(self) -> list[str]:
        return self._log.read_text().splitlines()

    @property
    def events(self) -> list[dict[str, Any]]:
        """The log's JSON lines; what the model printed is not among them."""
        return [json.loads(line) for line in self.lines if line.startswith("{")]

    def event(self, name: str) -> dict[str, Any]:
        """Wait for an event."""

        def found() -> dict[str, Any] | None:
            if self.process.poll() is not None:
                time.sleep(0.05)  # what it wrote last is in the file by now
            matching = [event for event in self.events if event["event"] == name]
            if not matching and self.process.poll() is not None:
                raise AssertionError(f"ended with {self.process.returncode} without {name}:\n" + "\n".join(self.lines))
            return matching[-1] if matching else None

        found_event: dict[str, Any] = eventually(found, f"event {name}")
        return found_event

    def listening(self) -> Runtime:
        address = self.event("listening")["address"]
        self.port = int(address.rpartition(":")[2]) if address else 0
        return self

    def ready(self) -> Runtime:
        self.listening()
        self.event("ready")
        return self

    def connect(self, private: bool = False) -> http.client.HTTPConnection:
        if private:
            return UnixConnection(self.uds)
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        *,
        private: bool = False,
    ) -> Reply:
        """Send one request on a connection of its own."""
        connection = self.connect(private)
        try:
            return exchange(connection, method, path, body, headers)
        finally:
            connection.close()

    def predict(self, body: Any = ONE_ROW, *, private: bool = False, **headers: str) -> Reply:
        """POST JSON to /invocations; ``Deployer_Verify="1"`` becomes a header."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if isinstance(body, (bytes, str)) else json.dumps(body)
        return self.ask("POST", "/invocations", data, {**JSON, **named}, private=private)

    def predict_chunks(self, pieces: Iterator[bytes]) -> Reply:
        """POST JSON to /invocations in chunks; the answer may come before all are sent."""
        connection = self.connect()
        try:
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.request("POST", "/invocations", body=pieces, headers=JSON, encode_chunked=True)
            answer = connection.getresponse()
            return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def control(self) -> Controller:
        return Controller(self.folder / "ctl")

    def stand_still(self) -> None:
        if sys.platform != "win32":
            self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        if sys.platform != "win32":
            self.process.send_signal(signal.SIGCONT)

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def ended(self) -> int:
        return self.process.wait(PATIENCE)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)


class Controller:
    """A client of the control socket."""

    _socket: socket.socket

    def __init__(self, path: Path) -> None:
        if sys.platform == "win32":
            raise NotImplementedError
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(PATIENCE)
        self._socket.connect(str(path))
        self._text = b""
        self.received: list[int] = []

    def __enter__(self) -> Controller:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()
        for descriptor in self.received:
            os.close(descriptor)
        self.received.clear()

    def say(self, line: bytes, *descriptors: int) -> None:
        if sys.platform == "win32":
            raise NotImplementedError
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
        self._socket.sendmsg([line], rights)

    def hear(self) -> dict[str, Any]:
        if sys.platform == "win32":
            raise NotImplementedError
        while b"\n" not in self._text:
            data, ancillary, _, _ = self._socket.recvmsg(65536, socket.CMSG_SPACE(64))
            for _level, _kind, payload in ancillary:
                self.received.extend(array.array("i", payload))
            if not data:
                raise EOFError("the control socket hung up")
            self._text += data
        line, _, self._text = self._text.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def do(self, command: str, *descriptors: int) -> dict[str, Any]:
        self.say(json.dumps({"do": command}).encode() + b"\n", *descriptors)
        return self.hear()


def listener() -> socket.socket:
    """A listening loopback socket, as a supervisor binds it."""
    return socket.create_server(("127.0.0.1", 0), backlog=128)
