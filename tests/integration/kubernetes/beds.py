"""An endpoint that may sleep, a client of it, and KEDA's kinds in the cluster."""

from __future__ import annotations

import http.client
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from deployer.spec import DeploymentSpec
    from tests.cluster.api import Cluster
    from tests.integration.kubernetes.bay import Bay
    from tests.plugins.cluster import Namespace

__all__ = ["API", "Bed", "keda_folder", "keda_kinds", "until"]

KEDA = "DEPLOYER_TEST_KEDA"
"""The folder that tests/cluster/keda prints."""
API = "keda.sh/v1alpha1"
_CRD = "apiextensions.k8s.io/v1"
_KIND = "scaledobjects.keda.sh"


def keda_folder(part: str) -> Path:
    """A part of what was made of KEDA's module; the test is skipped where there is none."""
    folder = os.environ.get(KEDA)
    if not folder or not (Path(folder) / part).exists():
        pytest.skip(f"no KEDA: {KEDA} not set, or without {part}; see tests/cluster/keda")
    return Path(folder) / part


@contextmanager
def keda_kinds(cluster: Cluster) -> Iterator[bool]:
    """KEDA's kinds are known meanwhile, by its own definitions: whether they were made for that, or were there."""
    found = cluster.get(_CRD, "CustomResourceDefinition", _KIND)
    if found is not None and not found["metadata"].get("deletionTimestamp"):
        yield False
        return
    until(lambda: cluster.get(_CRD, "CustomResourceDefinition", _KIND) is None, "it is still being removed")
    made = keda_folder("crds")
    try:
        # On the server: what kubectl would note of so large objects is too long for an annotation.
        cluster.kubectl("apply", "--server-side", "-f", str(made))
        cluster.wait_for(_CRD, "CustomResourceDefinition", _KIND, until=_is_established, seconds=30)
        yield True
    finally:
        cluster.kubectl("delete", "--ignore-not-found", "--timeout=60s", "-f", str(made))


def _is_established(found: Any) -> bool:
    said = ((found or {}).get("status") or {}).get("conditions") or ()
    return any(each["type"] == "Established" and each["status"] == "True" for each in said)


@dataclass
class Bed:
    """An endpoint that may sleep.

    Args:
        bay: Where it is.
    """

    bay: Bay

    @property
    def namespace(self) -> Namespace:
        """Of it."""
        return self.bay.namespace

    def wish(self, word: str = "one", **fields: Any) -> DeploymentSpec:
        """It, whose server says a word."""
        return self.bay.wish("well", word, **{"replicas": {"min": 0, "max": 2}, **fields})

    def serve(self, word: str = "one", **fields: Any) -> str:
        """Have it serve: its revision."""
        found = self.bay.deployer.apply(self.wish(word, **fields))
        assert (found.phase.value, found.detail) == ("healthy", "")
        assert found.revision is not None
        self.comes()
        return found.revision.id

    def scaled(self, revision: str) -> Any:
        """What KEDA is told of it."""
        return self.namespace.get(API, "ScaledObject", f"{self.bay.name}--{revision}")

    def scale(self, revision: str, count: int) -> None:
        """As KEDA would."""
        path = f"/apis/apps/v1/namespaces/{self.namespace.name}/deployments/{self.bay.name}--{revision}/scale"
        self.namespace.cluster.ask(
            "PATCH", f"{path}?fieldManager=keda", {"spec": {"replicas": count}},
            content_type="application/merge-patch+json",
        )  # fmt: skip

    def fall_asleep(self, revision: str) -> None:
        """As KEDA would have it, when nobody has asked for long."""
        self.scale(revision, 0)
        until(lambda: not self.pods(revision), "its pods do not go")
        found = self.bay.endpoint()
        assert (found.phase.value, dict(found.traffic.items())) == ("healthy", {revision: 100})
        (told,) = found.revisions
        assert (told.phase.value, told.wanted, told.ready) == ("healthy", 0, 0)
        assert "asleep" in told.detail

    def asleep(self, revision: str) -> bool:
        """Whether it has no pods, and is to have none."""
        found = self.namespace.get("apps/v1", "Deployment", f"{self.bay.name}--{revision}")
        return found is not None and found["spec"]["replicas"] == 0 and not self.pods(revision)

    def pods(self, revision: str) -> list[str]:
        """By name."""
        found = self.namespace.all("v1", "Pod", labelSelector=f"deployer.io/revision={revision}")
        return [each["metadata"]["name"] for each in found]

    def waiting(self) -> float:
        """Requests on their way, as its activator's pods tell KEDA, one of them at a time."""
        return float(json.loads(self.get("activator", "/requests"))["requests"])

    def get(self, service: str, path: str) -> bytes:
        """Ask one of its Services."""
        connection = self.connection(service)
        connection.request("GET", path)
        return connection.getresponse().read()

    def connection(self, service: str = "") -> http.client.HTTPConnection:
        """To one of its Services, whose addresses are reached from the node."""
        found = self.namespace.get("v1", "Service", f"{self.bay.name}--{service}" if service else self.bay.name)
        assert found is not None
        return http.client.HTTPConnection(found["spec"]["clusterIP"], found["spec"]["ports"][0]["port"], timeout=60)

    def comes(self) -> None:
        """Wait until somebody listens: nodes write their rules a moment after a Service has its first pods."""

        def listens() -> bool:
            connection = self.connection()
            try:
                connection.connect()
            except OSError:
                return False
            connection.close()
            return True

        until(listens, "nobody listens")

    def ask(self) -> tuple[int, str]:
        """A client's request: what came of it, and the word that the server was started with."""
        connection = self.connection()
        headers = {"Host": "anything.example.com", "Content-Type": "application/json"}
        connection.request("POST", "/v1/answer", b'{"inputs": "how?"}', headers)
        answer = connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text)["told"][0] if answer.status == 200 else text.decode()


def until(holds: Any, otherwise: str, *, seconds: float = 60) -> None:
    """Poll."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, otherwise
        time.sleep(0.1)
