"""What ``doctor`` looks at; changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from deployer.errors import DeployerError
from deployer.target import Check
from deployer_kubernetes.client import KINDS, Cluster
from deployer_kubernetes.config import KubernetesOptions
from deployer_kubernetes.errors import Refused
from deployer_kubernetes.kserve.finding import has_kserve
from deployer_kubernetes.scaling.finding import has_keda

__all__ = ["INFERENCE", "NEEDED", "SLEEPING", "checks"]

OLDEST = (1, 30)
"""A container that sleeps before it is stopped has been there since then."""
_WRITE = ("create", "delete", "get", "list", "patch")
NEEDED: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("", "configmaps", (*_WRITE, "update")),
    ("", "secrets", _WRITE),
    ("", "services", _WRITE),
    ("", "serviceaccounts", _WRITE),
    ("", "pods", ("delete", "get", "list", "patch", "watch")),
    ("", "pods/log", ("get",)),
    ("", "pods/portforward", ("create", "get")),
    ("", "events", ("list",)),
    ("apps", "deployments", (*_WRITE, "watch")),
    ("apps", "replicasets", ("list",)),
    ("discovery.k8s.io", "endpointslices", ("list",)),
    ("policy", "poddisruptionbudgets", _WRITE),
    ("networking.k8s.io", "ingresses", _WRITE),
    ("networking.k8s.io", "networkpolicies", _WRITE),
    ("autoscaling", "horizontalpodautoscalers", _WRITE),
    ("gateway.networking.k8s.io", "httproutes", _WRITE),
)
"""API group, resource and verbs: what ``infra/kubernetes/role.yaml`` grants, and nothing else is asked for."""
SLEEPING: tuple[tuple[str, str, tuple[str, ...]], ...] = (("keda.sh", "scaledobjects", _WRITE),)
"""What it grants as well, for endpoints that may sleep: looked at only where the cluster has KEDA."""
INFERENCE: tuple[tuple[str, str, tuple[str, ...]], ...] = (("serving.kserve.io", "inferenceservices", _WRITE),)
"""And for ``config.kserve``: looked at only where the cluster has KServe."""


def checks(cluster: Callable[[], Cluster], options: KubernetesOptions) -> Iterator[Check]:
    """Each thing that the Kubernetes target needs.

    Args:
        cluster: Connects; raises SpecError or TargetUnavailable.
        options: The target's.
    """
    try:
        there = cluster()
        with there.told("tell its version"):
            version = there.ask("GET", "/version")
    except DeployerError as error:
        yield Check("a cluster", False, error.message, error.hint)
        return
    found = tuple(int("".join(c for c in version[part] if c.isdigit()) or 0) for part in ("major", "minor"))
    yield Check(f"a cluster at {there.address}", True, str(version.get("gitVersion")))
    yield Check(
        "Kubernetes 1.30 or newer", found >= OLDEST, ".".join(map(str, found)),
        None if found >= OLDEST else "upgrade the cluster",
    )  # fmt: skip
    keda = _keda(there)
    kserve = _kserve(there)
    yield from _rights(there, (*NEEDED, *(SLEEPING if keda else ()), *(INFERENCE if kserve else ())))
    yield _metrics(there)
    yield _routes(there)
    yield Check(
        "KEDA, for replicas: {min: 0}", keda or None, "" if keda else "none is installed",
        None if keda else "only needed there; see https://keda.sh/docs/latest/deploy/",
    )  # fmt: skip
    yield Check(
        "KServe, for config.kserve: true", kserve or None, "" if kserve else "none is installed",
        None if kserve else "only needed there; see https://kserve.github.io/website",
    )  # fmt: skip
    yield Check(
        "a registry to push to", True if options.registry else None, options.registry or "none is configured",
        None if options.registry else "registry in deployer.toml, or --set image.registry=REGISTRY/PREFIX",
    )  # fmt: skip


def _rights(cluster: Cluster, needed: tuple[tuple[str, str, tuple[str, ...]], ...]) -> Iterator[Check]:
    asked = [(group, resource, verb) for group, resource, verbs in needed for verb in verbs]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda each: _may(cluster, *each), asked))
    missing = [f"{verb} {resource}" for (_, resource, verb), may in zip(asked, answers, strict=True) if not may]
    told = ", ".join(missing[:6]) + (f" and {len(missing) - 6} more" if len(missing) > 6 else "")
    yield Check(
        f"rights in the namespace {cluster.namespace}", not missing,
        f"missing: {told}" if missing else f"all {len(asked)} that are needed",
        f"kubectl apply -n {cluster.namespace} -f infra/kubernetes/role.yaml" if missing else None,
    )  # fmt: skip


def _may(cluster: Cluster, group: str, resource: str, verb: str) -> bool:
    name, _, part = resource.partition("/")
    attributes = {"namespace": cluster.namespace, "verb": verb, "group": group, "resource": name}
    if part:
        attributes["subresource"] = part
    body = {
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }  # fmt: skip
    with cluster.told("tell what this account may do"):
        answer = cluster.ask("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body=body)
    return bool(answer["status"].get("allowed"))


def _keda(cluster: Cluster) -> bool:
    try:
        return has_keda(cluster)
    except DeployerError:
        return False


def _kserve(cluster: Cluster) -> bool:
    try:
        return has_kserve(cluster)
    except DeployerError:
        return False


def _metrics(cluster: Cluster) -> Check:
    what = "a metrics server, for autoscaling"
    try:
        cluster.ask("GET", "/apis/metrics.k8s.io/v1beta1")
    except (Refused, DeployerError):
        return Check(what, None, "none answers", "only needed where replicas is a range")
    return Check(what, True)


def _routes(cluster: Cluster) -> Check:
    what = "a Gateway API, for config.gateway: {ref: NAME}"
    try:
        cluster.ask("GET", f"/apis/{KINDS['HTTPRoute'].api}")
    except (Refused, DeployerError):
        return Check(what, None, "none is installed", "only needed there; config.gateway: own needs nothing")
    return Check(what, True)
