"""The login that the nodes are given: of the images' own registries alone, and what is stored where none is here."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from deployer.errors import SpecError
from deployer_kubernetes.config import KubernetesOptions
from deployer_kubernetes.pulling import logins_for, pull_secret
from deployer_kubernetes.rendering import documents, left_out
from deployer_kubernetes.requests import pull_secrets
from deployer_kubernetes.staging import shape_of
from tests.unit.kubernetes.values import release, spec

ONE, OTHER = "one.example.com/a@sha256:1", "other.example.com/b@sha256:2"
KNOWN = {"one.example.com": {"auth": "b25l"}, "else.example.com": {"auth": "ZWxzZQ=="}}
DOCKER = {"pull_login": "docker"}


def find(reference: str) -> tuple[str, dict[str, str]]:
    server = reference.partition("/")[0]
    return server, KNOWN.get(server, {})


def test_only_the_registries_of_its_images_are_told() -> None:
    assert logins_for(ONE, [ONE], {}, find) == {"one.example.com": {"auth": "b25l"}}
    stored = {
        "other.example.com": {"auth": "b2xk"},
        "gone.example.com": {"auth": "eA=="},
        "one.example.com": {"auth": "old"},
    }
    assert logins_for(ONE, [OTHER], stored, find) == {
        "one.example.com": {"auth": "b25l"}, "other.example.com": {"auth": "b2xk"},
    }  # fmt: skip
    assert logins_for(OTHER, [], stored, find) == {"other.example.com": {"auth": "b2xk"}}


def test_an_image_without_any_login_is_said_before_a_pod_waits_for_it() -> None:
    with pytest.raises(SpecError, match=r"no login for other\.example\.com") as told:
        logins_for(OTHER, [ONE], {}, find)
    assert told.value.hint == "docker login other.example.com, or leave config.pull_login out"


def test_the_secret_is_what_the_kubelet_reads() -> None:
    made = pull_secret("iris", "team", KNOWN)
    assert (made["type"], made["metadata"]["name"]) == ("kubernetes.io/dockerconfigjson", "iris--pull")
    assert json.loads(base64.b64decode(made["data"][".dockerconfigjson"])) == {"auths": KNOWN}


def test_it_is_rendered_by_its_name_alone_and_that_is_said() -> None:
    """An empty login, applied, would take the place of the one that the nodes pull with."""
    shown: list[dict[str, Any]] = [*documents(spec(config=DOCKER), release(), KubernetesOptions(), "team")]
    assert [each for each in shown if each["kind"] == "Secret"] == []
    (said,) = left_out(spec(config=DOCKER), release())
    assert "Secret iris--pull is not printed" in said
    assert [*left_out(spec(), release())] == []
    pod = next(each for each in shown if each["kind"] == "Deployment")["spec"]["template"]["spec"]
    assert pod["imagePullSecrets"] == [{"name": "iris--pull"}]


def test_it_stands_beside_those_that_are_named_and_makes_another_shape() -> None:
    assert pull_secrets(spec(config={**DOCKER, "pull_secrets": ["mine"]})) == [{"name": "mine"}, {"name": "iris--pull"}]
    assert pull_secrets(spec()) == []
    assert shape_of(spec(config=DOCKER)) != shape_of(spec())
