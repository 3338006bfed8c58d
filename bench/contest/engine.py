"""The container engine as the bench needs it: bases, sizes, starts, memory, and away with all of it."""

from __future__ import annotations

import http.client
import itertools
import os
import shlex
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docker import DockerClient
from docker.errors import DockerException

from bench.contest.mirror import Mirror

__all__ = ["Base", "Engine", "Running", "Unusable", "connect"]

PORT = "8080/tcp"
_DEADLINE = 180.0
_PAUSE = 0.01
"""Seconds between two attempts at a first prediction."""
_LOOK = 50
"""Attempts after which it is looked whether the container has ended."""

_BASE = """\
FROM {base}
LABEL io.deployer.bench={run}
COPY pip /tmp/pip
COPY pip.conf /etc/pip.conf
RUN python3 -m pip --version || PYTHONPATH=/tmp/pip python3 -m pip install -q --break-system-packages -I pip
RUN command -v python || ln -s "$(command -v python3)" /usr/local/bin/python
COPY round /etc/bench-round
"""
_PIP = """\
[global]
index-url = {url}
trusted-host = {host}
break-system-packages = true
disable-pip-version-check = true
"""
"""What a Debian's Python needs to behave as the official image's, and the mirror."""


class Unusable(Exception):
    """Why nothing can be measured here, as one line."""


@dataclass(frozen=True)
class Base:
    """A base image of this run: its name on the engine, its layers, and its size in bytes."""

    name: str
    layers: tuple[str, ...]
    size: int


class Running:
    """A container that was started, and answers predictions.

    Attributes:
        seconds: From asking the engine for it to its first right answer.
    """

    def __init__(self, container: Any, port: int, seconds: float) -> None:
        self._container, self._port, self.seconds = container, port, seconds

    def predict(self, body: bytes, times: int) -> None:
        """So many predictions, one after the other."""
        for _ in range(times):
            _predicted(self._port, body)

    def kept_by_pip(self) -> float:
        """Megabytes of what pip keeps of its downloads: it lies in the image, and nobody needs it there."""
        told = self._container.exec_run(["sh", "-c", "du -sk /root/.cache/pip | cut -f1"], stderr=False).output
        return int(told.strip() or 0) * 1024 / 1e6

    def memory(self) -> tuple[float, str]:
        """MiB of the container's own memory, without the page cache, and what the control group calls that."""
        told = self._container.stats(stream=False)["memory_stats"]["stats"]
        name = "total_rss" if "total_rss" in told else "anon"
        return told[name] / 2**20, name


class Engine:
    """An engine on this machine.

    Attributes:
        host: Its address, for ``DOCKER_HOST``.
        gateway: This machine's address on the network that builds and containers have.
        version: As it says itself.
    """

    def __init__(self, client: Any, host: str, run: str) -> None:
        self._client, self.host, self._run = client, host, run
        self._rounds: set[str] = set()
        self._labels = {"io.deployer.bench": run}
        self.version = str(client.version()["Version"])
        network = client.api.inspect_network("bridge")["IPAM"]["Config"]
        self.gateway = next((each["Gateway"] for each in network if "Gateway" in each), "")

    def base(self, source: str, folder: Path, number: int, index: Mirror) -> Base:
        """A base that nobody has built on before: what both stand on in one round.

        Args:
            source: The image that it is made of.
            folder: With an unpacked pip in ``pip/``.
            number: The round's; a base of another round has other layers, so that no build finds the last one's.
            index: The package index for pip.

        Raises:
            Unusable: It cannot be made.
        """
        (folder / "pip.conf").write_text(_PIP.format(url=index.url, host=index.host))
        (folder / "round").write_text(f"{self._run} {number}\n")
        (folder / "Dockerfile").write_text(_BASE.format(base=source, run=self._run))
        name = f"python:deployer-bench-{self._run}-{number}"
        try:
            self._client.images.build(path=str(folder), tag=name, rm=True)
        except DockerException as error:
            raise Unusable(f"no base can be made of {source}: {error}") from None
        found = self._client.images.get(name).attrs
        layers = tuple(found["RootFS"]["Layers"])
        self._rounds.add(layers[-1])
        return Base(name, layers, int(found["Size"]))

    def download(self, base: Base, wanted: list[list[str]]) -> None:
        """Have pip fetch packages as an image's build would, so that the index knows them; they are thrown away."""
        commands = [shlex.join(["pip", "download", "-q", "-d", "/tmp/wheels", *each]) for each in wanted]
        self._client.containers.run(base.name, ["sh", "-ec", "\n".join(commands)], remove=True, labels=self._labels)

    def size(self, image: str, base: Base) -> float:
        """Megabytes (a million bytes) of an image beyond its base, uncompressed."""
        return float(self._client.images.get(image).attrs["Size"] - base.size) / 1e6

    def tag(self, image: str, name: str) -> None:
        """Another name for an image, ``REPOSITORY:TAG``."""
        repository, _, tag = name.rpartition(":")
        self._client.images.get(image).tag(repository, tag)

    @contextmanager
    def started(self, image: str, body: bytes, environment: Mapping[str, str] | None = None) -> Iterator[Running]:
        """A container of the image with its own defaults, once it has answered; removed after the block.

        Raises:
            Unusable: It ended, or gave no answer in time; says its log's end.
        """
        began = time.perf_counter()
        container = self._client.containers.run(
            image, detach=True, environment=dict(environment or {}), ports={PORT: ("127.0.0.1", None)},
            labels=self._labels,
        )  # fmt: skip
        try:
            container.reload()
            port = int(container.ports[PORT][0]["HostPort"])
            for attempt in itertools.count(1):
                if _predicted(port, body):
                    break
                if attempt % _LOOK == 0:
                    container.reload()
                if container.status == "exited" or time.perf_counter() - began > _DEADLINE:
                    end = container.logs(tail=20).decode(errors="replace")
                    raise Unusable(f"{image} ended or gave no prediction within {_DEADLINE:.0f} s\n{end}")
                time.sleep(_PAUSE)
            yield Running(container, port, time.perf_counter() - began)
        finally:
            container.remove(force=True)

    def clean(self, *, bases: bool = True) -> None:
        """Away with the run's containers and with every image that stands on a base of it; the bases too, or not."""
        for container in self._client.api.containers(all=True, filters={"label": f"io.deployer.bench={self._run}"}):
            self._client.api.remove_container(container["Id"], force=True)
        for _ in range(2):  # an image goes after those that were made from it
            for found in self._client.api.images(quiet=True, all=True):
                with suppress(DockerException):  # others use the engine, too, and what was listed may be gone
                    layers = list[str](self._client.api.inspect_image(found)["RootFS"].get("Layers") or [""])
                    if self._rounds.intersection(layers) and (bases or layers[-1] not in self._rounds):
                        self._client.api.remove_image(found, force=True)


def connect(run: str) -> Engine:
    """The engine that this machine is set to use.

    Raises:
        Unusable: None answers, or it is not on this machine.
    """
    host = os.environ.get("DEPLOYER_TEST_DOCKER_HOST") or os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    if not host.startswith("unix://"):
        raise Unusable(f"an engine on this machine is needed, and {host} may be another's")
    try:
        return Engine(DockerClient(base_url=host, timeout=900), host, run)
    except (DockerException, OSError) as error:
        raise Unusable(f"no container engine answers at {host} ({type(error).__name__})") from None


def _predicted(port: int, body: bytes) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", "/invocations", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return b"predictions" in answer.read() and answer.status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
