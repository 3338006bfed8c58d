"""The double as a process of its own, to test a command line."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from deployer.errors import TargetUnavailable
from deployer.testing.azureml.double import tell

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Spawned"]


class Spawned:
    """``python -m deployer.testing.azureml`` with these arguments, as a context manager.

    Args:
        arguments: As on the command line; ``--help`` lists them.
        seconds: What it has to end in; its containers are stopped then.

    Attributes:
        url: Where it is.
        ca: The file of its authority.
        environment: As `deployer.testing.azureml.double.Double.environment`.
        proxied: As `deployer.testing.azureml.double.Double.proxied`; empty without ``--proxy``.
        workspace: The path of the usual workspace in ARM.

    Raises:
        TargetUnavailable: It does not start; with what it said.
    """

    def __init__(self, arguments: Sequence[str] = (), *, seconds: float = 60.0) -> None:
        self._command = [sys.executable, "-m", "deployer.testing.azureml", *arguments]
        self._seconds = seconds
        self._process: subprocess.Popen[str] | None = None
        self.url = self.ca = self.workspace = ""
        self.environment: dict[str, str] = {}
        self.proxied: dict[str, str] = {}

    def __enter__(self) -> Spawned:
        process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        line = process.stdout.readline() if process.stdout is not None else ""
        if not line:
            with process:
                code = process.wait(self._seconds)
            raise TargetUnavailable(f"the Azure ML double does not start (exit {code})", where=" ".join(self._command))
        told: dict[str, Any] = json.loads(line)
        self._process, self.url, self.ca, self.workspace = process, told["url"], told["ca"], told["workspace"]
        self.environment, self.proxied = told["environment"], told["proxied"]
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

    def tell(self, method: str, route: str, value: Any = None) -> Any:
        """Ask an admin route, as `deployer.testing.azureml.double.Double.tell` does."""
        return tell(self.url, self.ca, method, route, value)

    def fault(self, operation: str, **more: Any) -> None:
        """Let something go wrong: the members of `deployer.testing.azureml.faults.Fault`."""
        self.tell("POST", "faults", {"operation": operation, **more})
