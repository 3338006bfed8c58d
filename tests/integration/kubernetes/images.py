"""Ready images whose server does what its first argument says; pushed by the registry's API alone."""

from __future__ import annotations

import hashlib
import io
import struct
import tarfile
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deployer.value import JSON, canonical
from tests.conformance.images import layer_of
from tests.conformance.registry_images import MANIFEST, Repository, layers_of

if TYPE_CHECKING:
    from tests.plugins.docker import Image

__all__ = ["PORT", "ReadyImages", "ready_images"]

PORT = 9000
REPOSITORY = "deployer-test/ready"

_SERVER = """\
import http.server, json, os, signal, socketserver, sys, threading, time
mode, told = sys.argv[1], sys.argv[2:]
if mode == "exit":
    print("cannot open /data/features.bin", flush=True)
    sys.exit(3)
if mode == "eat":
    held = []
    while True:
        held.append(bytes(range(256)) * 65536)  # 16 MiB, each page of it written
draining, asked = threading.Event(), threading.local()
busy, lock = set(), threading.Lock()
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self, status, text):
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        if draining.is_set():
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)
    def do_GET(self):
        self.answer(200 if self.path == "/health" and mode != "deaf" else 404, "well")
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        until = time.thread_time() + WORK
        while time.thread_time() < until:
            pass
        self.answer(200 if self.path == "/v1/answer" else 404, json.dumps({"told": told, "by": os.uname().nodename}))
    def log_message(self, form, *args):
        if mode == "deaf":
            print("asked", form % args, flush=True)
WORK = float(told[1]) if len(told) > 1 else 0.0
http.server.ThreadingHTTPServer.request_queue_size = 128
server = http.server.ThreadingHTTPServer(("0.0.0.0", 9000), Handler)
server.daemon_threads = True
def drain(*_):
    draining.set()
    threading.Timer(2, os._exit, (0,)).start()
signal.signal(signal.SIGTERM, drain)
server.serve_forever()
"""
"""``well WORD [SECONDS]`` answers, after so many seconds of work; ``deaf`` is never ready; ``exit``; ``eat`` memory."""


@dataclass(frozen=True)
class ReadyImages:
    """Their exact names.

    Attributes:
        good: Runs here.
        strange: Says that it is for this machine, and its programs are for another one.
        foreign: For linux/arm64 alone.
        bare: Has no program at all.
    """

    good: str
    strange: str
    foreign: str
    bare: str


def ready_images(base: Image) -> ReadyImages:
    """Have them in the registry of the base image."""
    host, _, name = base.reference.partition("/")
    repository = Repository(host, REPOSITORY)
    here = layers_of(base)
    for described, _ in here:
        repository.mount(described["digest"], name.partition(":")[0])
    server = repository.add(layer_of({"opt/server.py": _SERVER.encode()}))
    config: dict[str, JSON] = {
        "Env": ["PATH=/usr/bin:/bin", "PYTHONUNBUFFERED=1"], "Entrypoint": ["python3", "/opt/server.py"],
        "Cmd": ["well", "one"],
    }  # fmt: skip
    strange = repository.add(_executable("opt/strange", _ARM64))
    good = repository.make([*here, server], config)[0]
    return ReadyImages(
        good=good,
        strange=repository.make([*here, strange], {**config, "Entrypoint": ["/opt/strange"]})[0],
        foreign=f"{host}/{REPOSITORY}@{_index(host, good.partition('@')[2])}",
        bare=repository.make([server], {**config, "Entrypoint": ["/opt/none"], "Cmd": []})[0],
    )


_ARM64 = struct.pack("<4sBBBB8xHHIQQQIHHHHHH", b"\x7fELF", 2, 1, 1, 0, 2, 183, 1, 0, 64, 0, 0, 64, 56, 0, 0, 0, 0)
"""The header of a program for arm64 (ELF, e_machine 183), which is all that the kernel looks at before it refuses."""


def _executable(path: str, data: bytes) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        entry = tarfile.TarInfo(path)
        entry.size, entry.mode = len(data), 0o755
        tar.addfile(entry, io.BytesIO(data))
    return stream.getvalue()


def _index(host: str, manifest: str) -> str:
    """Have an index that offers a manifest for arm64 alone: its digest."""
    media = "application/vnd.docker.distribution.manifest.list.v2+json"
    found = urllib.request.Request(f"http://{host}/v2/{REPOSITORY}/manifests/{manifest}", headers={"Accept": MANIFEST})
    with _OPENER.open(found, timeout=30) as answer:
        size = len(answer.read())
    described = {"mediaType": MANIFEST, "size": size, "digest": manifest}
    platform = {"architecture": "arm64", "os": "linux"}
    document = canonical({"schemaVersion": 2, "mediaType": media, "manifests": [{**described, "platform": platform}]})
    digest = f"sha256:{hashlib.sha256(document).hexdigest()}"
    put = urllib.request.Request(
        f"http://{host}/v2/{REPOSITORY}/manifests/{digest}", document, {"Content-Type": media}, method="PUT"
    )
    _OPENER.open(put, timeout=30).close()
    return digest


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
