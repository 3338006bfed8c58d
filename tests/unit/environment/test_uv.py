"""uv's surroundings: an allow-list, certificates, and addresses that no other user can read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deployer.environment import PackageSources, Uv
from deployer.environment.uv import scrubbed_environment
from deployer.errors import BuildError

SECRETS = {
    "AWS_SECRET_ACCESS_KEY": "s1",
    "MLFLOW_TRACKING_PASSWORD": "s2",
    "UV_INDEX_URL": "http://s3",
    "UV_EXTRA_INDEX_URL": "http://s4",
    "PIP_INDEX_URL": "http://s5",
    "PIP_FIND_LINKS": "/s6",
    "PYTHONPATH": "/s7",
    "PYTHONDONTWRITEBYTECODE": "1",
    "API_TOKEN": "s8",
}


def program(folder: Path, text: str) -> Path:
    path = folder / "uv"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def surroundings(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_only_what_is_allowed_reaches_it(surroundings: pytest.MonkeyPatch, tmp_path: Path) -> None:
    surroundings.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    uv = Uv(program(tmp_path, 'env; echo "$@"'), tmp_path / "cache")
    sources = PackageSources(index_url="https://me:pw@last.example/simple", extra_index_urls=("https://first.example",))
    answer = uv.run(["pip", "compile"], sources=sources)
    said = dict(line.split("=", 1) for line in answer.lines if "=" in line)
    assert not set(SECRETS) & (set(said) - {"UV_INDEX_URL"})
    assert "UV_INDEX_URL" not in said
    assert said["HTTPS_PROXY"] == "http://proxy.example:3128"
    assert said["HOME"] == os.environ["HOME"]
    assert said["UV_INDEX"] == "deployer0=https://first.example"
    assert said["UV_DEFAULT_INDEX"] == "deployer1=https://last.example/simple"
    assert answer.lines[-1] == "pip compile --no-config --no-progress --color never"


def test_certificates(surroundings: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert "SSL_CERT_FILE" not in scrubbed_environment()
    surroundings.setenv("REQUESTS_CA_BUNDLE", "/requests.pem")
    assert scrubbed_environment()["SSL_CERT_FILE"] == "/requests.pem"
    surroundings.setenv("SSL_CERT_FILE", "/ssl.pem")
    surroundings.setenv("SSL_CERT_DIR", "/certs")
    assert scrubbed_environment()["SSL_CERT_FILE"] == "/ssl.pem"
    given = scrubbed_environment(PackageSources(ca_bundle=tmp_path / "own.pem"))
    assert given["SSL_CERT_FILE"] == str(tmp_path / "own.pem")
    assert "SSL_CERT_DIR" not in given


def test_a_wheelhouse_means_no_network(tmp_path: Path) -> None:
    uv = Uv(program(tmp_path, "env"), tmp_path / "cache")
    said = uv.run([], sources=PackageSources(wheelhouse=tmp_path, index_url="http://x/simple")).lines
    assert {"UV_OFFLINE=1", "UV_NO_INDEX=1"} <= set(said)
    assert not any(line.startswith(("UV_DEFAULT_INDEX", "UV_INDEX=")) for line in said)


def test_lines_come_as_they_are_said_and_without_credentials(tmp_path: Path) -> None:
    uv = Uv(program(tmp_path, "echo one >&2; echo 'see https://me:pw@x.example/'; exit 3"), tmp_path / "cache")
    seen: list[str] = []
    answer = uv.run([], on_line=seen.append)
    assert (answer.code, list(answer.lines)) == (3, seen)
    assert sorted(seen) == ["one", "see https://***@x.example/"]


def test_a_uv_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="uv cannot be started"):
        Uv(tmp_path / "nothing", tmp_path).run([])
