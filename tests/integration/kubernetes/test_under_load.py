"""What changes while an endpoint's Service is asked all the time, at its address in the cluster: no request may fail.

The load is a process of its own on this machine, which the cluster's network leads to the pods; nothing is sent twice.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deployer import DeploymentSpec, Endpoint
from deployer.engine.events import StepStarted
from tests.cluster.control import Parts
from tests.e2e.kept import kept_folder
from tests.e2e.tiny import TIMES, write_tiny
from tests.integration.kubernetes.bay import Bay, deployer_on
from tests.integration.kubernetes.loading import Load, loaded
from tests.plugins.docker import Image

pytestmark = [
    pytest.mark.index, pytest.mark.slow, pytest.mark.real("cluster"), pytest.mark.timeout(1800),
    pytest.mark.xdist_group("kubernetes-load"),
]  # fmt: skip

MANY = os.environ.get("DEPLOYER_TEST_UPDATES")
"""So many updates in a row under each load, which takes a quarter of a minute for each; else few."""
UPDATES = int(MANY or 2)
BESIDE = int(MANY or 1)
"""Where something happens meanwhile."""
WAYS = ("taken away", "killed") if MANY else ("taken away",)
"""How a pod goes while another revision comes."""


class Loaded:
    """An endpoint of a small model, and a load on its Service."""

    def __init__(self, bay: Bay, base: Image) -> None:
        self.bay = bay
        self._base = base
        self._model = bay.folder / "model"
        self.rows = bay.folder / "rows.csv"
        if not self._model.exists():
            write_tiny(self._model, TIMES.format(factor=2))
            self.rows.write_text("a\n1.0\n2.0\n")

    def wish(self, word: str, **fields: Any) -> DeploymentSpec:
        """The model; each word makes another revision. A replica takes requests as long as it does by default."""
        given = {"resources": {"cpu": 0.1}, "env": {"WORD": word}, **fields}
        config = {"pre_stop": "5s", "drain": "30s", **given.pop("config", {})}
        return self.bay.wish(model=str(self._model), image={"base": self._base.reference}, config=config, **given)

    def apply(self, wish: DeploymentSpec, on_step: Mapping[str, Callable[[], object]] | None = None) -> str:
        """Have it so, and tell the revision; ``on_step`` is called when a step of that name begins."""
        waiting, done = dict(on_step or {}), 0

        def listen(event: object) -> None:
            nonlocal done
            if isinstance(event, StepStarted) and event.step in waiting:
                waiting.pop(event.step)()
                done += 1  # whoever listens cannot make a command fail

        found: Endpoint = self.bay.deployer.apply(wish, on_event=listen)
        assert done == len(on_step or ()), "what was to happen meanwhile did not"
        assert found.phase.value == "healthy"
        assert found.revision is not None
        return found.revision.id

    def url(self) -> str:
        """The Service's own address."""
        found = self.bay.namespace.get("v1", "Service", self.bay.name)
        assert found is not None
        return f"http://{found['spec']['clusterIP']}"

    def pods(self, revision: str) -> list[Any]:
        """Those that a revision has, but for those that go."""
        found = self.bay.namespace.all("v1", "Pod", labelSelector=f"deployer.io/revision={revision}")
        # Those of a list do not say what they are.
        whole = [{"apiVersion": "v1", "kind": "Pod", **each} for each in found]
        return [each for each in whole if not each["metadata"].get("deletionTimestamp")]


@pytest.fixture
def endpoint(shared: Bay, base_image: Image, monkeypatch: pytest.MonkeyPatch) -> Loaded:
    monkeypatch.setenv("XDG_CACHE_HOME", str(kept_folder() / "build-cache"))
    registry = f"{base_image.reference.partition('/')[0]}/deployer-test/built"
    kubeconfig = Path(os.environ["DEPLOYER_TEST_KUBECONFIG"])
    return Loaded(
        replace(shared, deployer=deployer_on(kubeconfig, shared.namespace.name, registry=registry)), base_image
    )


def _judged(load: Load, scene: str, lost: int = 0) -> None:
    print(f"{scene}: {load.counted['requests']} requests, {load.counted['failures']} failed; {load.counted}")
    assert load.counted["failures"] <= lost, load.counted
    assert load.counted["requests"] > 100


def test_updates_lose_no_request(endpoint: Loaded) -> None:
    first = endpoint.apply(endpoint.wish("even", replicas=1))
    began, revisions = time.monotonic(), {first}
    with loaded(endpoint.url(), endpoint.rows) as load:
        load.answered(first)
        for number in range(1, UPDATES + 1):
            revision = endpoint.apply(endpoint.wish("odd" if number % 2 else "even", replicas=1))
            load.answered(revision)
            revisions.add(revision)
    _judged(load, f"{UPDATES} updates in {time.monotonic() - began:.0f} s")
    assert set(load.counted["answered_by"]) == revisions
    assert len(revisions) == 2


@pytest.mark.parametrize("way", WAYS)
def test_updates_while_a_pod_goes_lose_no_request(endpoint: Loaded, way: str) -> None:
    serving, connections = endpoint.apply(endpoint.wish("even", replicas=2)), 4
    cluster = endpoint.bay.namespace.cluster

    def goes() -> None:
        pod = endpoint.pods(serving)[0]
        if way == "killed":
            assert _kill(pod), "the pods' processes are not on this machine"
        else:
            cluster.delete(pod)

    with loaded(endpoint.url(), endpoint.rows, connections=connections) as load:
        load.answered(serving)
        for number in range(1, BESIDE + 1):
            wish = endpoint.wish("odd" if number % 2 else "even", replicas=2)
            serving = endpoint.apply(wish, {"start": goes})
            load.answered(serving)
    # What a killed pod was answering, and what still comes to it until the Service knows, is lost: nobody is between
    # who could send it again (`config.gateway` is).
    _judged(load, f"{BESIDE} updates, a pod {way} in each", lost=25 * connections * BESIDE if way == "killed" else 0)


def _kill(pod: Any) -> int:
    """End the processes of a pod's server the hard way; how many, none where they are not on this machine."""
    if sys.platform == "win32":
        return 0
    uid: str = pod["metadata"]["uid"]
    killed = 0
    for path in Path("/proc").glob("[0-9]*"):
        try:
            inside = uid in path.joinpath("cgroup").read_text()
            if inside and b"python" in path.joinpath("cmdline").read_bytes():
                os.kill(int(path.name), signal.SIGKILL)
                killed += 1
        except OSError:
            continue
    return killed


@pytest.mark.exhaustive
def test_an_update_while_the_api_server_is_started_again_loses_no_request(
    endpoint: Loaded, cluster_parts: Parts
) -> None:
    first = endpoint.apply(endpoint.wish("even", replicas=1))
    # The other parts of the cluster come back to it when they like: one to three minutes were seen.
    health = {"timeout": 300, "consecutive": 2}
    with loaded(endpoint.url(), endpoint.rows) as load:
        load.answered(first)
        for number in range(1, BESIDE + 1):
            wish = endpoint.wish("odd" if number % 2 else "even", replicas=1, health=health)
            load.answered(endpoint.apply(wish, {"start": lambda: cluster_parts.restart("kube-apiserver")}))
    _judged(load, f"{BESIDE} updates, the API server started again in each")


def test_an_autoscaler_acts_and_nothing_is_told_to_have_drifted(endpoint: Loaded) -> None:
    soon = {"scaleDown": {"stabilizationWindowSeconds": 0}, "scaleUp": {"stabilizationWindowSeconds": 0}}
    config = {"patches": {"HorizontalPodAutoscaler": {"spec": {"behavior": soon}}}}
    wish = endpoint.wish("scaled", replicas={"min": 1, "max": 3}, config=config)
    revision = endpoint.apply(wish)
    namespace, name = endpoint.bay.namespace, f"{endpoint.bay.name}--{revision}"

    def has(count: int) -> Callable[[Any], bool]:
        return lambda found: found is not None and found["status"].get("readyReplicas") == count

    with ExitStack() as stack:
        light = stack.enter_context(loaded(endpoint.url(), endpoint.rows, connections=3, pause=0.5))
        light.answered(revision, 5)
        began = time.monotonic()
        with loaded(endpoint.url(), endpoint.rows, connections=6, pause=0) as heavy:
            namespace.wait_for("apps/v1", "Deployment", name, until=has(3), seconds=240)
            up = time.monotonic() - began
            plan = endpoint.bay.deployer.plan(wish)
            assert not plan.steps, plan
            assert endpoint.apply(wish) == revision
            found = endpoint.bay.endpoint()
            assert found.revision is not None
            assert (found.revision.wanted, found.phase.value) == (3, "healthy")
            heavy.answered(revision, 200)
        began = time.monotonic()
        namespace.wait_for("apps/v1", "Deployment", name, until=has(1), seconds=300)
        down = time.monotonic() - began
        light.answered(revision, 20)
        assert not endpoint.bay.deployer.plan(wish).steps
    _judged(heavy, f"from 1 to 3 in {up:.0f} s")
    _judged(light, f"back to 1 in {down:.0f} s")
