"""Docker's logins as entries of ``auths``, for whoever pulls elsewhere."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from deployer.image.logins import docker_login
from deployer.image.registry.credentials import DockerCredentials

PLAIN = base64.b64encode(b"ada:secret:word").decode()
HUB = "https://index.docker.io/v1/"


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("registry.example.com/ml/iris@sha256:" + "a" * 64, ("registry.example.com", {"auth": PLAIN})),
        ("localhost:5000/iris:1", ("localhost:5000", {"identitytoken": "refresh", "username": "ada"})),
        ("token.example.com/iris", ("token.example.com", {"registrytoken": "access"})),
        ("unknown.example.com/iris", ("unknown.example.com", {})),
        ("haproxy:2.8", (HUB, {"auth": PLAIN})),
    ],
)
def test_each_registry_s_own(tmp_path: Path, reference: str, expected: object) -> None:
    auths = {
        "registry.example.com": {"auth": PLAIN}, HUB: {"auth": PLAIN},
        "localhost:5000": {"auth": base64.b64encode(b"ada:").decode(), "identitytoken": "refresh"},
        "https://token.example.com": {"registrytoken": "access"},
    }  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps({"auths": auths}))
    assert docker_login(reference, DockerCredentials({"DOCKER_CONFIG": str(tmp_path)})) == expected
