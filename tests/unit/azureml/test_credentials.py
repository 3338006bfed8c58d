"""Who asks."""

from __future__ import annotations

import logging
import time
from collections import Counter
from typing import Any, NamedTuple

import pytest

from deployer_azureml.config import AzureMLOptions
from deployer_azureml.credentials import Credentials

ARM = "https://management.azure.com/.default"


class _Token(NamedTuple):
    token: str
    expires_on: int


class _Known:
    """What azure-identity was told, and its tokens."""

    def __init__(self, **more: Any) -> None:
        self.more = more
        self.asked: list[dict[str, Any]] = []
        self.seconds = 3600.0

    def get_token(self, *scopes: str, **options: Any) -> _Token:
        self.asked.append({"scopes": scopes, **options})
        return _Token(f"token-{len(self.asked)}", int(time.time() + self.seconds))


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[_Known]:
    identity = pytest.importorskip("azure.identity", reason="azure-identity is not installed")
    found: list[_Known] = []

    def make(**more: Any) -> _Known:
        found.append(_Known(**more))
        return found[-1]

    monkeypatch.setattr(identity, "DefaultAzureCredential", make)
    monkeypatch.delenv("AZURE_AUTHORITY_HOST", raising=False)
    return found


def _credentials(**fields: Any) -> Credentials:
    return Credentials(AzureMLOptions.model_validate(fields))


def test_a_token_is_kept_until_shortly_before_it_ends(made: list[_Known]) -> None:
    credentials = _credentials()
    assert [credentials.token(ARM), credentials.token(ARM), credentials.token("x")] == ["token-1", "token-1", "token-2"]
    credentials.forget(ARM)
    assert [credentials.token(ARM), credentials.token("x")] == ["token-1", "token-2"]
    assert len(made) == 2  # the library keeps tokens, too, so that it is asked by another
    assert Counter(scope for each in made for asked in each.asked for scope in asked["scopes"]) == {ARM: 2, "x": 1}


def test_a_token_that_is_about_to_end_is_not_kept(made: list[_Known]) -> None:
    credentials = _credentials()
    credentials.token("x")
    made[0].seconds = 299
    assert [credentials.token(ARM), credentials.token(ARM)] == ["token-2", "token-3"]


def test_claims_that_azure_asks_for_are_no_old_token_s(made: list[_Known]) -> None:
    credentials = _credentials()
    credentials.token(ARM)
    assert credentials.get_token(ARM, claims="{}").token == "token-2"


def test_the_cloud_the_directory_and_the_identity_that_are_meant(made: list[_Known]) -> None:
    _credentials(cloud="china", tenant="example.com", identity="client").token(ARM)
    assert made[0].more == {
        "authority": "https://login.chinacloudapi.cn",
        "additionally_allowed_tenants": ["example.com"],
        "managed_identity_client_id": "client",
    }
    assert made[0].asked[0]["tenant_id"] == "example.com"


def test_another_login_is_trusted_without_asking_the_public_cloud(
    made: list[_Known], monkeypatch: pytest.MonkeyPatch
) -> None:
    _credentials(cloud={"login": "https://login.example", "ca_bundle": "/ca.pem"}).token(ARM)
    assert made[0].more == {
        "authority": "https://login.example", "disable_instance_discovery": True, "connection_verify": "/ca.pem",
    }  # fmt: skip
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", "login.microsoftonline.us")
    _credentials().token(ARM)
    assert made[1].more == {}  # its own affair
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", "https://127.0.0.1:1")
    _credentials().token(ARM)
    assert made[2].more == {"disable_instance_discovery": True}


def test_its_attempts_are_no_news(made: list[_Known], capfd: pytest.CaptureFixture[str]) -> None:
    _credentials().token(ARM)
    logging.getLogger("azure.identity").warning("DefaultAzureCredential failed to retrieve a token")
    assert capfd.readouterr() == ("", "")
