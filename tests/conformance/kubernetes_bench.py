"""What the suite needs of the Kubernetes target: images of the real runtime in a registry that the nodes pull from."""

from __future__ import annotations

import os
import socket
import ssl
import tempfile
import time
import weakref
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import yaml

from deployer.endpoint import ImageRef, ModelRef, Release, revision_id
from deployer.engine.runtime import runtime_version
from deployer.testing.conformance import Failure, Lot, Workbench
from deployer.testing.writer import Writer
from deployer.value import JSON, digest
from deployer_kubernetes import kind
from deployer_kubernetes.client import connect
from deployer_kubernetes.config import KubernetesOptions
from deployer_kubernetes.requests import network_policy
from deployer_kubernetes.survey import survey
from tests.conformance.fault_proxy import Fault, FaultProxy, is_asked
from tests.conformance.images import LOTS, SERVED, packages_layer, served_layer, versions_of_packages
from tests.conformance.registry_images import Layer, Repository, layers_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from deployer.spec import DeploymentSpec
    from deployer.target import Site, Target, TargetKind
    from tests.plugins.cluster import Namespace
    from tests.plugins.docker import Image

__all__ = ["KubernetesWorkbench", "environment_layers"]

REPOSITORY = "deployer-test/conformance"
STATUSES: dict[Failure, int] = {"throttled": 429, "server-error": 500, "permission": 403}
SURE = ("adopt", "keep_secrets", "retire", "route", "stage", "write_record")
"""Verbs that certainly ask for a change; of these it is the change that fails, of others the first question."""
SINGLE = ("keep_secrets", "retire", "route", "write_record")
"""Verbs that do one thing: what is half done of them is that one, whose answer is lost."""
SILENCE = 1.0
"""Seconds after which a target that is not answered gives up."""


def environment_layers(base: Image) -> list[Layer]:
    """The layers of the base and of the packages; pushed by the first call of all."""
    host, _, name = base.reference.partition("/")
    repository = Repository(host, REPOSITORY)
    below = layers_of(base)
    tag = digest([versions_of_packages(), [diff for _, diff in below]])[:16]
    found = repository.find(tag)
    if found is None:
        for described, _ in below:
            repository.mount(described["digest"], name.partition(":")[0])
        found = [*below, repository.add(packages_layer())]
        repository.make(found, {}, tag)
    return found


def is_change(method: str, path: str) -> bool:
    """Those that may change something; asking what one may do does not."""
    return method not in ("GET", "HEAD") and "/namespaces/" in path


class KubernetesWorkbench(Workbench):
    """One namespace of a cluster.

    Args:
        namespace: Which.
        registry: ``HOST:PORT`` of one that its nodes pull from.
        environment: The layers with the packages.
        gateway: The image of a gateway of each endpoint's own; without one there is none.
    """

    address = "deployer_kubernetes:kind"
    patience = 90.0
    pace = 0.3
    stride = 1 if os.environ.get("DEPLOYER_TEST_EVERY_STOP") else 5  # each of them takes new pods

    def __init__(
        self, namespace: Namespace, registry: str, environment: list[Layer], gateway: str | None = None
    ) -> None:
        self._open = ExitStack()
        self._namespace = namespace
        self._repository = Repository(registry, REPOSITORY)
        self._environment = environment
        folder = Path(self._open.enter_context(tempfile.TemporaryDirectory(prefix="kp-")))
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        self._proxy = self._open.enter_context(FaultProxy(listener, self._dial))
        kubeconfig = folder / "config"
        kubeconfig.write_text(yaml.safe_dump(_plain(f"http://127.0.0.1:{port}", namespace.name)))
        self.shares = gateway is not None
        image = {"gateway_image": gateway} if gateway is not None else {}
        self._options = KubernetesOptions(kubeconfig=kubeconfig, **image)
        self._targets: weakref.WeakSet[Target] = weakref.WeakSet()
        self._images = {lot: self._made(lot) for lot in LOTS}

    def _dial(self) -> socket.socket:
        connection = self._namespace.cluster.connection
        server = urlsplit(connection.server)
        plain = socket.create_connection((server.hostname or "", server.port or 443), 10)
        plain.settimeout(None)
        context: ssl.SSLContext = connection._tls
        return context.wrap_socket(plain, server_hostname=server.hostname)

    def _made(self, lot: Lot) -> tuple[str, str]:
        # The name of the namespace makes it no other bench's.
        config = {**SERVED, "Labels": {"io.deployer.test": f"{self._namespace.name} {lot}"}}
        return self._repository.make([*self._environment, self._repository.add(served_layer(lot))], config)

    @property
    def kind(self) -> TargetKind:
        return kind

    @property
    def options(self) -> KubernetesOptions:
        return self._options

    def connect(self, site: Site | None = None) -> Target:
        made = super().connect(site)
        self._targets.add(made)
        return made

    def spec(self, name: str, lot: Lot = "first", **fields: Any) -> DeploymentSpec:
        # An autoscaler measures a share of what is asked for.
        own = {"gateway": "own"} if self.shares else {}
        config = {**own, **fields.pop("config", {})}
        return super().spec(name, lot, **{"resources": {"cpu": 0.05}, **fields, "config": config})

    def config(self, lot: Lot) -> dict[str, JSON]:
        return {"pre_stop": "1s", "drain": "5s", "probes": {"period": "1s"}}

    def answered(self, target: Target, name: str, revision: str) -> int:
        gateway = survey(connect(self._options), name, target.site.name).gateway
        loaded = [each.loaded for each in gateway.reports.values() if each.loaded] if gateway is not None else []
        return sum(each.figures[revision].requests for each in loaded if revision in each.figures)

    def inject(self, verb: str, failure: Failure) -> bool:
        if failure in STATUSES:
            fault = Fault("status", is_change if verb in SURE else is_asked, STATUSES[failure])
        elif failure == "timeout":
            fault = Fault("silence", is_asked, over=self._hurried())
        elif failure == "lost" or verb in SINGLE:
            fault = Fault("lost", is_change)
        else:
            fault = Fault("status", is_change, status=503, after=1)
        self._proxy.arm(fault)
        return True

    def _hurried(self) -> Callable[[], None]:
        """Have all targets give up soon; what is answered has them be patient again."""
        clients = [vars(target)["_cluster"] for target in self._targets if "_cluster" in vars(target)]
        patience = [(client, client.patience) for client in clients]
        for client in clients:
            client.patience = SILENCE

        def over() -> None:
            for client, seconds in patience:
                client.patience = seconds

        return over

    def release(self, lot: Lot = "first", secrets: Mapping[str, int] | None = None) -> Release:
        plain = super().release(lot, secrets)
        uri, (reference, image) = f"models:/conformance-{lot}/1", self._images[lot]
        model = ModelRef(uri=uri, resolved=uri, digest=digest(lot))
        whole = digest([image, plain.fields])
        changes = {"model": model, "runtime": runtime_version(), "digest": whole, "revision": revision_id(whole)}
        return plain.model_copy(update={**changes, "image": ImageRef(id=image, reference=reference)})

    def put_foreign(self, name: str) -> None:
        for made in _foreign(name, self._images["first"][0]):
            self._namespace.create(made)
        end = time.monotonic() + self.patience
        while not self._started(name):  # only then does the cluster say which image runs
            assert time.monotonic() < end, f"no pod of {name} starts"
            time.sleep(self.pace)

    def _started(self, name: str) -> bool:
        pods = self._namespace.all("v1", "Pod", labelSelector=f"app={name}")
        told = [each for pod in pods for each in pod["status"].get("containerStatuses") or ()]
        made = self._namespace.get("apps/v1", "Deployment", name) or {}
        rolled_out = made.get("status", {}).get("updatedReplicas") == made.get("spec", {}).get("replicas", 1)
        return rolled_out and bool(told) and all(each.get("imageID") for each in told)

    def foreign_untouched(self, name: str) -> bool:
        for made in _foreign(name, self._images["first"][0]):
            found = self._namespace.get(made["apiVersion"], made["kind"], name)
            if found is None or found["metadata"]["labels"] != {"by": "hand"}:
                return False
            if found["metadata"].get("generation", 1) != 1 or found["spec"]["selector"] != made["spec"]["selector"]:
                return False
        return True

    def leave_behind(self, name: str, revision: str) -> None:
        release = next(found for lot in LOTS if (found := self.release(lot)).revision == revision)
        made = network_policy(self.spec(name), release, "default")
        end = time.monotonic() + self.patience
        while self._namespace.get(made["apiVersion"], made["kind"], made["metadata"]["name"]) is not None:
            assert time.monotonic() < end, "nobody removes the NetworkPolicy of pods that are gone"
            time.sleep(self.pace)
        self._namespace.create(made)

    def running(self, name: str) -> JSON:
        return sorted(each["metadata"]["uid"] for each in self._namespace.all("v1", "Pod", labelSelector=f"app={name}"))

    def leftovers(self) -> list[str]:
        """What there is in the namespace beside the Records and what Kubernetes itself puts there."""
        found = []
        for version, kinds in _KINDS.items():
            for each in kinds:
                for thing in self._namespace.all(version, each):
                    name, labels = thing["metadata"]["name"], thing["metadata"].get("labels") or {}
                    if labels.get("deployer.io/role") not in (None, "record") or labels.get("by") == "hand":
                        found.append(f"{each} {name}")
        return sorted(found)

    def close(self) -> None:
        """End what this process has of it; the namespace goes as a whole."""
        self._proxy.arm(None)
        target = self.connect()
        for each in [*target.list()]:
            if each.managed:
                Writer(target, each.name).begin(self.spec(each.name), "delete").destroy()
        self._open.close()


_KINDS = {
    "v1": ("ConfigMap", "Secret", "Service", "ServiceAccount", "Pod"),
    "apps/v1": ("Deployment", "ReplicaSet"),
    "policy/v1": ("PodDisruptionBudget",),
    "networking.k8s.io/v1": ("NetworkPolicy",),
    "autoscaling/v2": ("HorizontalPodAutoscaler",),
}


def _plain(server: str, namespace: str) -> dict[str, Any]:
    """A kubeconfig without a log-in: the way to the API server has one."""
    return {
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": server}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": namespace}}],
        "users": [{"name": "test", "user": {}}],
    }  # fmt: skip


def _foreign(name: str, image: str) -> list[dict[str, Any]]:
    """A Deployment and a Service as somebody makes them by hand."""
    meta = {"name": name, "labels": {"by": "hand"}}
    container = {
        "name": "main", "image": image, "ports": [{"containerPort": 8080}], "resources": {"requests": {"cpu": "50m"}},
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 1},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }  # fmt: skip
    user = {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}}
    pod = {
        "metadata": {"labels": {"app": name}},
        "spec": {"containers": [container], "securityContext": user, "terminationGracePeriodSeconds": 5},
    }
    return [
        {
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta,
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": pod},
        },
        {
            "apiVersion": "v1", "kind": "Service", "metadata": meta,
            "spec": {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}]},
        },
    ]  # fmt: skip
