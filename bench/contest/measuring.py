"""What is asked of both, in rounds: each on a base that nobody has built on, first the one, then the other."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from bench.contest.engine import Base, Engine, Running, Unusable
from bench.contest.figures import OURS, PEER, Figures
from bench.contest.mirror import Mirror
from bench.contest.mlflow_peer import Peer
from bench.contest.models import Models
from bench.contest.ours import Ours, has_docker
from bench.contest.running import Failed, Ran, steps
from bench.contest.wire import Wire

__all__ = ["Contender", "Counts", "Measuring"]

_WARM = 200
"""Predictions before memory is looked at."""

_KINDS = {
    "apt": "apt-get",
    "pip install mlflow": "pip install",
    "the model's requirements": "_install_pyfunc_deps",
}
"""MLflow's instructions that take long, and what tells them."""


class Contender(Protocol):
    """Who is measured."""

    @property
    def name(self) -> str:
        """As the figures call it."""

    def build(self, model: Path, image: str, base: Base) -> Ran:
        """The model's image, on the engine."""

    def push(self, model: Path, image: str, base: Base, place: str) -> Ran:
        """The image that was built, to ``REGISTRY/REPOSITORY:TAG``."""


@dataclass(frozen=True)
class Counts:
    """How often each thing is measured."""

    rounds: int = 3
    peer_rounds: int = 2
    weights: int = 3
    peer_weights: int = 1
    starts: int = 3
    updates: int = 3


@dataclass
class Measuring:
    """The contest. Figures grow as it goes on; a part that fails is a remark in them, and the rest goes on."""

    run: str
    engine: Engine
    mirror: Mirror
    models: Models
    peer: Peer
    folder: Path
    counts: Counts
    registry: Wire | None
    figures: Figures = field(default_factory=Figures)

    def warm(self, base: Base) -> None:
        """Let both ask the index for all that they need, so that nothing which is timed waits for a network.

        Raises:
            Failed: The example cannot be built at all.
        """
        models = [self.models.first, self.models.second()]
        ours = Ours(self.folder / "cache-warm", self.engine, self.mirror, self.folder)
        for each in models:
            _say(f"warming up: {each.name}, {ours.compute(each, base).seconds:.1f} s")
        shutil.rmtree(ours.cache, ignore_errors=True)
        self.engine.download(base, self.peer.asked(models))
        _say("warming up: what pip asks for")
        self.engine.clean()

    def round(self, number: int, base: Base) -> None:
        """One round; the first one also measures what needs no cold cache."""
        ours = Ours(self.folder / f"cache-{number}", self.engine, self.mirror, self.folder)
        self._try("a", lambda: self._contend(ours, base, number, self.counts.weights))
        if number == 0:
            self._try("b2", lambda: self._updates(ours, base))
        shutil.rmtree(ours.cache, ignore_errors=True)
        if number < self.counts.peer_rounds:
            self._try("a", lambda: self._contend(self.peer, base, number, self.counts.peer_weights))
        self.engine.clean(bases=False)

    def conclude(self) -> None:
        """What follows from several lines: for MLflow, new weights answer when they are built and started."""
        built, start = self.figures.median("b", PEER), self.figures.median("c", PEER)
        if built is not None and start is not None:
            self.figures.add("b2", PEER, built + start)
            self.figures.note("b2", "mlflow: (b) and (c) together, for it has no update; a person moves the traffic")
        for key in ("a", "b", "f"):
            for who in (OURS, PEER):
                if told := _of_which(self.figures.parts.get(f"{key} {who}", [])):
                    self.figures.note(key, f"{who}: {told}")

    def _contend(self, who: Contender, base: Base, number: int, weights: int) -> None:
        first, second = self.models.first, self.models.second()
        built = self._built("a", who, first, base, number)
        other = self._built("f", who, second, base, number)
        others = [self.models.other_weights() for _ in range(weights)]
        images = [self._built("b", who, each, base, number) for each in others]
        if number == 0:
            self._try("c", lambda: self._running(who.name, built, base))
            self._try("f", lambda: self._works(other, second))
            new = (others[0], images[0])
            self._try("g", lambda: self._pushed(who, base, (first, built), new))

    def _built(self, key: str, who: Contender, model: Path, base: Base, number: int) -> str:
        """Build, and write down how long it took and of what."""
        image = f"deployer-bench/{self.run}-{who.name}-{model.name}:{number}"
        sent, fetched = self.mirror.sent, self.mirror.fetched
        ran = who.build(model, image, base)
        self.figures.add(key, who.name, ran.seconds)
        loaded = (self.mirror.sent - sent) / 1e6
        parts = {what[:100]: round(seconds, 2) for what, seconds in steps(ran)}
        told = {"seconds": round(ran.seconds, 2), "downloaded_MB": round(loaded, 1), "steps": parts}
        if (missed := self.mirror.fetched - fetched) > 1e6:
            self.figures.note(key, f"{who.name}: the mirror lacked {missed / 1e6:.0f} MB, which came from the network")
        self.figures.parts.setdefault(f"{key} {who.name}", []).append(told)
        _say(f"({key}) {who.name}: {ran.seconds:.2f} s, {loaded:.0f} MB from the mirror")
        return image

    def _running(self, who: str, image: str, base: Base) -> None:
        size = self.engine.size(image, base)
        self.figures.add("d", who, size)
        body = self.models.body(self.models.first)
        for number in range(self.counts.starts):
            with self.engine.started(image, body) as running:
                self.figures.add("c", who, running.seconds)
                _say(f"(c) {who}: {running.seconds:.2f} s")
                if number == 0:
                    self.figures.add("d1", who, size - (running.kept_by_pip() if who == PEER else 0))
                    self._memory(("e", "e1") if who == OURS else ("e",), who, running, body)
        if who == PEER:
            with self.engine.started(image, body, {"MLFLOW_MODELS_WORKERS": "1"}) as running:
                self._memory(("e1",), who, running, body)

    def _works(self, image: str, model: Path) -> None:
        """An image that does not predict would be no build."""
        with self.engine.started(image, self.models.body(model)):
            pass

    def _memory(self, keys: tuple[str, ...], who: str, running: Running, body: bytes) -> None:
        running.predict(body, _WARM)
        found, name = running.memory()
        for key in keys:
            self.figures.add(key, who, found)
        self.figures.note("e", f"{name} of the container's control group after {_WARM} predictions, both by default")
        _say(f"({keys[0]}) {who}: {found:.0f} MiB")

    def _updates(self, ours: Ours, base: Base) -> None:
        if not has_docker(ours):
            self.figures.note("b2", "deployer: not measured: no docker target")
            return
        body = self.models.body(self.models.first)
        with ours.endpoint(f"bench-{self.run}", self.models.first, base) as endpoint:
            for _ in range(self.counts.updates):
                done = endpoint.update(self.models.other_weights(), body)
                self.figures.add("b2", OURS, done.switched)
                self.figures.add("b3", OURS, done.ended)
                self.figures.parts.setdefault(f"b2 {OURS}", []).append(vars(done))
                told = ", ".join(f"{step} {seconds:.1f}" for step, seconds in done.steps.items())
                _say(f"(b2) {OURS}: switched after {done.switched:.2f} s, ended after {done.ended:.2f} s ({told})")
        self.figures.note(
            "b2", "deployer: `update` on the target docker, until the new revision answers at its address"
        )

    def _pushed(self, who: Contender, base: Base, first: tuple[Path, str], new: tuple[Path, str]) -> None:
        """The first model, so that the registry has its environment; then the same with other weights, counted."""
        if self.registry is None:
            self.figures.note("g", "not measured: the program docker-registry is not installed")
            return
        repository = f"{self.registry.address}/bench/{who.name}"
        who.push(*first, base, f"{repository}:1")
        before = self.registry.sent
        ran = who.push(*new, base, f"{repository}:2")
        sent = (self.registry.sent - before) / 1e3
        self.figures.add("g", who.name, sent)
        self.figures.add("g2", who.name, ran.seconds)
        self.figures.note(
            "g", "all bytes from client to registry, HTTP's own too; the first model had been pushed before"
        )
        _say(f"(g) {who.name}: {sent:.0f} kB in {ran.seconds:.2f} s")

    def _try(self, key: str, measure: Callable[[], None]) -> None:
        try:
            measure()
        except (Failed, Unusable) as error:
            self.figures.note(key, f"not measured in full: {str(error).splitlines()[0]}")
            print(f"error: {error}", file=sys.stderr, flush=True)


def _of_which(builds: list[Mapping[str, Any]]) -> str:
    """Where the time of the first of these builds went."""
    if not builds:
        return ""
    first = builds[0]
    told = [
        f"{kind} {sum(seconds):.1f} s"
        for kind, sign in _KINDS.items()
        if (seconds := [seconds for what, seconds in first["steps"].items() if sign in what])
    ]
    return ", ".join([f"{first['downloaded_MB']:.0f} MB from the mirror", *told])


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)
