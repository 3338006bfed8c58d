"""An endpoint with a gateway of its own, driven by its verbs alone, and what its gateway's pods do."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from deployer.endpoint import Traffic
from deployer.errors import TargetUnavailable
from deployer.testing.writer import Writer
from deployer.value import JSON
from deployer_kubernetes.client import connect
from deployer_kubernetes.facts import Facts
from deployer_kubernetes.gateway.facts import GatewayFact
from deployer_kubernetes.survey import survey
from tests.conformance.kubernetes_bench import KubernetesWorkbench
from tests.integration.local.load import Load

if TYPE_CHECKING:
    from deployer.target import Target
    from tests.plugins.cluster import Namespace

__all__ = ["Sharing", "pods_of", "shared_endpoint", "until"]

NAME = "iris"
PATIENCE = 120.0


class Sharing:
    """Two revisions behind a gateway.

    Args:
        bench: The place.
        namespace: Of it.
    """

    def __init__(self, bench: KubernetesWorkbench, namespace: Namespace) -> None:
        self.bench = bench
        self.namespace = namespace
        self.target: Target = bench.connect()
        self._cluster = connect(bench.options)
        self.writer: Writer = bench.staged(self.target, NAME)
        self.first = bench.release().revision
        self.second = bench.add(self.writer, "second").revision
        for each in (self.first, self.second):
            bench.await_phase(self.target, NAME, each)
        self.share(Traffic.all_to(self.first))
        until(lambda: len(self.gateway().ready) == 2, "the gateway's pods are not ready")

    def share(self, traffic: Traffic) -> None:
        """Have it shared so, and wait until it is."""
        self.patiently(lambda: self.writer.route(traffic))
        self.bench.until(self.target, NAME, lambda: self.traffic().same_as(traffic))

    def whole(self) -> bool:
        """Whether all pods of its gateway are ready, and say what they do."""
        found = self.gateway()
        return len(found.ready) == 2 and len(found.pods) == 2 and not found.trouble

    def traffic(self) -> Traffic:
        """As it is told."""
        seen = self.target.observe(NAME)
        return seen.traffic if seen is not None else Traffic()

    def facts(self) -> Facts:
        """What is there, without leading anything anywhere."""
        return survey(self._cluster, NAME, "test")

    def gateway(self) -> GatewayFact:
        """What its pods say."""
        found = self.facts().gateway
        assert found is not None
        return found

    def ready(self, revision: str) -> list[str]:
        """Pods of a revision that take requests."""
        return [each.name for each in self.facts().live(revision) if each.ready]

    def scale(self, count: int) -> None:
        """Have the first revision have so many pods."""
        spec, release = self.bench.spec(NAME, "first", replicas=count), self.bench.release()
        self.writer.stage(spec, release)
        self.bench.until(self.target, NAME, lambda: len(self.ready(self.first)) == count)
        self.bench.await_phase(self.target, NAME, self.first)

    def configure(self, **config: JSON) -> None:
        """Change the endpoint's own fields, as often as it takes, as the engine does."""
        spec = self.bench.spec(NAME, "first", config=config)
        if self.writer.record is not None:
            self.writer.write(spec=spec.wish())
        self.patiently(lambda: self.writer.configure(spec))

    @staticmethod
    def patiently(verb: Callable[[], None]) -> None:
        """As often as it takes, as the engine does."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return verb()
            except TargetUnavailable as error:
                if not error.transient or time.monotonic() >= end:
                    raise
            time.sleep(0.2)

    def kubectl(self, *words: str) -> str:
        """In its namespace."""
        return self.namespace.cluster.kubectl(words[0], "-n", self.namespace.name, *words[1:])

    def kill(self, pod: str) -> None:
        """As if its node had gone up in smoke."""
        self.kubectl("delete", "pod", pod, "--force", "--grace-period=0")

    @property
    def url(self) -> str:
        """Its Service, which this machine reaches as the node does."""
        return url_of(self.namespace)

    def load(self, *, clients: int = 8, pause: float = 0.002) -> Load:
        """Clients that keep their connections."""
        body = self.bench.request().body
        return Load(self.url, clients=clients, pause=pause, body=body)


def url_of(namespace: Namespace, name: str = NAME) -> str:
    """A Service's address; those of a cluster are reached from its node."""
    found = namespace.get("v1", "Service", name)
    assert found is not None
    return f"http://{found['spec']['clusterIP']}:80"


def pods_of(namespace: Namespace, role: str = "gateway", revision: str = "") -> list[str]:
    """Pods of the endpoint that are not on their way out, by name."""
    labels = f"deployer.io/endpoint={NAME},deployer.io/role={role}"
    labels += f",deployer.io/revision={revision}" if revision else ""
    found = namespace.all("v1", "Pod", labelSelector=labels)
    return sorted(each["metadata"]["name"] for each in found if not each["metadata"].get("deletionTimestamp"))


@contextmanager
def shared_endpoint(bench: KubernetesWorkbench, namespace: Namespace) -> Iterator[Sharing]:
    """Make it, and remove it."""
    try:
        yield Sharing(bench, namespace)
    finally:
        bench.close()


def until(holds: Callable[[], object], otherwise: str, *, seconds: float = PATIENCE) -> None:
    """Poll."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, otherwise
        time.sleep(0.1)
