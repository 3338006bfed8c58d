"""A gateway that runs: HAProxy as a process, driven through its admin socket as a target drives it."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from deployer.gateway import (
    GatewaySettings,
    Loaded,
    Routing,
    changes,
    check_command,
    complaints,
    exchanges,
    files,
    queries,
    read_loaded,
    run_command,
    split_answers,
)

PATIENCE = 120.0


@dataclass(frozen=True)
class Answer:
    """What a client got."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def revision(self) -> str | None:
        return self.headers.get("deployer-revision")


class Running:
    """One gateway in a folder, on a port that is kept for it."""

    def __init__(self, folder: Path, **options: Any) -> None:
        # A socket that is bound and does not listen keeps the port: HAProxy binds beside it (SO_REUSEPORT).
        self._kept = socket.socket()
        if sys.platform != "win32":
            self._kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._kept.bind(("127.0.0.1", 0))
        self.settings = GatewaySettings(
            port=self._kept.getsockname()[1],
            address="127.0.0.1",
            folder=str(folder),
            mirror=f"{folder}/m",
            **{"admin": f"{folder}/a", "revisions": 4, "members": 4, "interval": 0.1, **options},
        )
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings.port}"

    def write(self, routing: Routing) -> None:
        """Check the files in a folder beside, then write them."""
        beside = self._folder / "next"
        beside.mkdir(exist_ok=True)
        trial = replace(self.settings, folder=str(beside))
        for path, content in files(trial, routing).items():
            Path(path).write_bytes(content)
        checked = subprocess.run(check_command(trial), capture_output=True, text=True, timeout=30, check=False)
        assert checked.returncode == 0, checked.stderr
        assert "WARNING" not in checked.stderr, checked.stderr
        for path, content in files(self.settings, routing).items():
            Path(path).write_bytes(content)

    def start(self, routing: Routing | None = None) -> None:
        """Start with a routing, or with the files as they are."""
        if routing is not None:
            self.write(routing)
        with (self._folder / "out").open("ab") as out, (self._folder / "err").open("ab") as err:
            self._process = subprocess.Popen(
                run_command(self.settings), stdin=subprocess.DEVNULL, stdout=out, stderr=err
            )
        self.until(self._answers, "it does not start")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def leave(self) -> None:
        """Tell it to end, and to let requests end before."""
        if sys.platform == "win32" or self._process is None:
            raise NotImplementedError
        self._process.send_signal(signal.SIGUSR1)

    def has_ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def exit_code(self) -> int:
        """Wait until it has ended."""
        assert self._process is not None
        return self._process.wait(20)

    def close(self) -> None:
        self.stop()
        self._kept.close()

    def ask(self, line: str) -> str:
        """One exchange over the admin socket."""
        with self._admin() as connection:
            connection.sendall(line.encode() + b"\n")
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode()

    def _admin(self) -> socket.socket:
        if self.settings.admin_port is not None:
            return socket.create_connection(("127.0.0.1", self.settings.admin_port), timeout=10)
        if sys.platform == "win32":
            raise NotImplementedError
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(10)
        connection.connect(self.settings.admin)
        return connection

    def loaded(self) -> Loaded:
        lines = exchanges(queries(self.settings))
        return read_loaded([answer for line in lines for answer in split_answers(self.ask(line))], self.settings)

    def step(self, wished: Routing) -> bool:
        """One look and one step; whether all is as wished."""
        step = changes(self.loaded(), wished)
        trouble = [text for line in exchanges(step.commands) for text in complaints(self.ask(line))]
        assert trouble == []
        return step.done

    def bring(self, wished: Routing) -> None:
        """Go on until all is as wished."""
        self.write(wished)
        self.until(lambda: self.step(wished), "it does not come to what is wished")

    def ready(self, *revisions: str, members: int = 1) -> None:
        """Wait until each revision has so many replicas that are ready."""

        def all_ready() -> bool:
            loaded = self.loaded()
            return all(sum(s.state == "ready" for s in loaded.of(each)) >= members for each in revisions)

        self.until(all_ready, f"{revisions} are not ready")

    def send(self, method: str = "POST", path: str = "/invocations", body: bytes = b"{}", **headers: str) -> Answer:
        """A request over a connection of its own; ``_`` in a header's name stands for ``-``."""
        connection = http.client.HTTPConnection("127.0.0.1", self.settings.port, timeout=20)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body if method == "POST" else None, named)
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def memory(self) -> int:
        """Kilobytes that the process has in memory."""
        assert self._process is not None
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        return int(status.partition("VmRSS:")[2].split()[0])

    def log(self) -> list[dict[str, Any]]:
        """The access log; every line of it is JSON."""
        return [json.loads(line) for line in (self._folder / "out").read_text(encoding="utf-8").splitlines()]

    def log_text(self) -> str:
        return (self._folder / "out").read_text(encoding="utf-8") + (self._folder / "err").read_text(encoding="utf-8")

    def until(self, holds: Callable[[], bool], otherwise: str) -> None:
        """Poll; what happened is shown if it never holds."""
        end = time.monotonic() + PATIENCE
        while not holds():
            if time.monotonic() > end or (self._process is not None and self._process.poll() is not None):
                raise AssertionError(f"{otherwise}\n{self.log_text()[-3000:]}")
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            return bool(self.ask("show version"))
        except OSError:
            return False
