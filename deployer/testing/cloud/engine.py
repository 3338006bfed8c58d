"""Real containers, one for each container of each instance, started as SageMaker does: ``docker run IMAGE serve``.

They listen on loopback, have a label ``deployer.sagemaker-double``, and go with the double. Documented: Developer
Guide, your-algorithms-inference-code.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any

from deployer.errors import SpecError, TargetUnavailable
from deployer.testing.cloud.containers import NoImage, NotStarted, Wish

if TYPE_CHECKING:
    from deployer.testing.cloud.images import Registry

__all__ = ["LABEL", "DockerContainers", "Running"]

LABEL = "deployer.sagemaker-double"


class Running:
    """A `deployer.testing.cloud.containers.Container` of the engine.

    Args:
        container: docker-py's.
        address: Where its port is reached.
    """

    def __init__(self, container: Any, address: tuple[str, int]) -> None:
        self._container = container
        self._address = address
        self._kept: list[tuple[float, str]] | None = None
        self._code: int | None = None
        self._lock = threading.Lock()

    @property
    def address(self) -> tuple[str, int]:
        return self._address

    def exit_code(self) -> int | None:
        with self._lock:
            if self._code is None:
                state = _found(self._container)
                if state is None or state["Status"] in ("exited", "dead"):
                    self._code = int((state or {}).get("ExitCode", 137))
            return self._code

    def lines(self) -> list[tuple[float, str]]:
        if self._kept is not None:
            return self._kept
        try:
            data: bytes = self._container.logs(timestamps=True)
        except _docker().errors.APIError:
            return []
        return [_line(each) for each in data.decode(errors="replace").splitlines()]

    def kill(self) -> None:
        with contextlib.suppress(_docker().errors.APIError):
            self._container.kill()
            self._container.wait(timeout=30)

    def stop(self, grace: float) -> None:
        with contextlib.suppress(_docker().errors.APIError):
            self._container.stop(timeout=int(grace))
        self._kept = self.lines()
        self._code = self.exit_code() or 0
        with contextlib.suppress(_docker().errors.APIError):
            self._container.remove(force=True, v=True)


def _found(container: Any) -> Mapping[str, Any] | None:
    try:
        container.reload()
    except _docker().errors.APIError:
        return None
    state: Mapping[str, Any] = container.attrs["State"]
    return state


def _line(text: str) -> tuple[float, str]:
    stamp, _, line = text.partition(" ")
    try:
        at = datetime.fromisoformat(stamp[:26].rstrip("Z")).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return time.time(), text
    return at, line


class DockerContainers:
    """`deployer.testing.cloud.containers.Containers` of a Docker engine.

    Args:
        host: ``unix:///var/run/docker.sock``; empty takes DOCKER_HOST.
        registry: Where images are pulled from by digest, with its user and password.
        name: What every name of it begins with.
        label: What its containers are told by.

    Raises:
        SpecError: docker-py is not installed.
        TargetUnavailable: No engine answers.
    """

    def __init__(
        self, host: str = "", registry: Registry | None = None, name: str = "sagemaker-double", label: str = LABEL
    ) -> None:
        docker = _docker()
        try:
            self._client = docker.DockerClient(base_url=host, timeout=120) if host else docker.from_env(timeout=120)
            self._client.ping()
        except docker.errors.DockerException as error:
            raise TargetUnavailable(f"no Docker engine answers: {error}", where=host or "DOCKER_HOST") from error
        self._registry, self._name, self._label = registry, name, label
        self._running: list[Running] = []
        self._network: Any = None
        self._lock = threading.Lock()

    def digest(self, image: str) -> str:
        try:
            found = self._client.images.get(image)
        except _docker().errors.APIError as error:
            raise NoImage(str(error)) from error
        repository = image.partition("@")[0]
        names = [
            each.rpartition("@")[2]
            for each in found.attrs["RepoDigests"] or []
            if each.startswith(repository.rpartition(":")[0])
        ]
        return names[0] if names else str(found.id)

    def start(self, wish: Wish) -> Running:
        docker = _docker()
        image = self._fetched(wish.image)
        options: dict[str, Any] = {"ports": {f"{wish.port}/tcp": ("127.0.0.1", None)}}
        if wish.isolated:
            options = {"network": self._isolated().name}
        if wish.model is not None:
            # Documented: the container has read-only access to it.
            options["volumes"] = {str(wish.model): {"bind": wish.mount, "mode": "ro"}}
        try:
            container = self._client.containers.create(
                image,
                list(wish.arguments) or None,
                name=f"{self._name}-{wish.name}",
                environment=dict(wish.environment),
                labels={self._label: self._name},
                **options,
            )
        except docker.errors.APIError as error:
            raise NotStarted(str(error)) from error
        try:
            container.start()
            container.reload()
            address = _address(container, wish.port, isolated=wish.isolated)
        except (docker.errors.APIError, LookupError) as error:
            with contextlib.suppress(docker.errors.APIError):
                container.remove(force=True, v=True)
            raise NotStarted(str(error)) from error
        running = Running(container, address)
        with self._lock:
            self._running.append(running)
        return running

    def _fetched(self, image: str) -> Any:
        docker = _docker()
        with contextlib.suppress(docker.errors.ImageNotFound):
            return self._client.images.get(image)
        registry = self._registry
        login = None
        if registry is not None and registry.user and image.startswith(registry.address):
            login = {"username": registry.user, "password": registry.password}
        try:
            return self._client.images.pull(image, auth_config=login)
        except docker.errors.APIError as error:
            raise NoImage(str(error)) from error

    def _isolated(self) -> Any:
        """A network without a way out, made when the first isolated model comes."""
        with self._lock:
            if self._network is None:
                self._network = self._client.networks.create(
                    f"{self._name}-isolated", internal=True, labels={self._label: self._name}
                )
            return self._network

    def close(self) -> None:
        for running in self._running:
            running.stop(0)
        with self._lock:
            if self._network is not None:
                with contextlib.suppress(_docker().errors.APIError):
                    self._network.remove()
                self._network = None
        self._client.close()


def _address(container: Any, port: int, *, isolated: bool) -> tuple[str, int]:
    network = container.attrs["NetworkSettings"]
    if isolated:
        return str(next(iter(network["Networks"].values()))["IPAddress"]), port
    bound = (network["Ports"].get(f"{port}/tcp") or [None])[0]
    # One that has ended already has no port: nobody answers there, and its exit is seen.
    return ("127.0.0.1", int(bound["HostPort"])) if bound else ("127.0.0.1", 9)


def _docker() -> Any:
    """docker-py, imported now.

    Raises:
        SpecError: It is not installed.
    """
    try:
        return import_module("docker")
    except ImportError as error:
        raise SpecError(
            f"real containers need the Docker SDK: {error}",
            where="deployer.testing.sagemaker",
            hint="pip install 'mlflow-deployer[docker]'",
        ) from error
