"""Wishes that Azure cannot meet."""

from __future__ import annotations

from typing import Any

import pytest

from deployer_azureml.configuring import fixed
from deployer_azureml.refusing import refuse
from deployer_azureml.workspace import Workspace, read_workspace, unmet_network
from tests.unit.azureml.values import IDENTITY, IMAGE, WORKSPACE, config, endpoint, spec

ROUTES = {"port": 9000, "ready": "/up", "invocations": "/x"}
VAULT = f"https://team-vault.vault.azure.net/secrets/db/{'0a' * 16}"


def test_what_is_fine() -> None:
    for fields in (
        {},
        {"labels": {"team": "risk", "cost centre": "7"}, "secrets": {"A": {"ref": VAULT}}},
        {"secrets": {"A": {"ref": "azureml://connections/x/metadata/y"}}},
        {"config": {"compute": "aks", "timeout": "5m", "limits": {"cpu": 1}}, "resources": {"cpu": 500}},
        {"config": {"no_code": True}, "replicas": {"min": 1, "max": 50, "metric": "memory", "value": 60}},
        {"image": {"use": IMAGE}, "config": {"routes": ROUTES}, "secrets": {"A": {"ref": VAULT}}},
        {"config": {"instance_type": "Standard_New_v9"}, "resources": {"cpu": 3}},
    ):
        assert [*refuse(spec(**fields))] == []


@pytest.mark.parametrize(
    ("fields", "where", "words"),
    [
        ({"secrets": {"A": {"env": "X"}}}, "secrets.A", "azureml keeps no values"),
        ({"secrets": {"A": {"ref": "arn:aws:x"}}}, "secrets.A", "leads to no secret"),
        ({"secrets": {"A": {"ref": VAULT.rpartition("/")[0]}}}, "secrets.A", "which version of it"),
        ({"secrets": {"A": {"ref": "azureml://connections/x"}}}, "secrets.A", "leads to no secret"),
        ({"env": {"A": "${{ keyvault:https://x }}"}}, "env.A", "give it in secrets"),
        ({"env": {"A": "a ${{azureml://connections/x}}"}}, "env.A", "give it in secrets"),
        ({"auth": {"api_keys": [{"env": "K"}]}}, "auth.api_keys", "config.auth_mode"),
        ({"network": {"expose": "0.0.0.0"}}, "network.expose", "Azure's own address"),
        ({"network": {"tls": {"cert": "c", "key": "k"}}}, "network.tls", "certificate"),
        ({"image": {"platform": "linux/arm64"}}, "image.platform", "linux/amd64"),
        ({"labels": {"deployer.x": "1"}}, "labels.deployer.x", "no such tag"),
        ({"labels": {"a/b": "1"}}, "labels.a/b", "no such tag"),
        ({"labels": {"microsoft-x": "1"}}, "labels.microsoft-x", "no such tag"),
        ({"labels": {"a": "x" * 257}}, "labels.a", "no such tag"),
        ({"labels": {"Team": "1", "team": "2"}}, "labels.team", "does not tell it from Team"),
        ({"labels": {f"k{n}": "v" for n in range(41)}}, "labels", "at most 40"),
        ({"labels": {f"{n}{'k' * 100}": "v" for n in range(3)}}, "labels", "longer than 256"),
        ({"config": {"command": ["x"], "routes": ROUTES}, "image": {"use": IMAGE}}, "config.command", "as it is"),
        ({"config": {"tmp": "1Gi"}}, "config.tmp", "no size"),
        ({"image": {"use": IMAGE}}, "config.routes", "where is the ready image's server asked"),
        ({"config": {"timeout": "4m"}}, "config.timeout", "after 3m"),
        ({"config": {"instance_type": "Standard_F2s_v2"}, "resources": {"memory": "8Gi"}}, "config.instance_type",
         "do not fit into Standard_F2s_v2"),
        ({"config": {"instance_type": "ml.m5.large"}}, "config.instance_type", "begin with Standard_"),
        ({"config": {"instance_type": "Standard_F2s_v2", "families": ["FSv2"]}}, "config.families", "give one of them"),
        ({"resources": {"cpu": 1000}}, "resources", "no instance type"),
        ({"config": {"limits": {"cpu": 1}}}, "config.limits", "a Kubernetes compute"),
        ({"config": {"compute": "aks", "auth_mode": "aad_token"}}, "config.auth_mode", "key, aml_token"),
        ({"config": {"compute": "aks", "public": False}}, "config.public", "cluster's"),
        ({"config": {"compute": "aks", "families": ["FSv2"]}}, "config.families", "of its own"),
        ({"config": {"no_code": True}, "image": {"base": "x"}}, "image.base", "Azure builds the image"),
        ({"config": {"no_code": True}, "image": {"weights": "mount"}}, "image.weights", "by itself"),
        ({"config": {"no_code": True}, "requirements": {"extra": ["x"]}}, "requirements", "the model itself"),
        ({"replicas": 51}, "replicas", "at most 50"),
        ({"replicas": {"min": 0, "max": 2}}, "replicas.min", "at least one"),
        ({"replicas": {"min": 1, "max": 2, "metric": "latency"}}, "replicas.metric", "cpu, memory, gpu"),
        ({"replicas": {"min": 1, "max": 2, "value": 500}}, "replicas.value", "percent"),
        ({"replicas": {"min": 1, "max": 2, "metric": "gpu"}, "config": {"compute": "aks"}}, "replicas.metric", "cpu"),
    ],
)  # fmt: skip
def test_what_is_refused(fields: dict[str, Any], where: str, words: str) -> None:
    found = dict(refuse(spec(**fields)))
    assert words in found[where]
    assert len(found) == 1


def _workspace(**network: Any) -> Workspace:
    told = {"storageAccount": "/s", "containerRegistry": "/r", "managedNetwork": network or None}
    return read_workspace({"id": WORKSPACE, "location": "westeurope", "properties": told})


def test_a_workspace() -> None:
    found = _workspace()
    assert (found.name, found.location, found.store, found.registry) == ("team", "westeurope", "/s", "/r")
    assert (found.egress, found.approved, found.provisioned, found.public) == ("", frozenset(), False, True)
    rules = {"a": {"type": "FQDN", "destination": "API.example.com"}, "b": {"type": "ServiceTag", "destination": {}}}
    found = _workspace(isolationMode="AllowOnlyApprovedOutbound", outboundRules=rules, status={"status": "Active"})
    assert (found.egress, found.approved, found.provisioned) == ("none", frozenset({"api.example.com"}), True)


@pytest.mark.parametrize(
    ("egress", "mode", "words"),
    [
        ("none", "Disabled", "--set network.egress=internet"),
        ("none", "AllowInternetOutbound", "--set network.egress=internet"),
        ("none", "AllowOnlyApprovedOutbound", ""),
        ("internet", "Disabled", ""),
        ("internet", "AllowInternetOutbound", ""),
        ("internet", "AllowOnlyApprovedOutbound", "only approved hosts"),
        (["api.example.com"], "AllowOnlyApprovedOutbound", ""),
        (["x.example.com"], "AllowOnlyApprovedOutbound", "az ml workspace outbound-rule set"),
        (["api.example.com"], "Disabled", "--set network.egress=internet"),
    ],
)
def test_what_leaves_the_network(egress: Any, mode: str, words: str) -> None:
    rules = {"a": {"type": "FQDN", "destination": "api.example.com", "status": "Active"}}
    found = dict(unmet_network(spec(network={"egress": egress}), _workspace(isolationMode=mode, outboundRules=rules)))
    assert words in found["network.egress"] if words else found == {}


def test_what_leaves_a_kubernetes_compute_is_not_known() -> None:
    assert "cluster's" in dict(unmet_network(spec(), _workspace(), kubernetes=True))["network.egress"]
    assert not dict(unmet_network(spec(network={"egress": "internet"}), _workspace(), kubernetes=True))


def test_what_is_decided_when_an_endpoint_is_made() -> None:
    assert [*fixed(endpoint(), config())] == []
    assert dict(fixed(endpoint(compute="/x/computes/aks"), config()))["config.compute"].startswith(
        "iris is on the compute aks"
    )
    assert [*fixed(endpoint(compute="/x/computes/AKS"), config(compute="aks"))] == []
    assert "one of its own" in dict(fixed(endpoint(), config(identity=[IDENTITY])))["config.identity"]
