"""deployer as a contender: ``build``, ``create`` and ``update``, by the command, with caches of the bench's own."""

from __future__ import annotations

import http.client
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bench.contest.engine import Base, Engine, Unusable
from bench.contest.mirror import Mirror
from bench.contest.running import Ran, clean_environment, run

__all__ = ["Endpoint", "Ours", "Watch", "has_docker"]

COMMAND = Path(sys.executable).with_name("deployer")
REVISION = "deployer-revision"
"""The header of an answer that says which revision gave it."""

_PAUSE = 0.005


@dataclass(frozen=True)
class Ours:
    """The command, with a cache folder of one round.

    Args:
        cache: Nothing of it is there when a round begins: no wheel, no layer, no fact of a base.
    """

    cache: Path
    engine: Engine
    mirror: Mirror
    folder: Path
    name: str = "deployer"

    def build(self, model: Path, image: str, base: Base) -> Ran:
        """The model's image, on the engine."""
        return self.command("build", str(model), *self._settings(base), "--to", f"docker-daemon:{image}")

    def compute(self, model: Path, base: Base) -> Ran:
        """Make the layers, and bring them nowhere."""
        return self.command("build", str(model), *self._settings(base), "--target", "docker")

    def push(self, model: Path, image: str, base: Base, place: str) -> Ran:  # noqa: ARG002 - the engine's is not needed
        """The model's image, to a registry; its layers come from the cache."""
        return self.command("build", str(model), *self._settings(base), "--target", "docker", "--to", place)

    @contextmanager
    def endpoint(self, name: str, model: Path, base: Base) -> Iterator[Endpoint]:
        """An endpoint on the engine, healthy; deleted after the block."""
        settings = self._settings(base)
        if gateway := os.environ.get("DEPLOYER_TEST_GATEWAY_IMAGE"):
            settings += ("--set", f"config.gateway_image={gateway}")
        try:
            self.command("create", name, "--model", str(model), "--target", "docker", *settings)
            told = json.loads(self.command("status", name, "--target", "docker", "--output", "json").out)
            yield Endpoint(self, name, told["url"])
        finally:
            self.command("delete", name, "--target", "docker", "--yes", "--missing-ok")

    def command(self, *words: str) -> Ran:
        """One command, with no settings of the person who runs the bench."""
        own = {f"XDG_{kind}_HOME": str(self.folder / kind.lower()) for kind in ("DATA", "STATE", "CONFIG")}
        environment = clean_environment(XDG_CACHE_HOME=str(self.cache), DOCKER_HOST=self.engine.host, **own)
        return run([COMMAND, *words], environment, self.folder)

    def _settings(self, base: Base) -> tuple[str, ...]:
        return ("--set", f"image.base={base.name}", "--set", f"requirements.index_url={self.mirror.url}")


@dataclass(frozen=True)
class Updated:
    """How long an update took, in seconds from the command's start.

    Attributes:
        switched: To the first answer of the new revision at the endpoint's address, as a client sees it.
        ended: To the command's end, the old revision being gone.
        steps: Each of its steps, by itself.
    """

    switched: float
    ended: float
    steps: dict[str, float]


@dataclass(frozen=True)
class Endpoint:
    """An endpoint that is there."""

    ours: Ours
    name: str
    url: str

    def update(self, model: Path, body: bytes) -> Updated:
        """Give it another model."""
        with Watch(self.url, body) as watch:
            began = time.perf_counter()
            words = ("--model", str(model), "--target", "docker", "--events", "jsonl")
            done = self.ours.command("update", self.name, *words)
        if watch.changed is None:
            raise Unusable(f"the endpoint {self.name} was updated, and still answers by its old revision")
        events = [json.loads(line) for line in done.out.splitlines()]
        steps = {each["step"]: float(each["seconds"]) for each in events if each["event"] == "step-done"}
        return Updated(watch.changed - began, done.seconds, steps)


class Watch:
    """Asks an endpoint again and again, until another revision answers than at first.

    Attributes:
        changed: When that was, by `time.perf_counter`; None if it has not been.
    """

    def __init__(self, url: str, body: bytes) -> None:
        self._at, self._body, self._first = urlsplit(url), body, ""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watch", daemon=True)
        self.changed: float | None = None

    def __enter__(self) -> Watch:
        self._first = self._answering() or ""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(5 if self.changed is None else None)
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.is_set() and self.changed is None:
            if (found := self._answering()) and found != self._first:
                self.changed = time.perf_counter()
            self._over.wait(_PAUSE)

    def _answering(self) -> str | None:
        """The revision that answers; None if nobody does."""
        connection = http.client.HTTPConnection(str(self._at.hostname), self._at.port, timeout=10)
        try:
            connection.request("POST", "/invocations", self._body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            return answer.getheader(REVISION) if answer.status == 200 else None
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()


def has_docker(ours: Ours) -> bool:
    """Whether ``deployer targets`` knows ``docker``."""
    told = json.loads(ours.command("targets", "--output", "json").out)
    return any(each["name"] == "docker" and each["usable"] for each in told["targets"])
