"""A Deployment and a Service as somebody makes them by hand with kubectl, and a client that asks them all the while."""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.integration.kubernetes.images import PORT

if TYPE_CHECKING:
    from tests.integration.kubernetes.bay import Bay
    from tests.plugins.cluster import Namespace

__all__ = ["SHOWN", "Asking", "asking", "deployment", "made", "pods", "service"]

SHOWN = 8000
"""The port by which the Service's clients know it."""


def deployment(name: str, image: str, **fields: Any) -> dict[str, Any]:
    """Of the ready image; ``fields`` are its container's."""
    container = {
        "name": "web", "image": image, "args": ["well", "theirs"], "ports": [{"name": "api", "containerPort": PORT}],
        "env": [
            {"name": "GREETING", "value": "hello"}, {"name": "API_TOKEN", "value": "abcdefghijklmnop"},
            {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
        ],
        "resources": {"requests": {"cpu": "20m"}, "limits": {"memory": "64Mi"}},
        "readinessProbe": {"httpGet": {"path": "/health", "port": "api"}, "periodSeconds": 1},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}, **fields,
    }  # fmt: skip
    user = {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}}
    labels = {"app": "theirs", "app.kubernetes.io/name": "theirs", "team": "a"}
    pod = {"containers": [container], "securityContext": user, "terminationGracePeriodSeconds": 10}
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "labels": labels},
        "spec": {
            "replicas": 2, "selector": {"matchLabels": {"app": "theirs", "app.kubernetes.io/name": "theirs"}},
            "template": {"metadata": {"labels": labels, "annotations": {"note/by": "hand"}}, "spec": pod},
        },
    }  # fmt: skip


def service(name: str, **fields: Any) -> dict[str, Any]:
    """That leads to it."""
    spec = {"selector": {"app": "theirs"}, "ports": [{"port": SHOWN, "targetPort": "api"}], **fields}
    meta = {"name": name, "labels": {"app": "theirs", "monitored": "yes"}, "annotations": {"cloud/zone": "b"}}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec}


def made(bay: Bay, name: str = "web-of-theirs") -> None:
    """Have both, and wait until the pods are ready."""
    bay.namespace.create(service(bay.name))
    bay.namespace.create(deployment(name, bay.images.good))
    bay.namespace.wait_for(
        "apps/v1", "Deployment", name, until=lambda found: found and found["status"].get("readyReplicas") == 2
    )


def pods(namespace: Namespace, app: str = "theirs") -> list[tuple[str, int]]:
    """The uid of each of their pods, and its restarts."""
    found = namespace.all("v1", "Pod", labelSelector=f"app={app}")
    return sorted((each["metadata"]["uid"], each["status"]["containerStatuses"][0]["restartCount"]) for each in found)


@dataclass
class Asking:
    """What a client has seen.

    Attributes:
        asked: How often it asked.
        failed: What was no answer, or one with another status than those that are expected.
        told: Each answer once, in order.
        statuses: Each status once.
    """

    asked: int = 0
    failed: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    def until(self, status: int, seconds: float = 120) -> None:
        """Wait until an answer has this status."""
        end = time.monotonic() + seconds
        while status not in self.statuses:
            assert time.monotonic() < end, f"no {status}: {self.statuses} {self.failed}"
            time.sleep(0.02)


@contextlib.contextmanager
def asking(address: str, path: str = "/v1/answer", also: int = 200) -> Iterator[Asking]:
    """Ask an address, with a connection of its own each time, while the block runs.

    Args:
        address: Of the Service.
        path: What is asked.
        also: A status that is no failure, beside 200.
    """
    seen, over = Asking(), threading.Event()

    def ask_once() -> str:
        """What went wrong."""
        connection = http.client.HTTPConnection(address, SHOWN, timeout=10)
        try:
            connection.request("POST", path, b"x")
            answer = connection.getresponse()
            text = answer.read().decode()
        except (OSError, http.client.HTTPException) as error:
            return repr(error)
        finally:
            connection.close()
        if text not in seen.told:
            seen.told.append(text)
        if answer.status not in seen.statuses:
            seen.statuses.append(answer.status)
        return "" if answer.status in (200, also) else f"{answer.status} {text}"

    def ask() -> None:
        while not over.is_set():
            seen.asked += 1
            if wrong := ask_once():
                seen.failed.append(f"{time.time():.2f} {wrong}")
            time.sleep(0.02)

    end = time.monotonic() + 30
    while wrong := ask_once():  # the node's own rules come after the pods are ready
        assert time.monotonic() < end, wrong
        time.sleep(0.1)
    thread = threading.Thread(target=ask, name="asking")
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()
