"""The workspace's registry: where images go, and the login that Entra ID's token becomes."""

from __future__ import annotations

import base64
from collections.abc import Generator
from typing import TYPE_CHECKING

import pytest

from deployer.errors import SpecError, TargetUnavailable
from deployer_azureml.acr import NOBODY, Acr
from tests.unit.azureml.parts import Parts, connected, rights_without

if TYPE_CHECKING:
    from deployer.testing.azureml import Double


@pytest.fixture
def double() -> Generator[Double]:
    pytest.importorskip("cryptography", reason="cryptography is not installed")
    from deployer.testing.azureml import Double, Options

    with Double(Options()) as made:
        yield made
        assert made.world.trouble == []


@pytest.fixture
def parts(double: Double, monkeypatch: pytest.MonkeyPatch) -> Parts:
    return Parts(double, connected(double, monkeypatch))


def test_images_go_to_a_repository_that_is_this_workspace_s_alone(
    parts: Parts, double: Double, monkeypatch: pytest.MonkeyPatch
) -> None:
    acr = Acr(parts.azure)
    host = double.url.removeprefix("https://")
    place = acr.place("iris")
    assert place.repository.startswith(f"{host}/deployer/ws-")
    assert place.repository.endswith("/iris")
    assert place.repository == f"{host}/{acr.name('iris')}"
    other = Acr(connected(double, monkeypatch, resource_group="rg2", registry="x.azurecr.io", repository="ml/models"))
    assert other.name("iris").startswith("ml/models/ws-")
    assert other.name("iris").rpartition("/ws-")[2] != acr.name("iris").rpartition("/ws-")[2]


def test_the_login_is_a_token_of_the_registry_s(parts: Parts) -> None:
    credentials = Acr(parts.azure).place("iris").credentials
    assert credentials is not None
    login = credentials()
    assert login.username == NOBODY
    basic = base64.b64encode(f"{login.username}:{login.password}".encode()).decode()
    answer = parts.driver.send("GET", "/v2/", None, {"Authorization": f"Basic {basic}"})
    assert answer.status == 200
    assert parts.driver.send("GET", "/v2/", None, {}).status == 401


def test_a_token_goes_to_azure_s_registries_alone(parts: Parts) -> None:
    acr = Acr(parts.azure)
    assert acr.login_to("docker.io") is None
    assert acr.login_to("azurecr.io.example.com") is None
    assert acr.login_to("shared.azurecr.io") is not None
    assert acr.login_to(acr.host) is not None


def test_another_registry_is_pushed_to_by_docker_s_own_login(double: Double, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Acr(connected(double, monkeypatch, registry="ghcr.io")).place("iris")
    assert place.repository.startswith("ghcr.io/deployer/ws-")
    assert place.credentials is None


def test_a_registry_that_takes_no_tokens_of_the_manager(parts: Parts, double: Double) -> None:
    double.fault("ExchangeToken", error="UNAUTHORIZED", status=401, times=1)
    acr = Acr(parts.azure)
    assert acr.login(acr.host).password


def test_a_registry_that_knows_nobody(parts: Parts, double: Double) -> None:
    double.fault("ExchangeToken", error="UNAUTHORIZED", status=401, times=2)
    acr = Acr(parts.azure)
    with pytest.raises(TargetUnavailable, match="CREDENTIALS") as refused:
        acr.login(acr.host)
    assert "az login" in (refused.value.hint or "")


def test_who_may_not_look_for_it_is_told_the_right(parts: Parts, double: Double) -> None:
    action = "Microsoft.ContainerRegistry/registries/read"
    double.tell("PUT", "rights", rights_without(action))
    with pytest.raises(TargetUnavailable, match=action):
        Acr(parts.azure).place("iris")


def test_a_workspace_without_one(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = parts.azure.ask

    def asked(method: str, path: str) -> object:
        found = ask(method, path)
        del found["properties"]["containerRegistry"]
        return found

    monkeypatch.setattr(parts.azure, "ask", asked)
    with pytest.raises(SpecError, match="no container registry yet") as refused:
        Acr(parts.azure).place("iris")
    assert "az ml workspace update" in (refused.value.hint or "")
