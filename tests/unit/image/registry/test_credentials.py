"""Docker's credentials, with a real helper program."""

from __future__ import annotations

import base64
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from deployer.errors import TargetUnavailable
from deployer.image.reference import DOCKER_HUB
from deployer.image.registry.credentials import DockerCredentials, Login

HELPER = """\
#!{python}
import sys, json
server = sys.stdin.read()
answers = {answers!r}
if server in answers:
    user, secret = answers[server]
    print(json.dumps(dict(ServerURL=server, Username=user, Secret=secret)))
else:
    print({otherwise!r})
    sys.exit(1)
"""
posix = pytest.mark.skipif(sys.platform == "win32", reason="the helper is a script with #!")


class Place:
    """A folder with a configuration and helpers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def configured(self, **settings: Any) -> DockerCredentials:
        (self.folder / "config.json").write_text(json.dumps(settings))
        path = os.pathsep.join([str(self.folder), os.environ["PATH"]])
        return DockerCredentials({"DOCKER_CONFIG": str(self.folder), "PATH": path})

    def helper(self, name: str, answers: dict[str, tuple[str, str]], otherwise: str) -> None:
        program = self.folder / f"docker-credential-{name}"
        program.write_text(HELPER.format(python=sys.executable, answers=answers, otherwise=otherwise))
        program.chmod(0o700)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    return Place(tmp_path)


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_no_configuration_is_no_login(tmp_path: Path) -> None:
    assert DockerCredentials({"DOCKER_CONFIG": str(tmp_path)}).find("localhost:5000") is None


@pytest.mark.parametrize("key", ["r.example.com", "https://r.example.com", "https://r.example.com/v1/"])
def test_inline_logins_under_the_names_that_docker_wrote_over_time(place: Place, key: str) -> None:
    found = place.configured(auths={key: {"auth": encoded("ann:pass:word")}}).find("r.example.com")
    assert found == Login("ann", "pass:word")
    assert "pass" not in repr(found)


def test_docker_hub_has_a_name_of_its_own(place: Place) -> None:
    settings = {"https://index.docker.io/v1/": {"auth": encoded("ann:x")}}
    assert place.configured(auths=settings).find(DOCKER_HUB) == Login("ann", "x")
    assert place.configured(auths=settings).find("docker.example.com") is None


def test_tokens_instead_of_passwords(place: Place) -> None:
    settings = {"a.io": {"auth": encoded("ann:"), "identitytoken": "i"}, "b.io": {"registrytoken": "r"}}
    credentials = place.configured(auths=settings)
    assert credentials.find("a.io") == Login("ann", identity_token="i")
    assert credentials.find("b.io") == Login(registry_token="r")


@posix
def test_a_registry_s_helper_goes_before_the_store_and_the_store_before_the_file(place: Place) -> None:
    place.helper("own", {"a.io": ("ann", "of own")}, "credentials not found in native keychain")
    place.helper("all", {"b.io": ("bob", "of all")}, "credentials not found in native keychain")
    credentials = place.configured(
        credHelpers={"a.io": "own"},
        credsStore="all",
        auths={name: {"auth": encoded("carol:inline")} for name in ("a.io", "b.io", "c.io")},
    )
    assert [credentials.find(name) for name in ("a.io", "b.io", "c.io", "d.io")] == [
        Login("ann", "of own"),
        Login("bob", "of all"),
        Login("carol", "inline"),
        None,
    ]
    assert credentials.trouble is None


@posix
def test_a_helper_may_give_an_identity_token(place: Place) -> None:
    place.helper("all", {"https://index.docker.io/v1/": ("<token>", "t")}, "")
    assert place.configured(credsStore="all").find(DOCKER_HUB) == Login(identity_token="t")


@posix
def test_why_a_helper_was_no_use(place: Place) -> None:
    place.helper("locked", {}, "the keychain is locked")
    credentials = place.configured(credsStore="locked")
    assert credentials.find("a.io") is None
    assert credentials.trouble == "docker-credential-locked failed: the keychain is locked"
    credentials = place.configured(credsStore="none")
    assert credentials.find("a.io") is None
    assert "docker-credential-none" in str(credentials.trouble)
    credentials = place.configured(credsStore="../evil")
    assert credentials.find("a.io") is None
    assert "no name of a credential helper" in str(credentials.trouble)


def test_a_configuration_that_cannot_be_read(place: Place) -> None:
    credentials = place.configured()
    credentials.file.write_text("{")
    with pytest.raises(TargetUnavailable, match="not JSON") as caught:
        credentials.find("a.io")
    assert caught.value.where == str(credentials.file)
    credentials.file.write_text('{"auths": {"a.io": {"auth": "%%%"}}}')
    assert credentials.find("a.io") is None
    assert "cannot be read" in str(credentials.trouble)
