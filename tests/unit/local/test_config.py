"""What the target is told, what it refuses, and what it makes of a spec."""

from __future__ import annotations

from typing import Any

import pytest

import deployer_local
from deployer.errors import SpecError
from deployer.spec import DeploymentSpec, Scope, scope_of
from deployer_local.config import LocalConfig, refuse
from deployer_local.desired import Desired
from deployer_local.requests import artifacts_of, config_of, settings_of, wanted_of
from tests.unit.local.values import release


def _spec(**fields: Any) -> DeploymentSpec:
    return DeploymentSpec(name="iris", model="m", **fields)


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({}, []),
        ({"replicas": {"min": 1, "max": 3}}, ["replicas"]),
        ({"resources": {"cpu": 1, "memory": "1Gi", "gpu": 1}}, ["resources.cpu", "resources.memory", "resources.gpu"]),
        ({"image": {"base": "x", "packages": ["y"], "weights": "embed"}}, ["image.base", "image.packages"]),
        ({"auth": {"api_keys": [{"env": "K"}]}}, ["auth.api_keys"]),
        ({"network": {"expose": "0.0.0.0", "tls": {"cert": "c", "key": "k"}}}, ["network.expose", "network.tls"]),
        ({"network": {"expose": "loopback", "egress": "none"}}, []),
        ({"network": {"egress": "internet"}}, ["network.egress"]),
        ({"rollout": {"strategy": "canary"}}, ["rollout.strategy"]),
        ({"rollout": {"strategy": "recreate"}}, []),
        ({"secrets": {"A": {"env": "A"}}}, []),
        ({"secrets": {"A": {"ref": "arn:x"}}}, ["secrets.A"]),
    ],
)
def test_what_it_cannot_meet_is_refused_by_name(fields: dict[str, Any], refused: list[str]) -> None:
    found = list(refuse(_spec(**fields)))
    assert [field for field, _ in found] == refused
    assert all(sentence[0].islower() and not sentence.endswith((".", "!")) for _, sentence in found)


def test_each_option_has_a_scope() -> None:
    scopes = {name: scope_of(LocalConfig, name) for name in LocalConfig.model_fields}
    assert None not in scopes.values()
    assert scopes["port"] is Scope.ENDPOINT
    assert scopes["threads"] is Scope.REVISION


@pytest.mark.parametrize(
    ("config", "where", "words"),
    [
        ({"prot": 1}, "config.prot", "extra inputs"),
        ({"port": 0}, "config.port", "greater than"),
        ({"host": "0.0.0.0"}, "config.host", "no loopback address"),
        ({"host": "example.com"}, "config.host", "no loopback address"),
    ],
)
def test_an_option_that_is_not_usable_is_a_spec_error(config: dict[str, Any], where: str, words: str) -> None:
    with pytest.raises(SpecError, match=words) as caught:
        config_of(_spec(config=config))
    assert caught.value.where == where


def test_localhost_and_ipv6_are_loopback() -> None:
    assert config_of(_spec(config={"host": "localhost"})).host == "127.0.0.1"
    assert config_of(_spec(config={"host": "::1"})).host == "::1"


def test_a_port_that_was_chosen_is_kept() -> None:
    assert settings_of(_spec(), 8321).port == 8321
    assert settings_of(_spec(config={"port": 9000}), 8321).port == 9000
    assert settings_of(_spec(labels={"team": "risk"}), None).labels == {"team": "risk"}


def test_a_revision_as_its_workers_are_started() -> None:
    spec = _spec(
        replicas=2, env={"LOG_LEVEL": "info"}, config={"threads": 2, "timeout": "5s", "max_body": "1Mi"},
        health={"tolerance": 1e-6},
    )  # fmt: skip
    found = wanted_of(spec, release(secrets={"TOKEN": 3}), now=12.5, serial=9)
    assert found.artifacts() == artifacts_of(release())
    assert found.python == f"environments/{'a' * 16}/bin/python"
    assert found.arguments == (
        "--timeout", "5", "--max-body", "1048576", "--tolerance", "1e-06",
        "--trusted-hosts", "localhost,127.0.0.1,::1", "--threads", "2",
    )  # fmt: skip
    assert (found.replicas, found.environment, found.secrets) == (2, {"LOG_LEVEL": "info"}, {"TOKEN": 3})


def test_what_is_written_is_read_back() -> None:
    from tests.unit.local.values import desired

    assert Desired.model_validate_json(desired().model_dump_json()) == desired()


def test_the_kind_is_light_and_refuses_windows() -> None:
    kind = deployer_local.kind
    assert (kind.name, kind.delivers, kind.requires, kind.extra) == ("local", "environment", (), None)
