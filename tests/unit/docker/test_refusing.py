"""Which wishes are refused."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from deployer_docker.config import DockerOptions
from deployer_docker.refusing import refuse
from tests.unit.docker.values import spec

BEYOND = {"network": {"expose": "0.0.0.0"}}
KEYS = {"auth": {"api_keys": [{"env": "KEY_A"}]}}
READY: dict[str, Any] = {"image": {"use": "vllm:1"}}
ROUTES: dict[str, Any] = {"routes": {"port": 8000, "ready": "/health", "invocations": "/v1/completions"}}
TLS = {"network": {"expose": "0.0.0.0", "tls": {"cert": "c.pem", "key": "k.pem"}}}


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({}, []),
        ({"replicas": 32, "resources": {"gpu": 1}}, []),
        ({"replicas": 33}, ["replicas"]),
        ({"replicas": {"min": 1, "max": 2}}, ["replicas"]),
        ({"secrets": {"A": {"ref": "vault/a"}}}, ["secrets.A"]),
        ({"network": {"egress": "internet"}}, []),
        ({"network": {"egress": ["example.com"]}}, ["network.egress"]),
        ({"network": {"expose": "localhost"}}, []),
        ({"network": {"expose": "everywhere"}}, ["network.expose"]),
        (BEYOND, ["network.expose"]),
        ({**BEYOND, **KEYS}, ["network.expose"]),
        (TLS, ["network.expose"]),
        ({**TLS, **KEYS}, []),
        ({**BEYOND, "config": {"insecure": True}}, []),
        ({**READY, "config": ROUTES}, []),
        ({**READY, "config": {**ROUTES, "command": ["serve"], "read_only": False}}, []),
        (READY, ["config.routes"]),
        ({**READY, **KEYS, "config": ROUTES}, ["auth.api_keys"]),
        ({**READY, "secrets": {"A": {"env": "A"}}, "config": ROUTES}, ["secrets"]),
        ({"config": ROUTES}, ["config.routes"]),
        ({"config": {"command": ["x"], "read_only": False}}, ["config.command", "config.read_only"]),
    ],
)
def test_wishes(fields: dict[str, Any], refused: list[str]) -> None:
    assert [field for field, _ in refuse(spec(**fields))] == refused


def test_the_sentence_says_what_is_missing() -> None:
    ((_, sentence),) = refuse(spec(**BEYOND))
    assert "auth.api_keys and network.tls are not given" in sentence
    assert "config.insecure: true" in sentence


@pytest.mark.parametrize(
    "options",
    [
        {"host": "ssh://a", "context": "b"},
        {"tls_cert": "c.pem"},
        {"subnets": "10.0.0.0/24"},
        {"subnets": "everything"},
        {"gateway_image": "a b"},
    ],
)
def test_options_that_make_no_sense(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DockerOptions(**options)
