"""Accounts of a namespace that have exactly the rights of ``infra/kubernetes/role.yaml``, or all but some."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tests.cluster.api import Cluster

if TYPE_CHECKING:
    from tests.plugins.cluster import Namespace

__all__ = ["ROLE", "kubeconfig_for", "role", "without"]

ROLE = Path(__file__).resolve().parents[3] / "infra" / "kubernetes" / "role.yaml"
NAME = "deployer"


def role() -> dict[str, Any]:
    """The Role as it is shipped."""
    found: dict[str, Any] = yaml.safe_load(ROLE.read_text())
    return found


def without(resource: str, *verbs: str) -> list[dict[str, Any]]:
    """Its rules without these verbs on a resource, written as ``pods/log`` or ``deployments``; all of them for none."""
    found = []
    for rule in role()["rules"]:
        others = [each for each in rule["resources"] if each != resource]
        if others:
            found.append({**rule, "resources": others})
        kept = [each for each in rule["verbs"] if verbs and each not in verbs]
        if resource in rule["resources"] and kept:
            found.append({**rule, "resources": [resource], "verbs": kept})
    return found


def kubeconfig_for(namespace: Namespace, rules: Sequence[dict[str, Any]], folder: Path) -> Path:
    """A kubeconfig of a new ServiceAccount that has these rights in the namespace, and no others."""
    name = f"{NAME}-{len(namespace.all('v1', 'ServiceAccount'))}"
    namespace.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}})
    group = "rbac.authorization.k8s.io"
    namespace.create({"apiVersion": f"{group}/v1", "kind": "Role", "metadata": {"name": name}, "rules": [*rules]})
    namespace.create(
        {
            "apiVersion": f"{group}/v1", "kind": "RoleBinding", "metadata": {"name": name},
            "roleRef": {"apiGroup": group, "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace.name}],
        }
    )  # fmt: skip
    cluster = namespace.cluster
    path = f"/api/v1/namespaces/{namespace.name}/serviceaccounts/{name}/token"
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
    token = cluster.ask("POST", path, asked)["status"]["token"]
    authority = folder / f"{name}.crt"
    authority.write_text(cluster.connection.authority or "")
    kubeconfig = folder / f"{name}.kubeconfig"
    kubeconfig.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1", "kind": "Config", "current-context": "test",
                "clusters": [
                    {
                        "name": "test",
                        "cluster": {"server": cluster.connection.server, "certificate-authority": str(authority)},
                    }
                ],
                "contexts": [
                    {"name": "test", "context": {"cluster": "test", "user": "test", "namespace": namespace.name}}
                ],
                "users": [{"name": "test", "user": {"token": token}}],
            }
        )
    )  # fmt: skip
    _await_rights(Cluster(kubeconfig), namespace.name, [*rules][-1])
    return kubeconfig


def _await_rights(theirs: Cluster, namespace: str, rule: dict[str, Any]) -> None:
    """Wait until the API server knows the binding, which takes it a moment."""
    resource, _, part = rule["resources"][0].partition("/")
    attributes = {
        "namespace": namespace, "verb": rule["verbs"][0], "group": rule["apiGroups"][0], "resource": resource,
        "subresource": part,
    }  # fmt: skip
    group = "authorization.k8s.io/v1"
    asked = {"apiVersion": group, "kind": "SelfSubjectAccessReview", "spec": {"resourceAttributes": attributes}}
    deadline = time.monotonic() + 30
    while not theirs.ask("POST", f"/apis/{group}/selfsubjectaccessreviews", asked)["status"]["allowed"]:
        assert time.monotonic() < deadline, "the role does not hold"
        time.sleep(0.05)
