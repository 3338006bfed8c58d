"""A double as a process of its own, for whoever already has one in theirs, or tests a command line."""

from __future__ import annotations

import json
import subprocess
import sys
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, TypeVar

from deployer.errors import TargetUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["SpawnedDouble"]

_Self = TypeVar("_Self", bound="SpawnedDouble")


class SpawnedDouble(ABC):
    """``python -m MODULE`` with these arguments, as a context manager.

    Args:
        arguments: As on the command line; ``--help`` lists them.
        seconds: What it has to end in; its containers are stopped then.

    Raises:
        TargetUnavailable: It does not start; with what it said.
    """

    module: str
    """What is run."""
    called: str
    """What it is, for errors."""

    def __init__(self, arguments: Sequence[str] = (), *, seconds: float = 60.0) -> None:
        self._command = [sys.executable, "-m", self.module, *arguments]
        self._seconds = seconds
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self: _Self) -> _Self:
        process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        line = process.stdout.readline() if process.stdout is not None else ""
        if not line:
            with process:
                code = process.wait(self._seconds)
            raise TargetUnavailable(f"{self.called} does not start (exit {code})", where=" ".join(self._command))
        self._process = process
        self._learn(json.loads(line))
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is None:
            return
        with self._process as process:
            process.terminate()
            try:
                process.wait(self._seconds)
            except subprocess.TimeoutExpired:
                process.kill()
        self._process = None

    @property
    def process(self) -> subprocess.Popen[str]:
        """The process, inside the ``with`` block."""
        if self._process is None:
            raise RuntimeError("a double is used in a with block")
        return self._process

    @abstractmethod
    def _learn(self, told: Mapping[str, Any]) -> None:
        """Keep what its first line says."""

    @abstractmethod
    def tell(self, method: str, route: str, value: Any = None) -> Any:
        """Ask an admin route, as the double in this process does."""

    def fault(self, operation: str, **more: Any) -> None:
        """Let something go wrong: the members of the double's own ``Fault``."""
        self.tell("POST", "faults", {"operation": operation, **more})
