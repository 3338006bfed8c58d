"""An engine that is asked over TCP with TLS: by the target's options, Docker's variables and one of its contexts."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.engine.private import PrivateEngine
from tests.integration.docker.ready import Ready
from tests.integration.engine_life.conftest import started_engine
from tests.plugins.docker import Image

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.xdist_group("engine-life")]

PORT = 2376  # on a network that nobody else is on
URL = f"tcp://127.0.0.1:{PORT}"
NEW = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ca.pem, and of that authority the engine's server.pem and a person's cert.pem, each with its key."""
    folder = tmp_path_factory.mktemp("certificates")

    def make(name: str, key: str, *more: str) -> None:
        words = ["openssl", "req", *NEW, "-subj", f"/CN={name}", "-out", f"{name}.pem", "-keyout", key, *more]
        subprocess.run(words, cwd=folder, check=True, capture_output=True)

    signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "basicConstraints=critical,CA:false")
    make("ca", "ca.key", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    make("server", "server.key", *signed, "-addext", "subjectAltName=IP:127.0.0.1")
    make("cert", "key.pem", *signed, "-addext", "extendedKeyUsage=clientAuth")
    return folder


@pytest.fixture(scope="module")
def engine(certificates: Path, base_image: Image, gateway_image: Image) -> Iterator[PrivateEngine]:
    """An engine that lets in whoever has a certificate of that authority."""
    tls = {"cacert": "ca.pem", "cert": "server.pem", "key": "server.key"}
    files = [f"--tls{name}={certificates / file}" for name, file in tls.items()]
    with started_engine((base_image, gateway_image), f"--host={URL}", "--tlsverify", *files) as made:
        yield made


def _by_options(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    return "".join(
        f'{name} = "{value}"\n'
        for name, value in {
            "host": URL, "tls_ca": folder / "ca.pem", "tls_cert": folder / "cert.pem", "tls_key": folder / "key.pem",
        }.items()
    )  # fmt: skip


def _by_variables(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("DOCKER_HOST", URL)
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.setenv("DOCKER_CERT_PATH", str(folder))
    return ""


def _by_context(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    there = f"host={URL},ca={folder}/ca.pem,cert={folder}/cert.pem,key={folder}/key.pem"
    subprocess.run(["docker", "context", "create", "far", "--docker", there], check=True, capture_output=True)
    return 'context = "far"\n'


@pytest.fixture(
    params=[_by_options, _by_variables, pytest.param(_by_context, marks=pytest.mark.exhaustive)],
    ids=["options", "variables", "context"],
)
def settings(
    request: pytest.FixtureRequest, certificates: Path, gateway_image: Image, monkeypatch: pytest.MonkeyPatch
) -> str:
    named: Callable[[Path, pytest.MonkeyPatch], str] = request.param
    return (
        f'target = "engine"\n[targets.engine]\nkind = "docker"\ngateway_image = "{gateway_image.reference}"\n'
        + named(certificates, monkeypatch)
    )


def test_create_and_delete(ready: Ready, monkeypatch: pytest.MonkeyPatch) -> None:
    made = ready.apply("one")
    assert made.code == 0, made.err
    assert ready.ask()[0].startswith("one ")
    assert "unchanged" in ready.apply("one").err
    logs = ready.run("logs", ready.name)
    assert 'asked "POST /v1/answer' in logs.out, logs
    gone = ready.run("delete", ready.name, "--yes")
    assert gone.code == 0, gone.err
    if "DOCKER_CERT_PATH" in os.environ:
        monkeypatch.delenv("DOCKER_TLS_VERIFY")
        plain = ready.run("status", ready.name)
        assert (plain.code, "without TLS" in plain.err) == (2, True), plain


@pytest.mark.parametrize("settings", [_by_options], indirect=True, ids=["options"])
@pytest.mark.parametrize(
    ("lines", "said"),
    [(("tls_cert", "tls_key"), "it wants a certificate"), (("tls_ca",), "of no authority that is known here")],
    ids=["no certificate of one's own", "an authority that nobody knows"],
)
def test_who_is_not_known_is_told_so(ready: Ready, lines: tuple[str, ...], said: str) -> None:
    path = ready.folder / "deployer.toml"
    kept = [each for each in path.read_text().splitlines() if not each.startswith(lines)]
    path.write_text("\n".join(kept) + "\n")
    done = ready.run("status", ready.name)
    assert (done.code, said in done.err) == (7, True), done
    assert len(done.err.splitlines()) <= 4, done.err
