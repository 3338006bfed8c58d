"""A place for engine tests: the memory target's store inside the test's own process, under a clock that tests move.

Each verb is asked as JSON, as over the store's socket. A test may have something happen before or after any request.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from deployer import Deployer, DeploymentSpec
from deployer.endpoint import Endpoint, Record
from deployer.engine.events import Event
from deployer.errors import TargetUnavailable
from deployer.registry import Registry
from deployer.settings import Settings
from deployer.target import Site
from deployer.testing.memory import MemoryOptions, MemoryTarget
from deployer.testing.memory.place import Fault
from deployer.testing.memory.store import Store

__all__ = ["FakeClock", "InProcess", "Place", "packaged"]

MUTATING = ("configure", "stage", "route", "retire", "destroy", "keep_secrets", "write_record")


class FakeClock:
    """Time passes when somebody sleeps, and alarms ring on the way."""

    def __init__(self) -> None:
        self.time = 1_700_000_000.0
        self.alarms: list[tuple[float, Callable[[], None]]] = []

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time - 1_000.0

    def sleep(self, seconds: float) -> None:
        until = self.time + seconds
        for alarm in sorted(self.alarms, key=lambda each: each[0]):
            if alarm[0] <= until:
                self.alarms.remove(alarm)
                self.time = max(self.time, alarm[0])
                alarm[1]()
        self.time = until

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Let something happen then."""
        self.alarms.append((self.time + seconds, act))


def _store(clock: FakeClock) -> Any:
    """A store under that clock. Untyped, because there is none on Windows."""
    made: Any = Store()
    made.now = lambda: clock.time + made.ahead
    return made


class _Inside:
    """In the place of the store's socket."""

    def __init__(self, store: Any, before: Callable[[str], None], after: Callable[[str], None]) -> None:
        self.store, self.before, self.after = store, before, after

    def ask(self, verb: str, arguments: Any, *, fault: str | None = None, seconds: float = 0.0) -> Any:
        self.before(verb)
        asked = json.loads(json.dumps({"verb": verb, "arguments": arguments, "fault": fault}))
        answered = self.store.answer(asked)
        self.after(verb)
        if answered is None:
            raise TargetUnavailable("the answer was lost", transient=True, where=verb)
        return json.loads(json.dumps(answered))


class InProcess(MemoryTarget):
    """One connection to the store."""

    def __init__(self, store: Any, clock: FakeClock, *, owner: str = "default", faults: Sequence[Fault] = ()) -> None:
        super().__init__(MemoryOptions(root=Path("unused")), Site("memory", owner), faults=faults)
        self.clock = clock
        self.asked: list[str] = []
        self.before: Callable[[str, int], None] = lambda _verb, _count: None
        self.after: Callable[[str, int], None] = lambda _verb, _count: None
        self._wire = _Inside(store, self._before, self._after)  # type: ignore[assignment]

    def _before(self, verb: str) -> None:
        self.asked.append(verb)
        self.before(verb, self.asked.count(verb))

    def _after(self, verb: str) -> None:
        self.after(verb, self.asked.count(verb))

    def watch(self, endpoint: str, seconds: float) -> None:
        self.clock.sleep(seconds)


_REGISTRY = Registry()
"""One for all: to find entry points takes longer than a whole release here."""


class Place:
    """A store with its clock, and Deployers that work on it."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store = _store(self.clock)

    def copy(self) -> Place:
        """Another one, in which everything is the same."""
        made = Place()
        made.clock.time = self.clock.time
        made.store.state = copy.deepcopy(self.store.state)
        return made

    def deployer(self, by: str = "ada@laptop", *, owner: str = "default", faults: Sequence[Fault] = ()) -> Deployer:
        """Somebody who works on it."""
        made = Deployer(
            settings=Settings(default_target="memory"), registry=_REGISTRY, owner=owner, by=by, clock=self.clock
        )
        made._targets["memory"] = InProcess(self.store, self.clock, owner=owner, faults=faults)
        return made

    @staticmethod
    def target(deployer: Deployer) -> InProcess:
        found = deployer._targets["memory"]
        assert isinstance(found, InProcess)
        return found

    def record(self, name: str = "iris") -> Record:
        stored = self.store.state.records[name][1]
        return Record.model_validate(stored)

    def live(self, name: str = "iris") -> Endpoint:
        found = InProcess(self.store, self.clock).observe(name)
        assert found is not None
        return found

    def holdings(self) -> dict[str, Any]:
        """All that is in the store."""
        found: dict[str, Any] = self.store._place_holdings()
        return found

    @property
    def empty(self) -> bool:
        self.store.state.settle(self.store.now())
        return bool(self.store.state.empty)


class Heard(list[Event]):
    """A listener that keeps what it was told."""

    def __call__(self, event: Event) -> None:
        self.append(event)

    def steps(self) -> list[str]:
        """The steps that ended well."""
        return [str(getattr(each, "step", "")) for each in self if each.event == "step-done"]


def packaged(folder: Path, *, weights: str = "1", requirements: str = "numpy\n", example: bool = True) -> Path:
    """A small packaged model, made by hand."""
    folder.mkdir(parents=True, exist_ok=True)
    said = (
        "saved_input_example_info:\n  artifact_path: input_example.json\n"
        "  serving_input_path: serving_input_example.json\n  type: dataframe\n"
    )
    flavor = "loader_module: x\n    python_version: 3.11.7\n    env: {virtualenv: python_env.yaml}\n"
    texts: Mapping[str, str] = {
        "MLmodel": f"flavors:\n  python_function:\n    {flavor}{said if example else ''}",
        "python_env.yaml": "python: 3.11.7\ndependencies: [-r requirements.txt]\n",
        "requirements.txt": requirements,
        "weights": weights,
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    if example:
        (folder / "serving_input_example.json").write_text('{"inputs": [[1.0], [2.0]]}')
        (folder / "input_example.json").write_text("[[1.0], [2.0]]")
    return folder


def wish(model: Path, name: str = "iris", **fields: Any) -> DeploymentSpec:
    """A spec on the place's target."""
    return DeploymentSpec(name=name, model=str(model), target="memory", **fields)
