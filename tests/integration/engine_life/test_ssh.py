"""An engine on another host, over ssh, by the real command line and a real OpenSSH server."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import pytest

from deployer_docker.client import connect, engine_address
from deployer_docker.config import DockerOptions
from deployer_docker.engine import DockerEngine
from deployer_docker.executing import run_in
from tests.conformance.images import image_on, layer_of
from tests.engine.private import PrivateEngine
from tests.integration.docker.ready import Ready
from tests.integration.engine_life.sshd import SshHost, running_sshd, why_no_sshd
from tests.plugins.docker import Image, Scope

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.xdist_group("engine-life")]


@pytest.fixture
def far(tmp_path_factory: pytest.TempPathFactory, engine: PrivateEngine, scope: Scope) -> Iterator[SshHost]:
    """The host that has the engine."""
    reason = why_no_sshd()
    if reason is not None:
        pytest.skip(reason)
    with running_sshd(tmp_path_factory.mktemp("sshd"), engine.url) as host, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{host.path}{os.pathsep}{os.environ['PATH']}")
        yield host


@pytest.fixture
def settings(far: SshHost, gateway_image: Image) -> str:
    return (
        'target = "engine"\n[targets.engine]\nkind = "docker"\nhost = "ssh://far"\n'
        f'gateway_image = "{gateway_image.reference}"\n'
    )


def test_create_ask_update_and_delete(ready: Ready, scope: Scope, far: SshHost) -> None:
    made = ready.apply("one")
    assert made.code == 0, made.err
    assert ready.ask()[0].startswith("one ")
    (ready.folder / "rows.json").write_text('{"inputs": [1]}')
    predicted = ready.run("predict", ready.name, "-i", "rows.json")
    assert (predicted.code, "one " in predicted.out + predicted.err) != (7, False), predicted
    before = far.sessions()
    assert "unchanged" in ready.apply("one").err
    assert far.sessions() - before <= 4  # not one for each request
    updated = ready.apply("two")
    assert updated.code == 0, updated.err
    assert ready.ask()[0].startswith("two ")
    logs = ready.run("logs", ready.name)
    assert 'asked "POST /v1/answer' in logs.out, logs
    assert ready.run("doctor").code == 0
    gone = ready.run("delete", ready.name, "--yes")
    assert gone.code == 0, gone.err
    assert [each for each in scope.left() if each.kind != "image"] == []


def test_an_image_is_loaded_and_saved_and_a_command_run(far: SshHost, scope: Scope, base_image: Image) -> None:
    api = connect(engine_address(DockerOptions(host="ssh://far")))
    try:
        data = os.urandom(30 * 2**20)
        archive, made = image_on(
            api.inspect_image(base_image.reference), [layer_of({"opt/weights": data})], {"Labels": {"of": scope.name}}
        )
        engine = DockerEngine(api)
        engine.load([archive])
        engine.tag(made, f"{scope.name}/loaded:1")
        with engine.save(made) as stream:
            assert sum(len(piece) for piece in iter(lambda: stream.read(1 << 20), b"")) > len(data)
        body = {"Image": made, "Entrypoint": ["sleep", "100"], "Labels": {"of": scope.name}}
        container = api.create_container_from_config(body, f"{scope.name}-runs")["Id"]
        api.start(container)
        code, out, _ = run_in(api, container, ["sha256sum", "/opt/weights"])
        assert (code, len(out.split()[0])) == (0, 64)
    finally:
        api.close()


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("ssh://stranger", r"Host key verification failed"),
        ("ssh://unwelcome", r"Permission denied \(publickey\)"),
        ("ssh://nowhere.invalid", r"Could not resolve hostname"),
    ],
)
def test_what_is_the_matter_is_told_in_a_sentence(ready: Ready, host: str, said: str) -> None:
    path = ready.folder / "deployer.toml"
    path.write_text(path.read_text().replace("ssh://far", host))
    done = ready.run("status", ready.name)
    assert done.code == 7, done
    assert re.search(said, done.err), done.err
    assert len(done.err.splitlines()) <= 4, done.err
