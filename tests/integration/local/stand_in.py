"""A stand-in for the serving runtime: standard library only, starts in 50 ms, the same options and control socket.

The file ``behaviour`` in the model's folder tells what it does: ``load-fails``, ``missing-dependency``,
``never-ready``, ``crashes`` (as soon as it is ready); by default it is ready at once, and answers every request with
its revision. A request to ``/crash`` ends it with 7.
"""

from __future__ import annotations

import argparse
import array
import contextlib
import json
import os
import select
import signal
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

if sys.platform == "win32":
    raise ImportError("the local target runs on Linux and macOS")

parser = argparse.ArgumentParser()
parser.add_argument("command")
for option in ("model", "revision", "uds", "control", "secrets", "drain", "trusted-hosts", "max-body", "timeout"):
    parser.add_argument(f"--{option}")
given, _ = parser.parse_known_args()
behaviour = (Path(given.model) / "behaviour").read_text() if (Path(given.model) / "behaviour").exists() else ""
lock = threading.Lock()
connections: set[socket.socket] = set()
subscribers: list[socket.socket] = []
standing = {"state": "loading", "accepting": False, "since": time.time()}
turn_public = os.pipe()


class Public:
    """The public listener, and the thread that accepts on it."""

    listener: socket.socket | None = None
    door = threading.Thread()


def line() -> bytes:
    status = {"revision": given.revision, "pid": os.getpid(), "connections": len(connections), **standing}
    return json.dumps(status).encode() + b"\n"


def become(state: str) -> None:
    with lock:
        standing.update(state=state, since=time.time())
        for each in subscribers:
            with contextlib.suppress(OSError):
                each.sendall(line())


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        status = 200
        if body:
            try:
                json.loads(body)
            except ValueError:
                status = 400
        self.answer(status)

    def do_GET(self) -> None:
        self.answer(200)

    def answer(self, status: int) -> None:
        if self.path == "/crash":
            os._exit(7)
        if self.path == "/secrets":
            body = json.dumps({p.name: p.read_text() for p in Path(given.secrets).iterdir()}).encode()
        elif self.path == "/environment":
            body = json.dumps(dict(os.environ)).encode()
        else:
            body = json.dumps({"predictions": [given.revision], "pid": os.getpid()}).encode()
        if self.headers.get("Deployer-Revision", given.revision) != given.revision:
            status = 421
        self.send_response(status)
        if self.headers.get("Deployer-Verify") == "1":
            self.send_header("Deployer-Parity", "equal")
        self.send_header("Deployer-Revision", given.revision)
        self.send_header("Content-Length", str(len(body)))
        if standing["state"] == "draining" or not standing["accepting"]:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


def converse(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        Handler(connection, ("", 0), None)  # type: ignore[arg-type, unused-ignore]
    with lock:
        connections.discard(connection)
    connection.close()


def door(listener: socket.socket, stop: int | None) -> None:
    while True:
        readable, _, _ = select.select([listener] + ([stop] if stop is not None else []), [], [])
        if stop in readable:
            os.read(stop, 1)
            listener.close()
            return
        with contextlib.suppress(BlockingIOError):
            connection, _ = listener.accept()
            connection.setblocking(True)
            if connection.family == socket.AF_INET:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with lock:
                connections.add(connection)
            threading.Thread(target=converse, args=(connection,), daemon=True).start()


def cease() -> None:
    if Public.listener is not None:
        os.write(turn_public[1], b"x")
        Public.door.join()  # what it has accepted by then is known
        Public.listener, standing["accepting"] = None, False


def command(connection: socket.socket) -> None:
    while True:
        data, ancillary, _, _ = connection.recvmsg(65536, socket.CMSG_SPACE(16))
        if not data:
            return
        received = array.array("i")
        for _, _, payload in ancillary:
            received.frombytes(payload)
        do = json.loads(data)["do"]
        if do == "accept":
            if standing["state"] != "ready":
                connection.sendall(b'{"ok": false, "error": "not ready"}\n')
                continue
            Public.listener = socket.socket(fileno=received[0])
            standing["accepting"] = True
            Public.door = threading.Thread(target=door, args=(Public.listener, turn_public[0]), daemon=True)
            Public.door.start()
            connection.sendall(b'{"ok": true}\n')
        elif do == "cease":
            cease()
            connection.sendall(b'{"ok": true}\n')
        elif do == "give":
            rights = (
                []
                if Public.listener is None
                else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [Public.listener.fileno()]))]
            )
            connection.sendmsg([b'{"ok": true}\n' if Public.listener else b'{"ok": false, "error": "none"}\n'], rights)
        else:
            with lock:  # so that no older line follows a newer one
                if do == "subscribe":
                    subscribers.append(connection)
                connection.sendall(line())


def listen(path: str) -> socket.socket:
    with contextlib.suppress(FileNotFoundError):
        Path(path).unlink()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(128)
    return listener


def control(listener: socket.socket) -> None:
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=command, args=(connection,), daemon=True).start()


def drain() -> None:
    cease()
    become("draining")
    until = time.monotonic() + float(given.drain)
    while connections and time.monotonic() < until:
        time.sleep(0.01)
    os._exit(0)


def event(name: str, **fields: object) -> None:
    now = time.time()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}Z"
    print(json.dumps({"time": stamp, "level": "info", "event": name, **fields}), file=sys.stderr, flush=True)


signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
threading.Thread(target=control, args=(listen(given.control),), daemon=True).start()
threading.Thread(target=door, args=(listen(given.uds), None), daemon=True).start()
event("listening", revision=given.revision)
if behaviour == "load-fails":
    event("load-failed", error_type="UnpicklingError", error="invalid load key", traceback=[], missing_module=None)
    sys.exit(1)
if behaviour == "missing-dependency":
    event(
        "load-failed", error_type="ModuleNotFoundError", error="No module named 'category_encoders'",
        traceback=[f'  File "{Path(given.model).resolve()}/code/features.py", line 7, in <module>', "    import it"],
        missing_module="category_encoders", where="code/features.py:7",
    )  # fmt: skip
    sys.exit(1)
if behaviour != "never-ready":
    become("ready")
    event("ready")
if behaviour == "crashes":
    os._exit(9)
signal.sigwait([signal.SIGTERM])
drain()
