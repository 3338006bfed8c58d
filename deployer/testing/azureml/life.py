"""A change of a deployment: from the accepted PUT to the settled deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deployer.testing.azureml.instance import Instance
from deployer.testing.azureml.reasons import Broken

if TYPE_CHECKING:
    from deployer.testing.azureml.faults import Fault
    from deployer.testing.azureml.operations import Operation
    from deployer.testing.azureml.serving import Serving
    from deployer.testing.azureml.state import Deployment, Endpoint
    from deployer.testing.azureml.world import World
    from deployer.testing.cloud.clock import Signal

__all__ = ["Rollout", "remove"]


class _Told(Exception):
    """A failure that was asked for."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(str(error["message"]))
        self.error = error


class Rollout:
    """One change, in a thread of its own.

    Args:
        world: The double.
        about: The endpoint, and its deployment, which is Creating, Updating or Scaling.
        serving: What it is to run; of one that is scaled what it runs.
        operation: What tells of it.
        fault: What goes wrong with it.
    """

    def __init__(
        self,
        world: World,
        about: tuple[Endpoint, Deployment],
        serving: Serving,
        operation: Operation,
        fault: Fault | None,
    ) -> None:
        (self._endpoint, deployment), self._world = about, world
        self._deployment = deployment
        self._serving, self._operation, self._fault = serving, operation, fault
        self._stopped: Signal = deployment.stopped

    def run(self) -> None:
        """Do it; whatever happens, the deployment is settled afterwards, unless it was deleted meanwhile."""
        try:
            self._provision()
            if self._deployment.serving == self._serving and self._deployment.ready:
                self._scale()
            else:
                self._replace()
        except (Broken, _Told) as broken:
            self._fail(broken.error)
        except Exception as error:
            self._fail(Broken("service").error)
            raise RuntimeError(f"deployment {self._deployment.name}") from error

    def _provision(self) -> None:
        durations, deployment = self._world.options.durations, self._deployment
        deployment.steps = {
            "SystemSetup": "InProgress",
            "UserContainerImagePull": "Waiting",
            "ModelDownload": "Waiting",
            "UserContainerStart": "Waiting",
        }
        scales = deployment.state == "Scaling"
        delay = self._fault.delay if self._fault is not None else 0.0
        self._sleep((durations.scale if scales else durations.provision) + delay)
        deployment.steps["SystemSetup"] = "Succeeded"
        if self._serving.model is None:
            deployment.steps["ModelDownload"] = "Succeeded"
        if self._fault is not None and self._fault.outcome == "Stuck":
            while True:
                self._sleep(86400.0)
        if self._fault is not None and (error := self._fault.failure()) is not None:
            raise _Told(error)
        if not self._serving.image:
            raise Broken("build", "there is nothing here that builds an image; see Options.built")

    def _sleep(self, seconds: float) -> None:
        if self._world.clock.wait(seconds, self._stopped):
            raise Broken("canceled")

    def _launch(self, count: int) -> list[Instance]:
        started: list[Instance] = []
        for _ in range(count):
            instance = Instance(self._world, self._deployment, self._serving)
            with self._world.lock:
                self._deployment.coming.append(instance)
            started.append(instance)
            instance.start()
        for instance in started:
            instance.await_ready(self._stopped)
        return started

    def _scale(self) -> None:
        missing = self._deployment.count - len(self._deployment.instances)
        more = self._launch(missing) if missing > 0 else []
        with self._world.lock:
            kept = [*self._deployment.instances, *more]
            ending = kept[self._deployment.count :]
            self._deployment.instances = kept[: self._deployment.count]
        self._succeed(ending)

    def _replace(self) -> None:
        """Start the new instances beside the old ones, then end those (documented: a rolling update)."""
        started = self._launch(self._deployment.count)
        with self._world.lock:
            old, self._deployment.instances = self._deployment.instances, started
        self._succeed(old)

    def _succeed(self, ending: list[Instance]) -> None:
        world, deployment = self._world, self._deployment
        with world.lock:
            if self._stopped.is_set():
                raise Broken("canceled")
            deployment.coming, deployment.serving = [], self._serving
            # Documented: the last deployment that succeeds says the path.
            self._endpoint.route = self._serving.scoring.path
            deployment.become("Succeeded", world.now())
            world.operations.finish(self._operation, world.now())
        for instance in ending:
            instance.stop()

    def _fail(self, error: dict[str, Any]) -> None:
        world, deployment = self._world, self._deployment
        with world.lock:
            coming, deployment.coming = deployment.coming, []
            old = [] if world.guesses["failed-update-keeps-serving"] else deployment.instances
            if old:
                deployment.instances = []
            deleted = self._stopped.is_set()
        for instance in (*coming, *old):
            instance.stop(0)
        with world.lock:
            if not deleted and not self._stopped.is_set():
                deployment.become("Failed", world.now())
            world.operations.finish(self._operation, world.now(), error)


def remove(deployment: Deployment) -> None:
    """End all that a deployment runs."""
    deployment.stopped.set()
    for instance in [*deployment.instances, *deployment.coming]:
        instance.stop()
