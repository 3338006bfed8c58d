"""Which cluster is meant: a kubeconfig's, or that of the pod that this runs in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes.config import incluster_config, kube_config

from deployer.errors import SpecError
from deployer_kubernetes import client
from deployer_kubernetes.client import connect
from deployer_kubernetes.config import KubernetesOptions

CONFIG = {
    "apiVersion": "v1", "kind": "Config", "current-context": "one",
    "clusters": [{"name": "c", "cluster": {"server": "https://c.example.com"}}],
    "users": [{"name": "u", "user": {"token": "t"}}],
    "contexts": [
        {"name": "one", "context": {"cluster": "c", "user": "u"}},
        {"name": "two", "context": {"cluster": "c", "user": "u", "namespace": "ml"}},
    ],
}  # fmt: skip


@pytest.fixture
def pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files and variables that a pod of the namespace ``jobs`` finds; no kubeconfig."""
    for name, text in (("token", "of-the-pod"), ("namespace", "jobs\n"), ("ca.crt", "an authority")):
        (tmp_path / name).write_text(text)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "none"))
    monkeypatch.setattr(client, "_NAMESPACE", tmp_path / "namespace")
    loader: Any = incluster_config.InClusterConfigLoader

    def load(client_configuration: object) -> None:
        files = {"token_filename": str(tmp_path / "token"), "cert_filename": str(tmp_path / "ca.crt")}
        loader(**files).load_and_set(client_configuration)

    monkeypatch.setattr("kubernetes.config.load_incluster_config", load)
    monkeypatch.setattr("kubernetes.client.ApiClient", lambda _settings: _Client())
    return tmp_path


class _Client:
    class rest_client:  # noqa: N801 - an attribute of the client's
        pool_manager = None


def test_in_a_pod_it_is_that_pod_s_account_and_namespace(pod: Path) -> None:
    found = connect(KubernetesOptions())
    assert (found.address, found.namespace, found.inside) == ("https://10.96.0.1:443", "jobs", True)
    assert found.headers()["Authorization"].lower() == "bearer of-the-pod"


def test_of_another_namespace_its_services_may_not_let_it_in(pod: Path) -> None:
    found = connect(KubernetesOptions(namespace="models"))
    assert (found.namespace, found.inside) == ("models", False)


def test_a_kubeconfig_comes_first(pod: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (pod / "config").write_text(yaml.safe_dump(CONFIG))
    monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(pod / "config"))
    found = connect(KubernetesOptions())
    assert (found.address, found.namespace, found.inside) == ("https://c.example.com", "default", False)
    assert connect(KubernetesOptions(context="two")).namespace == "ml"
    assert connect(KubernetesOptions(context="two", namespace="x")).namespace == "x"


def test_what_is_named_and_not_there_is_not_replaced_by_the_pod_s(pod: Path) -> None:
    with pytest.raises(SpecError, match="no cluster is named"):
        connect(KubernetesOptions(context="two"))
    with pytest.raises(SpecError, match="no cluster is named"):
        connect(KubernetesOptions(kubeconfig=pod / "none"))
