"""One instance of a variant: its containers, their health and their log."""

from __future__ import annotations

import contextlib
import http.client
import re
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deployer.testing.cloud.containers import Container, NoImage, NotStarted, Wish
from deployer.testing.cloud.underway import Underway
from deployer.testing.sagemaker import artifacts
from deployer.testing.sagemaker.faults import REASONS

if TYPE_CHECKING:
    from deployer.testing.cloud.clock import Signal
    from deployer.testing.sagemaker.state import Model, Region
    from deployer.testing.sagemaker.world import World

__all__ = ["Broken", "Instance", "platform"]

_ARM = re.compile(r"ml\.[a-z]+\d+g[a-z]*\.")


class Broken(Exception):
    """It cannot serve; the text is the endpoint's FailureReason."""


def platform(instance_type: str) -> str:
    """``linux/arm64`` for Graviton (``ml.m7g.large``), ``linux/amd64`` for all else (documented)."""
    return "linux/arm64" if _ARM.match(instance_type) else "linux/amd64"


@dataclass
class _Part:
    hostname: str
    container: Container
    sent: int = 0


class Instance:
    """A machine that was asked for, and what runs on it.

    Args:
        world: The double.
        region: Where.
        endpoint: The endpoint's name.
        wish: The variant's entry of the configuration.
        model: What it serves.

    Attributes:
        id: As EC2's: ``i-`` and sixteen digits.
        ready: Whether it answers.
        underway: Requests that are on their way to it.
    """

    def __init__(self, world: World, region: Region, endpoint: str, wish: Mapping[str, Any], model: Model) -> None:
        self.id = f"i-{secrets.token_hex(8)}"
        self.ready = False
        self.underway = Underway()
        self._world, self._region, self._endpoint = world, region, endpoint
        self._wish, self._model = wish, model
        self._parts: list[_Part] = []
        self._said: list[tuple[float, str]] = []
        self._lock = threading.RLock()
        self._gone = False
        self._folder = world.folder / self.id
        self._type = "" if wish.get("ServerlessConfig") else str(wish.get("InstanceType", ""))
        if self._type:
            world.ledger.add(endpoint, self._type, 1)

    @property
    def variant(self) -> str:
        return str(self._wish["VariantName"])

    @property
    def stream(self) -> str:
        """Its log's stream: ``VARIANT/INSTANCE`` (documented)."""
        return f"{self.variant}/{self.id}"

    def start(self) -> None:
        """Start its containers.

        Raises:
            Broken: Image or data are missing, or a command cannot be run.
        """
        for number, container in enumerate(self._model.containers):
            hostname = str(container.get("ContainerHostname") or f"container_{number + 1}")
            folder = self._folder / hostname
            folder.mkdir(parents=True)
            try:
                found = artifacts.fetch(
                    self._world.inside.client("s3", self._region.name, self._region.account), container, folder
                )
                started = self._world.containers.start(self._wanted(number, container, folder if found else None))
            except artifacts.Missing as error:
                self._said.append((self._world.clock.now(), str(error)))
                raise Broken(REASONS["model-data"].format(url=error.url)) from error
            except NoImage as error:
                self._said.append((self._world.clock.now(), str(error)))
                raise Broken(REASONS["images"].format(variant=self.variant)) from error
            except NotStarted as error:
                self._said.append((self._world.clock.now(), str(error)))
                raise Broken(REASONS["start"].format(variant=self.variant)) from error
            with self._lock:
                if not self._gone:
                    self._parts.append(_Part(hostname, started))
                    continue
            started.stop(0)  # it was stopped while this one was being started
            raise Broken("deleted")

    def _wanted(self, number: int, container: Mapping[str, Any], folder: Path | None) -> Wish:
        image = self._model.images[number]
        return Wish(
            name=f"sagemaker-double-{self.id}-{number}",
            image=image.pulled or image.resolved or image.specified,
            environment=dict(container.get("Environment") or {}),
            model=folder,
            isolated=bool(self._model.request.get("EnableNetworkIsolation")),
            platform=platform(self._type),
        )

    def await_ready(self, stopped: Signal) -> None:
        """Return when each of its containers answered a /ping with 200.

        Documented: each ping has 2 s, the whole ContainerStartupHealthCheckTimeoutInSeconds. That a container which has
        ended is waited for no longer is ours alone: AWS starts it again until the time is out.

        Raises:
            Broken: They did not, with AWS's own text; or the signal was set.
        """
        durations, clock = self._world.options.durations, self._world.clock
        usual = durations.serverless_startup if self._wish.get("ServerlessConfig") else durations.startup
        until = clock.monotonic() + float(self._wish.get("ContainerStartupHealthCheckTimeoutInSeconds") or usual)
        for part in self._parts:
            while not self._ping(part):
                late, ended = clock.monotonic() >= until, part.container.exit_code() is not None
                if late or ended or stopped.is_set():
                    raise Broken(REASONS["ping"].format(variant=self.variant))
                clock.wait(durations.ping_every / clock.scale, stopped)
        self.ready = True

    def _ping(self, part: _Part) -> bool:
        connection = http.client.HTTPConnection(*part.container.address, timeout=self._world.options.durations.ping)
        try:
            connection.request("GET", "/ping")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def mend(self) -> None:
        """Start what ended by itself again, as the service does (documented); it is not ready meanwhile."""
        with self._lock:
            ended = [part for part in self._parts if part.container.exit_code() is not None]
            if not ended or self._gone or not self.ready:
                return
            self.ready = False
        self.ship()
        for part in self._parts:
            part.container.stop(0)
        self._parts.clear()
        self._folder = self._folder.with_name(f"{self.id}-{secrets.token_hex(2)}")
        with contextlib.suppress(Broken):
            self.start()
            self.await_ready(self._world.closing)

    def crash(self) -> None:
        """Kill its containers, which end as if by themselves."""
        for part in self._parts:
            part.container.kill()

    @property
    def ended(self) -> bool:
        """Whether one of its containers ended by itself."""
        return any(part.container.exit_code() is not None for part in self._parts)

    @property
    def hostnames(self) -> list[str]:
        """Its containers' names, in the order of the model."""
        return [part.hostname for part in self._parts]

    def ask(
        self, body: bytes, headers: Mapping[str, str], timeout: float, hostname: str | None = None
    ) -> tuple[http.client.HTTPResponse, http.client.HTTPConnection]:
        """Send /invocations to one container, by default the first.

        Raises:
            OSError: No answer within those real seconds, or no connection.
            http.client.HTTPException: The answer is no HTTP.
        """
        part = next((each for each in self._parts if each.hostname == hostname), self._parts[0])
        connection = http.client.HTTPConnection(*part.container.address, timeout=timeout)
        try:
            connection.request("POST", "/invocations", body, dict(headers))
            return connection.getresponse(), connection
        except BaseException:
            connection.close()
            raise

    def ship(self) -> None:
        """Bring its new lines to CloudWatch: group ``/aws/sagemaker/Endpoints/NAME`` (documented)."""
        logs = self._world.inside.client("logs", self._region.name, self._region.account)
        group, seen = (
            f"/aws/sagemaker/Endpoints/{self._endpoint}",
            self._world.clock.now() - self._world.options.durations.logs,
        )
        with self._lock:
            own, self._said = self._said, []
            _put(logs, group, self.stream, own)
            for part in self._parts:
                new = [line for line in part.container.lines()[part.sent :] if line[0] <= seen or self._gone]
                part.sent += len(new)
                # Documented: in an inference pipeline each container has a stream of its own.
                _put(logs, group, self.stream if len(self._parts) == 1 else f"{self.stream}/{part.hostname}", new)

    def stop(self, grace: float | None = None) -> None:
        """End it, its log shipped; nothing where it is gone.

        Args:
            grace: Real seconds between SIGTERM and SIGKILL; by default the options'.
        """
        with self._lock:
            if self._gone:
                return
            self._gone, self.ready = True, False
        seconds = self._world.options.durations.grace if grace is None else grace
        self.underway.close(seconds)
        for part in self._parts:
            part.container.stop(seconds)
        self.ship()
        if self._type:
            self._world.ledger.add(self._endpoint, self._type, -1)


def _put(logs: Any, group: str, stream: str, lines: list[tuple[float, str]]) -> None:
    if not lines:
        return
    with contextlib.suppress(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_group(logGroupName=group)
    with contextlib.suppress(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
    events = [
        {"timestamp": int(at * 1000), "message": text or " "} for at, text in sorted(lines, key=lambda line: line[0])
    ]
    for start in range(0, len(events), 5000):
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events[start : start + 5000])
