"""What a plan says beforehand, and how long it may take."""

from __future__ import annotations

from typing import Any

import pytest

from deployer.endpoint import Endpoint, Phase
from deployer_azureml.observe import endpoint_of
from deployer_azureml.outlook import Fleet, Outlook, outlook_of
from deployer_azureml.pacing import foretell, pace
from deployer_azureml.requests import config_of
from tests.unit.azureml.values import IDENTITY, REVISION, deployment, facts, spec

VAULT = f"https://v-1.vault.azure.net/secrets/a/{'0' * 32}"


def _outlook(serving: Fleet | None = None, **fields: Any) -> Outlook:
    wish = spec(**fields)
    return outlook_of(wish, config_of(wish), serving)


def test_quota_has_azure_s_reserve() -> None:
    found = _outlook(config={"instance_type": "Standard_DS3_v2"})
    assert found.cores == {"standardDSv2Family": 8}
    assert dict(found.lines())["quota"] == (
        "8 cores of standardDSv2Family at the peak (Azure reserves a fifth more than runs: ceil(1.2 x instances))"
    )
    assert dict(found.lines())["runs on"] == "Standard_DS3_v2 (4 vCPU, 14Gi)"


def test_old_and_new_run_beside_each_other() -> None:
    found = _outlook(Fleet("Standard_DS3_v2", 5), replicas=5, config={"instance_type": "Standard_F4s_v2"})
    assert found.cores == {"standardDSv2Family": 24, "standardFSv2Family": 24}
    found = _outlook(Fleet("Standard_DS3_v2", 2), config={"instance_type": "Standard_DS3_v2"}, replicas=3)
    assert found.cores == {"standardDSv2Family": 12 + 16}


def test_a_range_may_grow_and_some_types_have_no_reserve() -> None:
    found = _outlook(replicas={"min": 1, "max": 3}, resources={"gpu": 1, "memory": "200Gi"})
    assert found.cores == {"standardNVADSA10v5Family": 144}
    found = _outlook(config={"instance_type": "Standard_NC24ads_A100_v4"})
    assert (found.cores, found.reserved) == ({"standardNCADSA100v4Family": 24}, False)
    assert "reserves" not in dict(found.lines())["quota"]


def test_what_is_not_known() -> None:
    found = _outlook(config={"instance_type": "Standard_New_v9"})
    assert (found.cores, found.unknown) == ({}, ("Standard_New_v9",))
    assert "whose cores are not known here" in dict(found.lines())["quota"]
    assert "not known here" in found.size
    found = _outlook(Fleet("", 2), config={"compute": "aks"})
    assert (found.cores, found.unknown, found.size) == ({}, (), "the compute aks")


def test_minutes() -> None:
    assert _outlook().minutes == (7.0, 23.0)
    assert _outlook(Fleet("Standard_DS2_v2", 1)).minutes == (6.0, 20.0)
    assert _outlook(config={"no_code": True}).minutes == (12.0, 43.0)
    assert dict(_outlook().lines())["takes"] == "about 7 to 23 minutes"


def test_what_the_endpoint_s_identity_needs() -> None:
    secrets = {"A": {"ref": VAULT}, "B": {"ref": "azureml://connections/x/target"}}
    roles = _outlook(secrets=secrets).roles
    assert [where for _, where in roles] == ["the vault v-1", "the workspace"]
    assert [where for _, where in _outlook(secrets=secrets, config={"connections": True}).roles] == ["the vault v-1"]
    lines = [text for word, text in _outlook(config={"identity": [IDENTITY]}).lines() if word == "identity"]
    assert lines == [
        "the endpoint's needs AcrPull on the workspace's registry",
        "the endpoint's needs Storage Blob Data Reader on the workspace's storage account",
    ]


def test_what_serves_now_is_read_off_the_endpoint() -> None:
    seen = endpoint_of(facts(deployments=(deployment(count=5),)))
    assert "36 cores of standardDSv2Family" not in dict(foretell(spec(), None))["quota"]
    told = dict(foretell(spec(replicas=5), seen))
    assert told["quota"].startswith("24 cores of standardDSv2Family")  # 2 x ceil(1.2 x 5) x 2
    idle = Endpoint(name="iris", target="azure", phase=Phase.PENDING)
    assert dict(foretell(spec(), idle))["quota"].startswith("4 cores")
    lost = Endpoint(name="iris", target="azure", phase=Phase.HEALTHY, traffic={REVISION: 100})
    assert dict(foretell(spec(), lost))["quota"].startswith("4 cores")
    assert [*foretell(spec(resources={"cpu": 1000}), None)] == []


@pytest.mark.parametrize(
    ("config", "provision"),
    [({}, 3300.0), ({"startup": "20m"}, 3600.0), ({"no_code": True}, 5100.0)],
)
def test_how_long_it_may_take(config: dict[str, Any], provision: float) -> None:
    assert pace(spec(config=config)).provision == provision
    assert pace(None).provision == 3300.0
    assert pace(None).settle == 1800.0
