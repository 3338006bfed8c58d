"""What the target is told."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from deployer.errors import SpecError
from deployer.spec import Scope, scope_of
from deployer_azureml.clouds import CLOUDS, Cloud
from deployer_azureml.config import AzureMLConfig, AzureMLOptions
from deployer_azureml.requests import config_of
from tests.unit.azureml.values import IDENTITY, spec


def test_every_field_has_a_scope_and_words() -> None:
    for name, field in AzureMLConfig.model_fields.items():
        assert scope_of(AzureMLConfig, name) is not None, name
        assert field.description, name
    for name, field in AzureMLOptions.model_fields.items():
        assert field.description, name


@pytest.mark.parametrize(
    ("name", "scope"),
    [
        ("instance_type", Scope.REVISION), ("timeout", Scope.REVISION), ("data_capture", Scope.REVISION),
        ("no_code", Scope.REVISION), ("auth_mode", Scope.ENDPOINT), ("identity", Scope.ENDPOINT),
        ("compute", Scope.ENDPOINT), ("public", Scope.ENDPOINT), ("cooldown", Scope.ENDPOINT),
    ],
)  # fmt: skip
def test_scopes(name: str, scope: Scope) -> None:
    assert scope_of(AzureMLConfig, name) is scope


def test_defaults() -> None:
    found = config_of(spec())
    assert (found.auth_mode, found.startup, found.timeout, found.public) == ("key", 900.0, 60.0, True)
    assert AzureMLOptions().cloud == Cloud()
    assert AzureMLOptions().api_version == "2025-12-01"


@pytest.mark.parametrize(
    ("wished", "words"),
    [
        ({"instance_type": "bad type"}, "pattern"),
        ({"families": ["m5"]}, "no sizes of m5 are known; there are DSv2"),
        ({"startup": "20.5s"}, "whole seconds"),
        ({"startup": "1s"}, "10"),
        ({"timeout": "6m"}, "300"),
        ({"auth_mode": "none"}, "aml_token"),
        ({"identity": ["models"]}, "is no user-assigned identity"),
        ({"identity": [IDENTITY], "connections": True}, "Workspace Connection Secrets Reader"),
        ({"compute": "-aks"}, "pattern"),
        ({"data_capture": {"percent": 0}}, "greater than 0"),
        ({"environment_variables": {}}, "say env"),
        ({"instance_count": 2}, "say replicas"),
        ({"code_configuration": {}}, "the server of a model is ours"),
        ({"scale_settings": {}}, "replicas: {min: 1, max: 5}"),
        ({"unknown": 1}, "xtra"),
    ],
)
def test_what_is_not_usable(wished: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecError, match=words) as caught:
        config_of(spec(config=wished))
    assert (caught.value.where or "").startswith("config")
    assert caught.value.hint == "deployer targets azureml"


@pytest.mark.parametrize(
    "options",
    [
        {"subscription": "mine"}, {"workspace": "a/b"}, {"resource_group": "a/b"}, {"prefix": "/x"},
        {"repository": "Up"}, {"store": "a-b"}, {"cloud": "mars"}, {"cloud": {"manager": "http://x"}},
        {"cloud": {"blobs": "https://x"}}, {"cloud": {"login": "https://a:b@x"}}, {"api_version": "latest"},
    ],
)  # fmt: skip
def test_options_that_are_not_usable(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        AzureMLOptions(**options)


def test_clouds_by_name_and_by_address() -> None:
    assert AzureMLOptions(cloud="us-government").cloud is CLOUDS["us-government"]  # type: ignore[arg-type]
    assert AzureMLOptions(cloud="AzureChinaCloud").cloud.manager_scope == (  # type: ignore[arg-type]
        "https://management.chinacloudapi.cn/.default"
    )
    told = {
        "manager": "https://127.0.0.1:8443/", "audience": "https://management.azure.com",
        "blobs": "https://127.0.0.1:8443/{account}", "ca_bundle": "ca.pem",
    }  # fmt: skip
    found = AzureMLOptions(cloud=told).cloud  # type: ignore[arg-type]
    assert (found.manager, found.manager_scope) == ("https://127.0.0.1:8443", "https://management.azure.com/.default")
    assert found.account("teamstore") == "https://127.0.0.1:8443/teamstore"
    assert Cloud().account("teamstore") == "https://teamstore.blob.core.windows.net"
    assert CLOUDS["china"].scoring_scope == "https://ml.azure.cn/.default"
