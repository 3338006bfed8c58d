"""A ready image (``image.use``), by the real command line: deployed, updated, taken back, and told why it fails."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deployer_docker.client import connect, engine_address
from deployer_docker.config import DockerOptions
from deployer_docker.engine import DockerEngine
from tests.conformance.docker_bench import image_on, layer_of
from tests.e2e.commandline import Done, deployer
from tests.plugins.docker import Image, Scope

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SERVER = """\
import http.server, os, signal, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self, status, text):
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())
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


@pytest.fixture
def ready(
    tmp_path: Path, docker_host: str, docker_scope: Scope, base_image: Image, gateway_image: Image
) -> Iterator[Ready]:
    api = connect(engine_address(DockerOptions(host=docker_host)))
    engine, parent, images = DockerEngine(api), api.inspect_image(base_image.reference), {}
    for version in ("one", "two"):
        layer = layer_of({"opt/server.py": SERVER.replace("VERSION", version).encode()})
        config = {
            "Env": ["PATH=/usr/bin:/bin"], "Entrypoint": ["python3", "/opt/server.py"], "Cmd": [version],
            "Labels": {"io.deployer.test": docker_scope.name},
        }  # fmt: skip
        archive, made = image_on(parent, [layer], config)
        engine.load([archive])
        images[version] = f"{docker_scope.name}/ready:{version}"
        engine.tag(made, images[version])
    settings = (
        'target = "engine"\n[targets.engine]\nkind = "docker"\n'
        f'host = "{docker_host}"\ngateway_image = "{gateway_image.reference}"\n'
    )
    found = Ready(tmp_path, docker_scope, settings, images)
    yield found
    found.run("delete", found.name, "--yes", "--missing-ok")


def test_it_is_deployed_updated_and_taken_back(ready: Ready) -> None:
    made = ready.apply("one")
    assert made.code == 0, made.err
    first = ready.status()["revision"]
    assert ready.ask() == ("one 65532 None ['one'] x", first)
    assert "unchanged" in ready.apply("one").err
    updated = ready.apply("two")
    assert updated.code == 0, updated.err
    second = ready.status()["revision"]
    assert second != first
    assert ready.ask() == ("two 65532 None ['two'] x", second)
    back = ready.run("rollback", ready.name, "--yes")
    assert back.code == 0, back.err
    assert ready.ask() == ("one 65532 None ['one'] x", first)


def test_a_wrong_path_is_told_with_what_the_server_wrote(ready: Ready) -> None:
    made = ready.apply("one", ready="/nowhere")
    assert made.code == 6, made.err
    assert "(PROBE_TIMEOUT)" in made.err
    assert "GET /nowhere on port 9000" in made.err, made.err
    assert 'asked "GET /nowhere HTTP/1.1" 404' in made.err, made.err
    assert ready.run("status", ready.name).code == 3
