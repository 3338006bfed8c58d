"""An endpoint that KEDA's own operator puts to sleep and wakes, on a real cluster; see tests/cluster/keda --run."""

from __future__ import annotations

import base64
import io
import os
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.conformance.registry_images import Repository
from tests.integration.kubernetes.bay import Bay, deployer_on, left_of
from tests.integration.kubernetes.beds import API, Bed, keda_folder, keda_kinds, until

if TYPE_CHECKING:
    from tests.cluster.api import Cluster
    from tests.plugins.cluster import Namespace
    from tests.plugins.docker import Image

pytestmark = [
    pytest.mark.real("keda"), pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("kubernetes-keda"),
]  # fmt: skip

NAME = "keda-operator"
LABELS = {"app": NAME}


def _image(base: Image, program: Path) -> str:
    """KEDA's operator, and nothing beside it."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        entry = tarfile.TarInfo("keda")
        entry.size, entry.mode = program.stat().st_size, 0o755
        with program.open("rb") as data:
            tar.addfile(entry, data)
    repository = Repository(base.reference.partition("/")[0], "deployer-test/keda")
    layer = repository.add(stream.getvalue())
    return repository.make([layer], {"Entrypoint": ["/keda"], "User": "65532"})[0]


def _certificate(folder: Path) -> dict[str, str]:
    """What it serves its metrics with, which nobody asks here."""
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=keda"]
    key, certificate = folder / "tls.key", folder / "tls.crt"
    subprocess.run([*made, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    found = {"tls.key": key, "tls.crt": certificate, "ca.crt": certificate}
    return {name: base64.b64encode(path.read_bytes()).decode() for name, path in found.items()}


@pytest.fixture(scope="module")
def operator(
    cluster: Cluster,
    new_namespace: Callable[..., AbstractContextManager[Namespace]],
    base_image: Image,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Namespace]:
    """KEDA's operator, with the rights of its own manifests; a cluster that has one keeps it."""
    with keda_kinds(cluster) as ours, new_namespace() as namespace:
        if not ours:
            yield namespace
            return
        image = _image(base_image, keda_folder("keda"))
        roles = [*yaml.safe_load_all((keda_folder("rbac") / "role.yaml").read_text(encoding="utf-8"))]
        alike = {"name": namespace.name}
        account = {"kind": "ServiceAccount", "name": NAME, "namespace": namespace.name}
        api = "rbac.authorization.k8s.io/v1"
        whole = cluster.create({**next(each for each in roles if each["kind"] == "ClusterRole"), "metadata": alike})
        ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": namespace.name}
        bound = cluster.create(
            {"apiVersion": api, "kind": "ClusterRoleBinding", "metadata": alike, "roleRef": ref, "subjects": [account]}
        )
        try:
            namespace.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": NAME}})
            for role in (each for each in roles if each["kind"] == "Role"):
                namespace.create({**role, "metadata": {"name": NAME}})
                own = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": NAME}
                namespace.create(
                    {
                        "apiVersion": api, "kind": "RoleBinding", "metadata": {"name": NAME}, "roleRef": own,
                        "subjects": [account],
                    }
                )  # fmt: skip
            data = _certificate(tmp_path_factory.mktemp("keda"))
            namespace.create({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "certs"}, "data": data})
            namespace.create(_deployment(image))
            namespace.wait_for("apps/v1", "Deployment", NAME, until=_is_ready, seconds=120)
            yield namespace
            # It alone can let go of them, and a namespace stays as long as one of them does.
            until(lambda: not cluster.all(API, "ScaledObject"), "ScaledObjects stay")
        finally:
            cluster.delete(bound)
            cluster.delete(whole)


def _is_ready(found: object) -> bool:
    return isinstance(found, dict) and bool((found.get("status") or {}).get("readyReplicas"))


def _deployment(image: str) -> dict[str, object]:
    container = {
        "name": NAME, "image": image,
        "args": ["--zap-log-level=info", "--zap-encoder=console", "--enable-prometheus-metrics=false"],
        "env": [
            {"name": "POD_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
            {"name": "KEDA_CLUSTER_OBJECT_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
            {"name": "WATCH_NAMESPACE", "value": ""},
        ],
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": 8081}, "periodSeconds": 1},
        "volumeMounts": [{"name": "certs", "mountPath": "/certs", "readOnly": True}],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }  # fmt: skip
    pod = {
        "serviceAccountName": NAME, "containers": [container],
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
        "volumes": [{"name": "certs", "secret": {"secretName": "certs"}}],
    }  # fmt: skip
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": NAME},
        "spec": {"selector": {"matchLabels": LABELS}, "template": {"metadata": {"labels": LABELS}, "spec": pod}},
    }  # fmt: skip


@pytest.fixture
def bed(bay: Bay, operator: Namespace, gateway_image: Image) -> Bed:
    """In a namespace of the test's own."""
    kubeconfig = Path(os.environ["DEPLOYER_TEST_KUBECONFIG"])
    bay.deployer = deployer_on(kubeconfig, bay.namespace.name, gateway_image=gateway_image.reference)
    return Bed(bay)


def test_it_falls_asleep_is_woken_by_a_request_and_again(bed: Bed) -> None:
    # How long it may take to start is also how long it has before its first sleep.
    config = {"idle": "4s", "probes": {"period": "1s", "startup": "12s"}}
    revision = bed.serve(config=config)
    for turn in ("first", "second"):
        until(lambda: bed.asleep(revision), "it does not fall asleep", seconds=90)
        found = bed.bay.endpoint()
        assert (found.phase.value, found.revisions[0].wanted) == ("healthy", 0)
        assert not bed.bay.deployer.plan(bed.wish(config=config)).changes
        began = time.monotonic()
        assert bed.ask() == (200, "one")
        print(f"the {turn} time awake after {time.monotonic() - began:.1f} s")

    until(lambda: bed.asleep(revision), "it does not fall asleep", seconds=90)
    second = bed.serve("two", config=config)  # woken by a release, and by nothing else
    assert bed.ask() == (200, "two")

    # From KEDA's hands into ours, and to nobody's.
    until(lambda: bed.asleep(second), "it does not fall asleep", seconds=90)
    assert bed.serve("two", config=config, replicas=1) == second
    assert bed.scaled(second) is None
    assert bed.serve("two", config=config) == second
    bed.bay.deployer.delete(bed.bay.name)
    until(lambda: bed.namespace.all(API, "ScaledObject") == [], "its ScaledObject stays")
    until(lambda: left_of(bed.namespace, bed.bay.name) == [], "something of it stays")
