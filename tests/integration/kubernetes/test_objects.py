"""What somebody sees who knows Kubernetes and not this tool, and what he made himself."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from deployer.errors import Conflict, DeployerError
from tests.integration.kubernetes.bay import deployer_on
from tests.integration.kubernetes.rights import kubeconfig_for, role

if TYPE_CHECKING:
    from tests.integration.kubernetes.bay import Bay
    from tests.plugins.cluster import Namespace

pytestmark = [pytest.mark.slow, pytest.mark.real("cluster"), pytest.mark.timeout(240)]
PASSING = {"events", "events.events.k8s.io", "endpointslices.discovery.k8s.io", "pods.metrics.k8s.io"}
"""Kinds whose objects come and go by themselves."""


def _kubectl(namespace: Namespace, *words: str, given: str | None = None, may: tuple[int, ...] = (0,)) -> str:
    command = [os.environ["DEPLOYER_TEST_KUBECTL"], "--kubeconfig", os.environ["DEPLOYER_TEST_KUBECONFIG"], *words]
    done = subprocess.run(
        [*command, "-n", namespace.name], input=given, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode in may, done.stdout + done.stderr
    return done.stdout


def _everything(namespace: Namespace) -> dict[str, list[str]]:
    """All objects of all namespaced kinds that can be listed, by kind."""
    listed = _kubectl(namespace, "api-resources", "--verbs=list", "--namespaced", "-o", "name")
    kinds = sorted(set(listed.split()) - PASSING)
    found = json.loads(
        _kubectl(namespace, "get", ",".join(kinds), "--ignore-not-found", "-o", "json") or '{"items":[]}'
    )
    names: dict[str, list[str]] = {}
    for each in found["items"]:
        names.setdefault(each["kind"], []).append(each["metadata"]["name"])
    return {kind: sorted(each) for kind, each in names.items()}


def _rendered(bay: Bay, wish: Any) -> str:
    return yaml.safe_dump_all(bay.deployer.render(wish))


def test_what_is_rendered_is_what_is_there(bay: Bay) -> None:
    """Strict validation takes it before anything is there, and afterwards ``kubectl diff`` has nothing to say."""
    wish = bay.wish("well", "one", labels={"team": "risk"}, config={"annotations": {"example.com/a": "b"}})
    documents = _rendered(bay, wish)
    said = _kubectl(bay.namespace, "apply", "--dry-run=server", "--validate=strict", "-f", "-", given=documents)
    assert said.count("created (server dry run)") == len(bay.deployer.render(wish))
    bay.deployer.apply(wish)
    server_side = ("--server-side", "--field-manager=deployer/default")
    assert _kubectl(bay.namespace, "diff", *server_side, "-f", "-", given=documents) == ""


def test_what_kubectl_shows(bay: Bay) -> None:
    revision = bay.serve()
    shown = _kubectl(bay.namespace, "get", "deployments,services,poddisruptionbudgets,networkpolicies", "-o", "name")
    assert sorted(shown.split()) == [
        "deployment.apps/iris--" + revision,
        "networkpolicy.networking.k8s.io/iris--" + revision,
        "poddisruptionbudget.policy/iris",
        "service/iris",
    ]
    by_label = "app.kubernetes.io/managed-by=deployer,app.kubernetes.io/name=iris"
    assert "iris--record" in _kubectl(bay.namespace, "get", "configmaps", "-l", by_label, "-o", "name")
    record = json.loads(_kubectl(bay.namespace, "get", "configmap", "iris--record", "-o", "json"))
    assert json.loads(record["data"]["record.json"])["traffic"] == {revision: 100}


def test_delete_leaves_nothing_of_any_kind(bay: Bay) -> None:
    before = _everything(bay.namespace)
    bay.deployer.apply(bay.wish("well", "one", replicas={"min": 1, "max": 2}, resources={"cpu": 0.02}))
    bay.deployer.apply(bay.wish("well", "two", replicas={"min": 1, "max": 2}, resources={"cpu": 0.02}))
    during = _everything(bay.namespace)
    assert set(during) > set(before)
    bay.deployer.delete(bay.name)
    assert _everything(bay.namespace) == before


def _by_hand(namespace: str, name: str) -> list[dict[str, Any]]:
    labels = {"app": "by-hand"}
    container = {
        "name": "main", "image": "registry.invalid/nothing:1",
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "runAsNonRoot": True,
                            "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
    }  # fmt: skip
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    return [
        {
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": namespace},
            "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": template},
        },
        {
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace},
            "spec": {"selector": labels, "ports": [{"port": 80}]},
        },
        {
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": f"{name}--record", "namespace": namespace}, "data": {"mine": "yes"},
        },
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["Deployment", "Service", "ConfigMap"])
def test_what_somebody_made_survives_every_command(bay: Bay, kind: str) -> None:
    made = next(each for each in _by_hand(bay.namespace.name, bay.name) if each["kind"] == kind)
    name = made["metadata"]["name"]
    before = bay.namespace.create(made)
    wish = bay.wish("well", "one")
    commands = (
        lambda: bay.deployer.create(wish),
        lambda: bay.deployer.apply(wish),
        lambda: bay.deployer.update(bay.name, replicas=2),
        lambda: bay.deployer.rollback(bay.name),
        lambda: bay.deployer.delete(bay.name),
    )
    refused = 0
    for command in commands:
        try:
            command()
        except DeployerError as error:
            refused += isinstance(error, Conflict)
    bay.deployer.gc("kubernetes", older_than=0.0)
    assert refused >= 2
    after = bay.namespace.get(made["apiVersion"], kind, name)
    assert after is not None
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    for each in (before, after):
        each["metadata"].pop("resourceVersion")
        each.pop("status", None)
        for written in each["metadata"].get("managedFields") or ():
            written.pop("time", None)
    if kind == "Deployment":  # its controller notes its own reading in an annotation
        before["metadata"].pop("managedFields"), after["metadata"].pop("managedFields")
        after["metadata"].pop("annotations", None)
    assert after == before


def test_it_logs_in_by_a_plug_in_of_its_context(bay: Bay, tmp_path: Path) -> None:
    """As every cloud's kubeconfig does: a program prints a token, here that of an account of the namespace."""
    account = yaml.safe_load(kubeconfig_for(bay.namespace, role()["rules"], tmp_path).read_text())
    token = account["users"][0]["user"]["token"]
    credential = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": token}}
    (tmp_path / "credential.json").write_text(json.dumps(credential))
    plug_in = {
        "apiVersion": "client.authentication.k8s.io/v1", "command": "cat",
        "args": [str(tmp_path / "credential.json")], "interactiveMode": "Never",
    }  # fmt: skip
    account["users"][0]["user"] = {"exec": plug_in}
    (tmp_path / "by-plug-in").write_text(yaml.safe_dump(account))
    api = deployer_on(tmp_path / "by-plug-in", bay.namespace.name)
    assert api.apply(bay.wish("well", "one")).phase.value == "healthy"
    assert api.predict(bay.name, {"inputs": "how?"})
    api.delete(bay.name)
