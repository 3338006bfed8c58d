"""What somebody sees who knows Kubernetes and not this tool, and what he made himself."""

from __future__ import annotations

import json
import os
import subprocess
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from deployer import DeploymentSpec
from deployer.errors import Conflict, DeployerError
from deployer_kubernetes.marks import Marks, Role
from tests.e2e.commandline import deployer
from tests.integration.kubernetes import theirs
from tests.integration.kubernetes.bay import ROUTES, deployer_on
from tests.integration.kubernetes.rights import kubeconfig_for, role, without

if TYPE_CHECKING:
    from tests.integration.kubernetes.bay import Bay
    from tests.plugins.cluster import Namespace
    from tests.plugins.docker import Image

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
    # Kinds of KEDA's and KServe's come and go with the tests of these.
    kinds = sorted(each for each in set(listed.split()) - PASSING if not each.endswith((".keda.sh", ".kserve.io")))
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


def test_a_gateway_s_addresses_are_rendered_once_the_cluster_has_given_them(bay: Bay, gateway_image: Image) -> None:
    wish = bay.wish("well", "one", config={"gateway": "own", "gateway_image": gateway_image.reference})
    (said,) = bay.deployer.unrendered(wish)
    assert "printed without the address of the Service iris--r" in said
    before = _rendered(bay, wish)
    dry = ("apply", "--dry-run=server", "--validate=strict", "-f", "-")
    assert _kubectl(bay.namespace, *dry, given=before).count("(server dry run)") == len(bay.deployer.render(wish))
    bay.deployer.apply(wish)
    after = _rendered(bay, wish)
    assert bay.deployer.unrendered(wish) == ()
    assert after != before
    server_side = ("--server-side", "--field-manager=deployer/default")
    assert _kubectl(bay.namespace, "diff", *server_side, "-f", "-", given=after) == ""


def test_what_is_not_printed_is_said_on_stderr(bay: Bay, tmp_path: Path) -> None:
    (tmp_path / "deployer.toml").write_text(
        f'[targets.cluster]\nkind = "kubernetes"\nnamespace = "{bay.namespace.name}"\n'
    )
    config = {"routes": ROUTES, "gateway": "own", "pull_login": "docker"}
    wish = {"name": "iris", "target": "cluster", "image": {"use": bay.images.good}, "config": config}
    (tmp_path / "iris.yaml").write_text(yaml.safe_dump(wish))
    done = deployer("render", "-f", "iris.yaml", "-o", "json", cwd=tmp_path)
    assert done.code == 0, done.err
    shown = json.loads(done.out)
    assert [each for each in shown if each["kind"] == "Secret"] == []
    for words in ("iris--pull is not printed", "without the address of the Service iris--r"):
        assert words in done.err
    assert _kubectl(bay.namespace, "get", "all", "-o", "name") == ""


def _begun(bay: Bay) -> float:
    (found,) = bay.endpoint().revisions
    assert found.since is not None
    return found.since


def _made(thing: Any) -> float:
    return datetime.fromisoformat(thing["metadata"]["creationTimestamp"]).timestamp()


def test_a_revision_s_age_is_its_own_and_not_that_of_its_pods(bay: Bay) -> None:
    revision = bay.serve()
    since = _made(bay.namespace.get("apps/v1", "Deployment", f"iris--{revision}"))
    assert _begun(bay) == since
    before = bay.pods()
    _kubectl(bay.namespace, "delete", "pods", "-l", "deployer.io/endpoint=iris", "--wait=false")
    deadline = time.monotonic() + 60
    while bay.endpoint().phase.value != "healthy" or {uid for uid, _ in bay.pods()} & {uid for uid, _ in before}:
        assert time.monotonic() < deadline, bay.endpoint()
        time.sleep(0.2)
    assert max(map(_made, bay.namespace.all("v1", "Pod"))) > since
    assert _begun(bay) == since


def test_an_adopted_revision_is_as_old_as_its_template(bay: Bay) -> None:
    theirs.made(bay)
    (first,) = bay.namespace.all("apps/v1", "ReplicaSet")
    time.sleep(max(0.0, _made(first) + 1.1 - time.time()))  # times of a cluster are seconds
    _kubectl(bay.namespace, "set", "env", "deployment/web-of-theirs", "GREETING=again")
    _kubectl(bay.namespace, "rollout", "status", "deployment/web-of-theirs", "--timeout=60s")
    deadline = time.monotonic() + 60
    while len(bay.pods()) != 2:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    question = bay.folder / "question.json"
    question.write_text('"how?"')
    told = bay.deployer.import_(bay.name).spec
    health = {"request": str(question), "timeout": 60, "consecutive": 2}
    config = {**told["config"], "routes": ROUTES}
    bay.deployer.apply(DeploymentSpec(**{**told, "config": config, "health": health}), adopt=True)
    second = max(map(_made, bay.namespace.all("apps/v1", "ReplicaSet")))
    assert _begun(bay) == second > _made(bay.namespace.get("apps/v1", "Deployment", "web-of-theirs"))


def test_a_route_that_a_killed_delete_left_behind_is_collected(bay: Bay, tmp_path: Path) -> None:
    """Also that whoever may not look at routes collects the rest."""
    bay.deployer.apply(bay.wish("well", "one", config={"gateway": {"ref": "edge"}}))
    assert bay.deployer.gc("kubernetes", older_than=0.0, remove=False) == ()
    kinds = "deployments,services,configmaps,serviceaccounts,poddisruptionbudgets,networkpolicies"
    _kubectl(bay.namespace, "delete", kinds, "-l", "deployer.io/endpoint=iris")
    marks = Marks("default", "iris", Role.SERVER, "r0000000").labels()
    policy = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "spec": {"podSelector": {}}}
    bay.namespace.create({**policy, "metadata": {"name": "iris--r0000000", "labels": marks}})
    blind = deployer_on(kubeconfig_for(bay.namespace, without("httproutes"), tmp_path), bay.namespace.name)
    assert [each.what for each in blind.gc("kubernetes", older_than=0.0)] == ["NetworkPolicy iris--r0000000"]
    assert [each.what for each in bay.deployer.gc("kubernetes", older_than=0.0)] == ["HTTPRoute iris"]
    assert bay.namespace.all("gateway.networking.k8s.io/v1", "HTTPRoute") == []


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
