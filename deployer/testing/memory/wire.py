"""The client's side of a store: starts it when there is none, asks it, and tells auditors of each request."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deployer.errors import TargetUnavailable
from deployer.testing.memory.refused import Refused
from deployer.testing.memory.state import State

if TYPE_CHECKING:
    from collections.abc import Iterator

if sys.platform == "win32":
    raise ImportError("the memory store needs Unix sockets")

__all__ = ["Answer", "Wire"]

Answer = dict[str, Any]
_SHORT = 90
"""A Unix socket's path may have some hundred bytes (104 on macOS, 108 on Linux)."""


class Wire:
    """The way to the store of one folder.

    Args:
        root: The folder.
        idle: Handed to a store that is started from here.
    """

    def __init__(self, root: Path, idle: float) -> None:
        self.root = root
        self.idle = idle

    def ask(self, verb: str, arguments: Answer, *, fault: str | None = None, seconds: float = 30.0) -> Answer:
        """The store's answer, or its refusal.

        Where no store runs, `write_record` and what tests ask of the place start one; all else is answered as by an
        empty one. Auditors hear ``deployer.memory.request`` before a request is sent and ``deployer.memory.sent`` when
        it is, before its answer is read.

        Raises:
            TargetUnavailable: It cannot be started, or gives no answer.
        """
        sys.audit("deployer.memory.request", verb)
        starts = verb == "write_record" or verb.startswith("place_")
        try:
            with self._connected(start=starts) as connection:
                if connection is None:
                    return _of_nothing(verb, arguments)
                connection.settimeout(seconds)
                connection.sendall(json.dumps({"verb": verb, "arguments": arguments, "fault": fault}).encode())
                connection.shutdown(socket.SHUT_WR)
                sys.audit("deployer.memory.sent", verb)
                with connection.makefile("rb") as stream:
                    answered = stream.read()
        except OSError as error:
            raise TargetUnavailable(f"the memory store does not answer: {error}", transient=True, where=verb) from error
        if not answered:
            raise TargetUnavailable("the memory store's answer was lost", transient=True, where=verb)
        value: Answer = json.loads(answered)
        return value

    def runs(self) -> bool:
        """Whether a store listens."""
        connection = self._connect()
        if connection is not None:
            connection.close()
        return connection is not None

    def await_end(self, seconds: float = 10.0) -> None:
        """Return when no store holds the folder any more.

        Raises:
            TargetUnavailable: It is still there after those seconds.
        """
        until = time.monotonic() + seconds
        with (self.root / "lock").open("ab") as lock:
            while True:
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return
                if time.monotonic() > until:
                    raise TargetUnavailable("the memory store does not end", where=str(self.root))
                time.sleep(0.01)

    @contextlib.contextmanager
    def _connected(self, *, start: bool) -> Iterator[socket.socket | None]:
        connection = self._connect()
        if connection is None and start:
            connection = self._start()
        try:
            yield connection
        finally:
            if connection is not None:
                connection.close()

    def _connect(self) -> socket.socket | None:
        connection = socket.socket(socket.AF_UNIX)
        try:
            with _short(self.root) as folder:
                connection.connect(f"{folder}/socket")
        except (FileNotFoundError, ConnectionRefusedError):
            connection.close()
            return None
        except BaseException:
            connection.close()
            raise
        return connection

    def _start(self) -> socket.socket:
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        package = Path(__file__).resolve().parents[3]
        command = [sys.executable, "-S", "-P", "-m", "deployer.testing.memory.store", str(self.root), str(self.idle)]
        environment = {"PYTHONPATH": str(package), "PYTHONDONTWRITEBYTECODE": "1"}
        try:  # it returns when the store listens, or when it found that there is one already
            started = subprocess.run(command, capture_output=True, check=False, env=environment, cwd="/", timeout=20)
        except subprocess.TimeoutExpired as error:
            raise TargetUnavailable("the memory store does not start", where=str(self.root)) from error
        if started.returncode:
            said = started.stderr.decode(errors="replace")[-500:]
            raise TargetUnavailable(f"the memory store does not start: {said}", where=str(self.root))
        until = time.monotonic() + 10
        while (connection := self._connect()) is None:  # another's may be about to listen
            if time.monotonic() > until:
                raise TargetUnavailable("the memory store does not listen", transient=True, where=str(self.root))
            time.sleep(0.01)
        return connection


@contextlib.contextmanager
def _short(root: Path) -> Iterator[str]:
    """A path of the folder that is short enough for a socket's."""
    if len(os.fsencode(root)) < _SHORT:
        yield str(root)
    elif Path("/proc/self/fd").is_dir():
        folder = os.open(root, os.O_RDONLY)
        try:
            yield f"/proc/self/fd/{folder}"
        finally:
            os.close(folder)
    else:
        with tempfile.TemporaryDirectory(dir="/tmp") as beside:
            Path(beside, "s").symlink_to(root)
            yield f"{beside}/s"


def _of_nothing(verb: str, arguments: Answer) -> Answer:
    now = time.time()
    if verb == "watch":
        time.sleep(min(float(arguments["seconds"]), 0.2))
    if verb in ("now", "watch"):
        return {"value": now}
    try:
        return {"value": State().do(verb, arguments, now), "change": 0, "at": now}
    except Refused as error:
        return {"refused": error.answer}
