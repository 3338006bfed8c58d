"""The crash matrix on a Kubernetes cluster: real images, pulled by its nodes, and the real serving runtime.

A package index must be there, and what `CLUSTER`, `BASE` and `REGISTRY` name in the environment. Everything is made in
a namespace of its own, which goes at the end.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
import uuid
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deployer.registry import Registry
from deployer.target import Site
from deployer.testing.crash.bench import CrashBench, CrashLot
from deployer.testing.crash.local import write_served_model

if TYPE_CHECKING:
    from deployer.target import Target
    from deployer.value import JSON

if sys.platform == "win32":
    raise ImportError("the crash matrix kills by signals, as Unix does")

__all__ = ["BASE", "CLUSTER", "REGISTRY", "KubernetesBench"]

CLUSTER = ("DEPLOYER_TEST_KUBECONFIG", "KUBECONFIG")
"""The kubeconfig, by the first of them that is set; its account may make namespaces."""
BASE = "DEPLOYER_TEST_BASE_IMAGE"
"""An image with this Python's minor version, which the models' images stand on."""
REGISTRY = "DEPLOYER_TEST_REGISTRY"
"""``HOST:PORT`` of a registry that the nodes pull from, without a log-in."""
LOTS: tuple[CrashLot, ...] = ("first", "second", "failing")
KINDS = {
    "v1": ("ConfigMap", "Secret", "Service", "ServiceAccount", "Pod"),
    "apps/v1": ("Deployment", "ReplicaSet"),
    "autoscaling/v2": ("HorizontalPodAutoscaler",),
    "networking.k8s.io/v1": ("NetworkPolicy",),
    "policy/v1": ("PodDisruptionBudget",),
}
_GONE = 60.0
"""Seconds that what was removed may take to go."""


class KubernetesBench(CrashBench):
    """One endpoint's part of a cluster; one worker uses it. What was downloaded and made of wheels is kept.

    Args:
        folder: Unused: nothing of an endpoint is on this host.
        models: For the models, which all places have in common.
        namespace: One that is there and stays; by default one is made.
        cache: Where wheels and layers are kept from run to run, as on a laptop; by default the user's cache.

    Raises:
        ValueError: The environment names no cluster, base image or registry.
    """

    kind = "kubernetes"
    name = "crash-test"
    seconds = 300

    def __init__(
        self,
        folder: Path,  # noqa: ARG002
        models: Path,
        *,
        namespace: str | None = None,
        cache: Path | None = None,
    ) -> None:
        self._config = next((os.environ[each] for each in CLUSTER if os.environ.get(each)), None)
        if self._config is None or not os.environ.get(BASE) or not os.environ.get(REGISTRY):
            raise ValueError(f"{CLUSTER[0]}, {BASE} and {REGISTRY} must be set")
        self._cache = cache or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        self._mine = namespace is None
        self._namespace = namespace or f"crash-{uuid.uuid4().hex[:6]}"
        self._models = models
        for lot in LOTS:
            write_served_model(self._models / lot, lot)
        client: Any = import_module("kubernetes.dynamic")
        self._api: Any = client.DynamicClient(import_module("kubernetes.config").new_client_from_config(self._config))
        if self._mine:
            labels = {"pod-security.kubernetes.io/enforce": "restricted"}
            meta = {"name": self._namespace, "labels": labels}
            self._of("v1", "Namespace").create(body={"apiVersion": "v1", "kind": "Namespace", "metadata": meta})

    def __exit__(self, *_: object) -> None:
        self.clear()
        if self._mine:
            self._of("v1", "Namespace").delete(name=self._namespace)

    @property
    def options(self) -> dict[str, JSON]:
        registry = f"{os.environ[REGISTRY]}/deployer-test/{self._namespace}"
        return {"kubeconfig": str(self._config), "namespace": self._namespace, "registry": registry}

    def connect(self) -> Target:
        kind = Registry().kind("kubernetes")
        return kind.connect(kind.options.model_validate(self.options), Site("crash"))

    def fields(self, lot: CrashLot) -> dict[str, JSON]:
        return {
            "model": str(self._models / lot),
            "config": {"pre_stop": "1s", "drain": "5s", "probes": {"period": "1s"}},
            "resources": {"cpu": 0.05},
            "image": {"base": os.environ[BASE]},
            "health": {"consecutive": 1, "timeout": "120s"},
        }

    def environ(self, lot: CrashLot) -> dict[str, str]:  # noqa: ARG002 - the same for all
        return {"XDG_CACHE_HOME": str(self._cache)}

    def clear(self) -> None:
        for kind in ("Deployment", *(each for kinds in KINDS.values() for each in kinds if each != "Deployment")):
            for thing in self._things(kind):
                body = {"gracePeriodSeconds": 0} if kind == "Pod" else {"propagationPolicy": "Background"}
                self._remove(kind, thing, body)
        until = time.monotonic() + _GONE
        while (left := self._left()) and time.monotonic() < until:
            for pod in self._things("Pod"):
                self._remove("Pod", pod, {"gracePeriodSeconds": 0})
            time.sleep(0.1)
        if left:
            raise RuntimeError(f"{', '.join(left)} of {self._namespace} did not go within {_GONE:g} s")

    def holdings(self) -> JSON:
        """Names by kind, of what is not on its way out; pods by their revision and whether they are ready."""
        found: dict[str, JSON] = {}
        for kind in (each for kinds in KINDS.values() for each in kinds):
            for thing in self._things(kind):
                if thing["metadata"].get("deletionTimestamp"):
                    continue
                word = f"{kind} {self._name_of(kind, thing)}"
                count = found.get(word, 0)
                found[word] = (count if isinstance(count, int) else 0) + 1
        return found

    @staticmethod
    def _name_of(kind: str, thing: dict[str, Any]) -> str:
        if kind not in ("Pod", "ReplicaSet"):
            return str(thing["metadata"]["name"])
        revision = thing["metadata"]["labels"].get("deployer.io/revision", "")
        conditions = (thing.get("status") or {}).get("conditions") or ()
        ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
        return f"{revision} ready" if ready else str(revision)

    def _left(self) -> list[str]:
        kinds = [kind for each in KINDS.values() for kind in each]
        return [f"{kind} {thing['metadata']['name']}" for kind in kinds for thing in self._things(kind)]

    def _things(self, kind: str) -> list[dict[str, Any]]:
        """Those in the namespace, but for what Kubernetes itself puts there."""
        api = next(each for each, kinds in KINDS.items() if kind in kinds)
        labels = "app.kubernetes.io/managed-by=deployer"
        found = self._of(api, kind).get(namespace=self._namespace, label_selector=labels).to_dict()
        return list(found["items"])

    def _remove(self, kind: str, thing: dict[str, Any], options: dict[str, JSON]) -> None:
        api = next(each for each, kinds in KINDS.items() if kind in kinds)
        gone: Any = import_module("kubernetes.dynamic.exceptions").NotFoundError
        body = {"apiVersion": "v1", "kind": "DeleteOptions", **options}
        with contextlib.suppress(gone):
            self._of(api, kind).delete(name=thing["metadata"]["name"], namespace=self._namespace, body=body)

    def _of(self, api: str, kind: str) -> Any:
        return self._api.resources.get(api_version=api, kind=kind)
