"""One instance of a deployment: its container, its health and its output."""

from __future__ import annotations

import contextlib
import http.client
import secrets
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

from deployer.testing.azureml.reasons import Broken
from deployer.testing.azureml.serving import Probe, Serving, pulled
from deployer.testing.cloud.containers import NoImage, NotStarted, Wish
from deployer.testing.cloud.underway import Underway

if TYPE_CHECKING:
    from deployer.testing.azureml.state import Deployment
    from deployer.testing.azureml.world import World
    from deployer.testing.cloud.clock import Signal
    from deployer.testing.cloud.containers import Container

__all__ = ["Instance"]


class Instance:
    """A machine that was asked for, and what runs on it.

    Args:
        world: The double.
        deployment: Whose it is.
        serving: What it runs.

    Attributes:
        ready: Whether it answers.
        underway: Requests that are on their way to it.
    """

    def __init__(self, world: World, deployment: Deployment, serving: Serving) -> None:
        self.id = secrets.token_hex(4)
        self.ready = False
        self.underway = Underway()
        self.serving = serving
        self._world, self._deployment = world, deployment
        self._container: Container | None = None
        self._folder = world.folder / self.id
        self._lock = threading.RLock()
        self._gone = False
        world.figures.count(deployment.endpoint, 1)

    def start(self) -> None:
        """Bring the model's files and start the container.

        Raises:
            Broken: Image or model are missing, or the command cannot be run.
        """
        folder = None
        if self.serving.model is not None:
            folder = self._folder
            if not self._world.blobs.download(*self.serving.model, folder):
                raise Broken("model", "/".join(self.serving.model))
            self._step("ModelDownload", "Succeeded")
        try:
            wish = Wish(
                name=f"azureml-double-{self.id}-{secrets.token_hex(2)}",
                image=pulled(self._world, self.serving.image),
                environment=self.serving.environment,
                model=folder,
                isolated=False,
                platform="linux/amd64",
                arguments=(),
                port=self.serving.scoring.port,
                mount=self.serving.mount,
            )
            started = self._world.containers.start(wish)
        except (NoImage, OSError) as error:
            self._step("UserContainerImagePull", "Failed")
            self._event("ImagePullFailed", "Image pull failed, retrying. Please check image-fetcher log for detail.")
            raise Broken("image", str(error)) from error
        except NotStarted as error:
            self._step("UserContainerStart", "Failed")
            self._deployment.kept.append((self._world.now(), str(error)))
            raise Broken("crash", str(error)) from error
        self._step("UserContainerImagePull", "Succeeded")
        self._step("UserContainerStart", "InProgress")
        with self._lock:
            if not self._gone:
                self._container = started
                return
        started.stop(0)  # it was stopped while this one was being started
        raise Broken("canceled")

    def await_ready(self, stopped: Signal) -> None:
        """Return when it is ready.

        Documented: the liveness probe says whether the container is to be started again, the readiness probe whether it
        gets requests; after failureThreshold failures the deployment fails.

        Raises:
            Broken: It did not become ready, with Azure's own text; or the signal was set.
        """
        clock, durations, began, restarts, good = (
            self._world.clock,
            self._world.options.durations,
            self._world.clock.monotonic(),
            0,
            0,
        )
        while True:
            if stopped.is_set() or self._gone or self._container is None:
                raise Broken("canceled")
            if (code := self._container.exit_code()) is not None:
                if restarts >= durations.restarts:
                    raise Broken("crash", f"the container ended with exit code {code}")
                restarts, good = restarts + 1, 0
                self._event("BackOff", f"the container ended with exit code {code} and is started again")
                self._again()
                continue
            said = self._probe(self.serving.readiness)
            good = good + 1 if said == 200 else 0
            if good >= self.serving.readiness.successes:
                break
            if said != 200:
                self._late(clock.monotonic() - began, said)
            clock.wait(durations.probe_every / clock.scale, stopped)
        self.ready = True
        self._step("UserContainerStart", "Succeeded")
        self._event("ContainerReady", "Container is ready")

    def _late(self, passed: float, said: int) -> None:
        factor, serving = self._world.options.durations.probes, self.serving
        alive = self._probe(serving.liveness)
        if alive != 200 and passed >= serving.liveness.limit * factor:
            raise Broken("liveness", f"HTTP probe failed with statuscode: {alive}")
        if passed >= serving.readiness.limit * factor:
            raise Broken("readiness", f"HTTP probe failed with statuscode: {said}")

    def _probe(self, probe: Probe) -> int:
        """The status of a probe; 502 where nobody answers, as a proxy beside the container says (recorded)."""
        container = self._container
        if container is None:
            return 502
        timeout = max(0.05, probe.timeout)
        connection = http.client.HTTPConnection(*container.address, timeout=timeout)
        try:
            connection.request("GET", probe.route.path)
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 502
        finally:
            connection.close()
        return 200 if 200 <= status < 400 else status

    def _again(self) -> None:
        with self._lock:
            container, self._container = self._container, None
        if container is not None:
            self._deployment.kept += container.lines()
            container.stop(0)
        self.start()

    def mend(self) -> None:
        """Start what ended by itself again, as the service does; it is not ready meanwhile."""
        with self._lock:
            if self._gone or not self.ready or not self.ended:
                return
            self.ready = False
        with contextlib.suppress(Broken):
            self._again()
            self.await_ready(self._world.closing)

    @property
    def ended(self) -> bool:
        """Whether its container ended by itself."""
        return self._container is not None and self._container.exit_code() is not None

    def crash(self) -> None:
        """Kill its container, which ends as if by itself."""
        if self._container is not None:
            self._container.kill()

    def lines(self) -> list[tuple[float, str]]:
        """What its container has written: (seconds since the epoch, line)."""
        return [] if self._container is None else self._container.lines()

    def ask(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str], timeout: float
    ) -> tuple[http.client.HTTPResponse, http.client.HTTPConnection]:
        """Send the container a request.

        Raises:
            OSError: No answer within those real seconds, or no connection.
            http.client.HTTPException: The answer is no HTTP.
        """
        container = self._container
        if container is None:
            raise ConnectionRefusedError("the container is gone")
        connection = http.client.HTTPConnection(*container.address, timeout=timeout)
        try:
            connection.request(method, path, body, dict(headers))
            return connection.getresponse(), connection
        except BaseException:
            connection.close()
            raise

    def stop(self, grace: float | None = None) -> None:
        """End it, its output kept; nothing where it is gone.

        Args:
            grace: Real seconds between SIGTERM and SIGKILL; by default the options'.
        """
        with self._lock:
            if self._gone:
                return
            self._gone, self.ready = True, False
            container = self._container
        if container is not None:
            seconds = self._world.options.durations.grace if grace is None else grace
            self.underway.close(seconds)
            container.stop(seconds)
            self._deployment.kept += container.lines()
        self._world.figures.count(self._deployment.endpoint, -1)

    def _step(self, name: str, state: str) -> None:
        self._deployment.steps[name] = state

    def _event(self, kind: str, message: str) -> None:
        self._deployment.events.append((self._world.now(), kind, message))
