"""A namespace and the Python API on it, as a person has them: wishes of ready images, and how a command ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deployer import Deployer, DeploymentSpec
from deployer.endpoint import Diagnosis, Endpoint
from deployer.engine.events import StepFailed
from deployer.errors import DeployerError
from deployer.registry import GROUP, Registry
from deployer.settings import NamedTarget, Settings
from deployer.value import JSON
from tests.integration.kubernetes.images import PORT, ReadyImages
from tests.integration.kubernetes.news import News

if TYPE_CHECKING:
    from deployer.endpoint import Code
    from tests.plugins.cluster import Namespace

__all__ = ["HURRIED", "Bay", "Ended", "deployer_on", "left_of"]

HURRIED: dict[str, JSON] = {"pre_stop": "1s", "drain": "2s", "probes": {"period": "1s"}}
"""A ``config`` whose replicas end soon."""
ROUTES: dict[str, JSON] = {"port": PORT, "ready": "/health", "invocations": "/v1/answer"}
TOLD = 15.0
"""Seconds in which a diagnosis is told, once the cluster knows."""

_KINDS = {
    "v1": ("ConfigMap", "Secret", "Service", "ServiceAccount", "Pod"),
    "apps/v1": ("Deployment", "ReplicaSet"),
    "policy/v1": ("PodDisruptionBudget",),
    "networking.k8s.io/v1": ("NetworkPolicy",),
    "autoscaling/v2": ("HorizontalPodAutoscaler",),
}


def deployer_on(kubeconfig: Path, namespace: str, **options: JSON) -> Deployer:
    """The Python API, with one target ``kubernetes``."""
    entries = [EntryPoint("kubernetes", "deployer_kubernetes:kind", GROUP)]
    named = NamedTarget("kubernetes", "kubernetes", {"kubeconfig": str(kubeconfig), "namespace": namespace, **options})
    settings = Settings(default_target="kubernetes", targets={"kubernetes": named})
    return Deployer(settings=settings, registry=Registry(lambda: entries), by="ada@laptop")


def left_of(namespace: Namespace, word: str) -> list[str]:
    """What there is in a namespace with this word in its name."""
    return sorted(
        f"{kind} {thing['metadata']['name']}"
        for version, kinds in _KINDS.items()
        for kind in kinds
        for thing in namespace.all(version, kind)
        if word in thing["metadata"]["name"]
    )


@dataclass(frozen=True)
class Ended:
    """How a command failed, and when; times are seconds since the epoch.

    Attributes:
        error: What it raised.
        failed: When the engine gave the step up; that of the end where no step failed.
        ended: When the command was over, all of it taken back.
    """

    error: DeployerError
    failed: float
    ended: float

    @property
    def diagnosis(self) -> Diagnosis:
        """Why."""
        found = getattr(self.error, "diagnosis", None)
        assert isinstance(found, Diagnosis), repr(self.error)
        return found


@dataclass
class Bay:
    """A namespace of a test's own.

    Args:
        namespace: It.
        deployer: The Python API there.
        images: What can be deployed.
        folder: For files.
    """

    namespace: Namespace
    deployer: Deployer
    images: ReadyImages
    folder: Path
    name: str = "iris"
    _pods: list[tuple[str, int]] = field(default_factory=list)

    def wish(self, *command: str, **fields: Any) -> DeploymentSpec:
        """An endpoint of a ready image that is started with these words; with ``model``, one of that model."""
        config = {**HURRIED, **fields.pop("config", {})}
        health: JSON = {"timeout": 60, "consecutive": 2}
        if "model" not in fields:
            question = self.folder / "question.json"
            question.write_text('"how?"')
            health["request"] = str(question)
            config = {"routes": ROUTES, "command": [*command], **config}
        return DeploymentSpec(
            **{
                "name": self.name, "target": "kubernetes", "image": {"use": self.images.good}, "config": config,
                "health": health, "resources": {"cpu": 0.02, "memory": 64 * 2**20}, **fields,
            }
        )  # fmt: skip

    def patched(self, image: str, **fields: Any) -> DeploymentSpec:
        """One whose pods run another image than the one that was planned, as if it had gone from its registry."""
        container = {"name": "server", "image": image}
        patch: JSON = {"Deployment": {"spec": {"template": {"spec": {"containers": [container]}}}}}
        config = {**fields.pop("config", {}), "patches": patch}
        return self.wish("well", "patched", config=config, **fields)

    def serve(self) -> str:
        """Have the endpoint serve ``well one``: its revision."""
        found = self.deployer.apply(self.wish("well", "one"))
        self._pods = self.pods()
        assert found.revision is not None
        return found.revision.id

    def pods(self) -> list[tuple[str, int]]:
        """The uid of each pod that is to stay, and its restarts."""
        found = [each for each in self.namespace.all("v1", "Pod") if not each["metadata"].get("deletionTimestamp")]
        return sorted((each["metadata"]["uid"], _restarts(each)) for each in found)

    def fails(self, wish: DeploymentSpec, **conditions: Any) -> Ended:
        """Apply it, though it may have failed before, and tell how it failed."""
        return self.ends_badly(lambda listen: self.deployer.apply(wish, retry=True, on_event=listen, **conditions))

    def ends_badly(self, command: Callable[[Any], object]) -> Ended:
        """Run a command that is given a listener, and tell how it failed."""
        failed: list[float] = []

        def listen(event: object) -> None:
            if isinstance(event, StepFailed):
                failed.append(event.at)

        try:
            done = command(listen)
        except DeployerError as error:
            ended = time.time()
            return Ended(error, failed[0] if failed else ended, ended)
        raise AssertionError(f"it did not fail: {done}")

    def untouched(self, revision: str) -> None:
        """Make sure that this revision serves as it did when `serve` returned, and that nothing else is there."""
        found = self.endpoint()
        assert (found.phase.value, dict(found.traffic.items())) == ("healthy", {revision: 100})
        assert [each.id for each in found.revisions] == [revision]
        assert self.pods() == self._pods
        assert [each for each in left_of(self.namespace, "--r") if revision not in each and "record" not in each] == []
        answer = self.deployer.predict(self.name, {"inputs": "how?"})
        assert answer

    def endpoint(self) -> Endpoint:
        """As it is now."""
        return self.deployer.get(self.name)

    def told(self, wish: DeploymentSpec, code: Code, knew: str, **conditions: Any) -> Ended:
        """Apply a wish that fails, for a reason that the cluster tells, and make sure that it is told in time.

        Args:
            wish: It.
            code: Of the diagnosis.
            knew: What the cluster's first word of it matches.
            conditions: Of the command.
        """
        with News(self.namespace) as news:
            ended = self.fails(wish, **conditions)
            found = ended.diagnosis
            since = news.first(knew)
        assert found.code is code, found
        assert found.summary
        assert "\n" not in found.summary
        assert found.evidence
        assert found.hint, found
        took, back = ended.failed - since, ended.ended - ended.failed
        print(f"{code}: told {took:.1f} s after the cluster knew, all taken back {back:.1f} s later")
        print(f"  {ended.error.message}: {found.summary}")
        for line in found.evidence:
            print(f"  | {line}")
        print(f"  hint: {found.hint}")
        assert took < TOLD
        return ended


def _restarts(pod: JSON) -> int:
    return sum(each["restartCount"] for each in pod.get("status", {}).get("containerStatuses") or ())
