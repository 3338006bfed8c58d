"""The other side of the driver: hands it jobs, and tells how each ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deployer.value import JSON

if sys.platform == "win32":
    raise ImportError("the crash matrix kills by signals, as Unix does")

__all__ = ["Ended", "Engine"]


@dataclass(frozen=True)
class Ended:
    """How a command's process ended.

    Attributes:
        killed: Before which effect it killed itself; None when it did not.
        code: The exit code; None when it was killed.
        error: What it said.
        effects: All of them, in order; empty when it was killed.
    """

    killed: str | None
    code: int | None
    error: str
    effects: tuple[str, ...]


class Engine:
    """Runs commands of the real engine in processes of their own; a context manager.

    Args:
        folder: For the empty homes and the answers.
        seconds: After which a command that does not end is killed, and told as a failure.
    """

    def __init__(self, folder: Path, *, seconds: int = 120) -> None:
        self._folder = folder
        self._seconds = seconds
        self._driver: subprocess.Popen[str] | None = None

    def __enter__(self) -> Engine:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._driver = subprocess.Popen(
            [sys.executable, "-m", "deployer.testing.crash.driver"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        if self._driver is not None:
            with self._driver:
                if self._driver.stdin is not None:
                    self._driver.stdin.close()

    def run(self, job: Mapping[str, JSON], *, kill_at: int = 0) -> Ended:
        """Run one command from an empty HOME.

        Args:
            job: As `deployer.testing.crash.driver.run`, and ``environ``: variables of its environment.
            kill_at: Before which effect it kills itself, from 1; 0: never.

        Raises:
            RuntimeError: It ended as no command may: by another signal, by a fault, or it hung.
        """
        with tempfile.TemporaryDirectory(dir=self._folder, prefix="home-", ignore_cleanup_errors=True) as home:
            answer = Path(home).with_suffix(".answer")
            status = self._status({
                "to": None, "pause": None, **job, "kill_at": kill_at, "home": home, "answer": str(answer),
                "seconds": self._seconds,
            })  # fmt: skip
            told = json.loads(answer.read_text(encoding="utf-8")) if answer.exists() else {}
            answer.unlink(missing_ok=True)
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL and "killed" in told:
            return Ended(killed=told["killed"], code=None, error="", effects=())
        if status or "code" not in told:
            raise RuntimeError(f"{job['verb']} ended with the wait status {status}: a fault, or it hung")
        return Ended(killed=None, code=told["code"], error=told["error"], effects=tuple(told["effects"]))

    def _status(self, job: JSON) -> int:
        driver = self._driver
        if driver is None or driver.stdin is None or driver.stdout is None:
            raise RuntimeError("an Engine is used in a with block")
        driver.stdin.write(json.dumps(job) + "\n")
        driver.stdin.flush()
        line = driver.stdout.readline()
        if not line:
            raise RuntimeError("the driver ended")
        return int(json.loads(line)["status"])
