"""Which addresses are asked, by which version."""

from __future__ import annotations

from typing import Any

import pytest

from deployer_azureml.addresses import address_of, below, in_manager, version_of
from deployer_azureml.clouds import CLOUDS, Cloud
from deployer_azureml.config import API, AzureMLOptions
from tests.unit.azureml.values import WORKSPACE

GROUP = WORKSPACE.partition("/providers")[0]


def _options(**fields: Any) -> AzureMLOptions:
    return AzureMLOptions.model_validate(fields)


def test_what_is_below_the_workspace_is_asked_there_by_the_workspace_s_version() -> None:
    found = address_of("onlineEndpoints/iris", WORKSPACE, _options())
    assert found == f"https://management.azure.com{WORKSPACE}/onlineEndpoints/iris?api-version={API}"


def test_what_azure_told_stays_as_it_is() -> None:
    address = "https://management.azure.com/x/mfeOperationsStatus/oeidp:1?api-version=2022-02-01-preview&h=1"
    assert address_of(address, WORKSPACE, _options()) == address.replace("oeidp:1", "oeidp:1")
    assert address_of("x?a=b c", WORKSPACE, _options()).endswith(f"/x?a=b+c&api-version={API}")


def test_a_manager_may_have_a_path() -> None:
    options = _options(cloud={"manager": "https://azure.example/arm/"})
    assert address_of(GROUP, "", options).startswith(f"https://azure.example/arm{GROUP}?")


@pytest.mark.parametrize(
    ("path", "version"),
    [
        (f"{WORKSPACE}/onlineEndpoints", "2023-04-01"),
        (f"{GROUP}/providers/microsoft.insights/autoscalesettings", "2022-10-01"),
        (f"{WORKSPACE}/providers/Microsoft.Insights/metrics", "2024-02-01"),
        (f"{WORKSPACE}/providers/Microsoft.Authorization/permissions", "2022-04-01"),
        (f"{GROUP}/providers/Microsoft.ContainerRegistry/registries/x", "2023-07-01"),
        ("/subscriptions/x/providers/Microsoft.MachineLearningServices", "2021-04-01"),
        ("/subscriptions/x/providers/Microsoft.MachineLearningServices/locations/y/usages", "2023-04-01"),
    ],
)
def test_each_provider_has_versions_of_its_own(path: str, version: str) -> None:
    assert version_of(path, _options(api_version="2023-04-01")) == version


@pytest.mark.parametrize(
    ("url", "inside"),
    [
        ("https://management.azure.com/x", True),
        ("https://MANAGEMENT.azure.com/x", True),
        ("https://westeurope.management.azure.com/x", True),
        ("http://management.azure.com/x", False),
        ("https://management.azure.com.evil.example/x", False),
        ("https://evilmanagement.azure.com/x", False),
        ("https://management.azure.com:8443/x", False),
        ("https://a@management.azure.com/x", False),
        ("https://evil.example\\.management.azure.com/x", False),
        ("https://evil.example%2f.management.azure.com/x", False),
        ("https://evil.example .management.azure.com/x", False),
        ("https://management.chinacloudapi.cn/x", False),
    ],
)
def test_a_token_goes_to_the_manager_alone(url: str, inside: bool) -> None:
    assert in_manager(url, Cloud()) is inside
    assert in_manager("https://management.chinacloudapi.cn/x", CLOUDS["china"])


def test_people_read_what_is_below_the_workspace() -> None:
    assert below(f"https://management.azure.com{WORKSPACE.upper()}/onlineEndpoints/Iris?x=1", WORKSPACE) == (
        "onlineEndpoints/Iris"
    )
    assert below(f"{WORKSPACE}/onlineEndpoints/iris", WORKSPACE) == "onlineEndpoints/iris"
    assert below("https://store.example/c/records/iris.json?sig=secret", WORKSPACE) == "/c/records/iris.json"
