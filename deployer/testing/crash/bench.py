"""Where the crash matrix is run: a place of one kind, and what is deployed there."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Literal

from deployer.target import Request, Site
from deployer.testing.memory import MemoryOptions, MemoryPlace, MemoryTarget

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from deployer.target import Target
    from deployer.value import JSON

__all__ = ["CrashBench", "CrashLot", "MemoryBench", "write_model"]

CrashLot = Literal["first", "second", "failing"]
"""Two revisions that become healthy, and one that does not."""


class CrashBench(ABC):
    """One place, used by one worker of the matrix; a context manager.

    Override it for your target: what it deploys must come to rest in the same number of effects each time.
    """

    kind: str
    """The back end's name, as it is registered."""
    name: str = "crash-test"
    """The endpoint's, where others use the place too."""
    seconds: int = 120
    """After which a command that does not end is taken for one that hangs."""
    pause: float | None = None
    """The most seconds that the engine waits between two looks; None: as long as the target is worth."""
    calls_every: float = 0.005
    """Seconds between an answer and the next request of the client that calls all the while."""
    renumbers: bool = False
    """Whether a second run may make the same revision under another id: a secret whose value the first run did not come
    to store gets another number. Revisions are then compared by their models."""

    def __enter__(self) -> CrashBench:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    @property
    @abstractmethod
    def options(self) -> dict[str, JSON]:
        """The target's options, as JSON."""

    @property
    def own(self) -> Mapping[JSON, str]:
        """What each place has of its own, such as its port, and the word that stands for it in comparisons."""
        return {}

    @abstractmethod
    def connect(self) -> Target:
        """A connection to the place, to look at what is there."""

    @abstractmethod
    def fields(self, lot: CrashLot) -> dict[str, JSON]:
        """A spec's fields for such a revision, without name and target."""

    def environ(self, lot: CrashLot) -> dict[str, str]:  # noqa: ARG002 - for those who override it
        """Variables of the command's environment, for the secrets of `fields`."""
        return {}

    @abstractmethod
    def clear(self) -> None:
        """Remove everything from the place, whatever it is."""

    def begin(self, word: str, prepare: Callable[[], None]) -> None:  # noqa: ARG002 - for those who override it
        """Bring an empty place to where a command starts.

        Args:
            word: The command's; the start is the same for the same word.
            prepare: Makes the start by running commands.
        """
        self.clear()
        prepare()

    @abstractmethod
    def holdings(self) -> JSON:
        """All that is there, in a form that is equal after equal runs: folders, files, processes, sockets, secrets."""

    def request(self) -> Request:
        """A request that the healthy lots answer with 200."""
        body = json.dumps({"inputs": [[1.0, 2.0, 3.0, 4.0]]}).encode()
        return Request(body=body, headers={"Content-Type": "application/json"}, timeout=30.0)


class MemoryBench(CrashBench):
    """A store of its own.

    Args:
        folder: For the store's socket.
        models: Shared by all places of a matrix, so that the same models have the same paths.
        secrets: Whether what is deployed has a secret, whose value every lot changes.
    """

    kind = "memory"

    def __init__(self, folder: Path, models: Path, *, secrets: bool = False) -> None:
        self._models = models
        self.renumbers = secrets
        self._place = MemoryPlace(folder / "store")
        self._saved: dict[str, str] = {}
        for lot in ("first", "second", "failing"):
            write_model(models / lot, lot)

    def __enter__(self) -> CrashBench:
        self._place.start()
        self._saved["empty"] = self._place.save()
        return self

    def __exit__(self, *_: object) -> None:
        self._place.stop()

    @property
    def options(self) -> dict[str, JSON]:
        return {"root": str(self._place.root)}

    def connect(self) -> Target:
        return MemoryTarget(MemoryOptions(root=self._place.root), Site("crash"))

    def fields(self, lot: CrashLot) -> dict[str, JSON]:
        # What is looked at often enough is ready, or gone: so every run needs the same number of looks.
        settle = {"start": "0s", "observations": 2}
        behaviour = "load-fails" if lot == "failing" else "healthy"
        return {
            "model": str(self._models / lot),
            "config": {"behaviour": behaviour, "settle": settle},
            "secrets": {"TOKEN": {"env": "TOKEN"}} if self.renumbers else {},
            "health": {"consecutive": 2},
        }

    def environ(self, lot: CrashLot) -> dict[str, str]:
        return {"TOKEN": f"value-of-{lot}"}

    def clear(self) -> None:
        self._place.load(self._saved["empty"])

    def begin(self, word: str, prepare: Callable[[], None]) -> None:
        if word not in self._saved:
            super().begin(word, prepare)
            self._saved[word] = self._place.save()
        self._place.load(self._saved[word])

    def holdings(self) -> JSON:
        held = self._place.holdings()
        for each in held["endpoints"].values():
            each["secrets"] = sorted(secret.partition("/")[0] for secret in each["secrets"])
        return held


_MLMODEL = """\
flavors:
  python_function:
    env:
      virtualenv: python_env.yaml
    loader_module: model_code
    python_version: 3.11.9
mlflow_version: 2.20.0
model_uuid: 00000000000000000000000000000000
utc_time_created: '2025-01-01 00:00:00.000000'
"""


def write_model(folder: Path, content: str) -> None:
    """Write a packaged model that can be read, and that differs by its content; it is not meant to be loaded."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "MLmodel").write_text(_MLMODEL, encoding="utf-8")
    (folder / "requirements.txt").write_text("numpy\n", encoding="utf-8")
    (folder / "python_env.yaml").write_text(
        "python: 3.11.9\nbuild_dependencies: []\ndependencies:\n- -r requirements.txt\n", encoding="utf-8"
    )
    (folder / "weights.txt").write_text(content, encoding="utf-8")
