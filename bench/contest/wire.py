"""A registry of the bench's own on loopback, and a counter of the bytes that are sent to it.

What a client says that it pushed, and what it really sent, may differ; so the bytes are counted on the wire, HTTP's own
included, for every client alike.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["Wire", "registry"]

PROGRAM = "docker-registry"
_DEADLINE = 30.0
_CONFIG = """
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
http: {{addr: "127.0.0.1:{port}"}}
storage:
  filesystem: {{rootdirectory: "{folder}"}}
"""


class Wire:
    """A relay to an address on loopback that counts what goes to it.

    Attributes:
        address: Where it listens, as a client names the registry.
        sent: Bytes that clients have sent through it.
    """

    def __init__(self, to: int) -> None:
        self._to, self._lock = to, threading.Lock()
        self._door = socket.create_server(("127.0.0.1", 0))
        self.address = f"localhost:{self._door.getsockname()[1]}"
        self.sent = 0
        threading.Thread(target=self._listen, name="wire", daemon=True).start()

    def close(self) -> None:
        """Take no more."""
        with suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._door.accept()
                server = socket.create_connection(("127.0.0.1", self._to))
                for source, sink, counted in ((client, server, True), (server, client, False)):
                    relay = threading.Thread(target=self._relay, args=(source, sink, counted), daemon=True)
                    relay.start()

    def _relay(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 18):
                if counted:
                    with self._lock:
                        self.sent += len(data)
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


@contextmanager
def registry(folder: Path) -> Iterator[Wire | None]:
    """An empty registry behind a counter, until the end of the block; None where its program is not installed."""
    program = shutil.which(PROGRAM)
    if program is None:
        yield None
        return
    folder.mkdir()
    port = _free_port()
    config = folder / "registry.yml"
    config.write_text(_CONFIG.format(port=port, folder=folder / "data"))
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([program, "serve", str(config)], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        _await(port, process)
        wire = Wire(port)
        try:
            yield wire
        finally:
            wire.close()
    finally:
        process.terminate()
        process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def _await(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _DEADLINE
    while time.monotonic() < until and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise SystemExit(f"error: {PROGRAM} does not answer on 127.0.0.1:{port}")
