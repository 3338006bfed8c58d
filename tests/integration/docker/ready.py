"""A folder with settings of an engine, and two ready images whose server is another's."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deployer_docker.engine import DockerEngine
from tests.conformance.images import image_on, layer_of
from tests.e2e.commandline import Done, deployer

if TYPE_CHECKING:
    from tests.plugins.docker import Scope

__all__ = ["SERVER", "Ready", "ready_images"]

SERVER = """\
import http.server, os, signal, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self, status, text):
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        try:
            self.wfile.write(text.encode())
        except ConnectionError:
            pass  # a health check reads the status and goes
    def do_GET(self):
        self.answer(200 if self.path == "/health" else 404, "well")
    def do_POST(self):
        asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
        told = f"VERSION {os.getuid()} {self.headers['Deployer-Revision']} {sys.argv[1:]} {asked}"
        self.answer(200 if self.path == "/v1/answer" else 404, told)
    def log_message(self, form, *args):
        print("asked", form % args, flush=True)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
http.server.ThreadingHTTPServer(("0.0.0.0", 9000), Handler).serve_forever()
"""

SPEC = """\
name: {name}
image: {{use: "{image}"}}
health: {{request: question.json, timeout: 15s, consecutive: 2}}
config:
  routes: {{port: 9000, ready: {ready}, invocations: /v1/answer}}
  drain: 2s
"""


class Ready:
    """A folder with settings and a spec, and two images that differ in what they answer."""

    def __init__(self, folder: Path, scope: Scope, settings: str, images: dict[str, str]) -> None:
        self.folder, self.name, self.images = folder, scope.name, images
        (folder / ".git").mkdir()
        (folder / "deployer.toml").write_text(settings)
        (folder / "question.json").write_text('"how?"')

    def apply(self, image: str, ready: str = "/health") -> Done:
        text = SPEC.format(name=self.name, image=self.images[image], ready=ready)
        (self.folder / "spec.yaml").write_text(text)
        return self.run("apply", "-f", "spec.yaml", "--yes")

    def run(self, *words: str) -> Done:
        return deployer(*words, cwd=self.folder, env={"XDG_CACHE_HOME": str(self.folder / "cache")}, timeout=200)

    def ask(self) -> tuple[str, str | None]:
        """What ``/invocations`` answers, and which revision."""
        url = self.status()["url"] + "/invocations"
        with urllib.request.urlopen(urllib.request.Request(url, b"x"), timeout=20) as answer:
            return answer.read().decode(), answer.headers["Deployer-Revision"]

    def status(self) -> dict[str, Any]:
        found = json.loads(self.run("status", self.name, "-o", "json").out)
        assert isinstance(found, dict)
        return found


def ready_images(api: Any, parent: str, scope: str) -> dict[str, str]:
    """Version -> the name by which the engine has it."""
    engine, found, images = DockerEngine(api), api.inspect_image(parent), {}
    for version in ("one", "two"):
        layer = layer_of({"opt/server.py": SERVER.replace("VERSION", version).encode()})
        config = {
            "Env": ["PATH=/usr/bin:/bin"], "Entrypoint": ["python3", "/opt/server.py"], "Cmd": [version],
            "Labels": {"io.deployer.test": scope},
        }  # fmt: skip
        archive, made = image_on(found, [layer], config)
        engine.load([archive])
        images[version] = f"{scope}/ready:{version}"
        engine.tag(made, images[version])
    return images
