"""No test leaves a process behind.

Each child carries the run's name in its environment, and what scrubs its environment still has the run's folder on its
command line or as its working folder. What is left when all tests and fixtures are done fails the run, by name.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.plugins.isolation import MARKER_VARIABLE, ROOT

GRACE_VARIABLE = "DEPLOYER_TEST_GRACE"
GRACE = 5.0
"""Seconds that a process which was told to end may take, unless the variable says otherwise."""

LOOKS = 2
"""How often in a row nothing must be found: a process that forks while we look can be missed once."""

LEFT = pytest.StashKey[list["Left"]]()


@dataclass(frozen=True)
class Left:
    """A process that outlived the run: what it is, and the test that started it where that is known."""

    pid: int
    command: str
    test: str

    def __str__(self) -> str:
        return f"{self.pid}  {self.command[:160]}\n    started by {self.test}"


def _test_of(environment: bytes, run: str) -> str | None:
    prefix = f"{MARKER_VARIABLE}={run} ".encode()
    for entry in environment.split(b"\0"):
        if entry.startswith(prefix):
            return entry[len(prefix) :].decode(errors="replace")
    return None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _in_proc(folder: Path, root: Path) -> Left | None:
    command = _read(folder / "cmdline").replace(b"\0", b" ").decode(errors="replace").strip()
    test = _test_of(_read(folder / "environ"), root.name)
    cwd = ""
    with suppress(OSError):
        cwd = str((folder / "cwd").readlink())  # a zombie has none
    if test is None and f"{root}/" not in command and not f"{cwd}/".startswith(f"{root}/"):
        return None
    return Left(int(folder.name), command or folder.name, test or "a test that scrubbed its environment")


def _in_ps(line: str, root: Path) -> Left | None:
    pid, _, command = line.strip().partition(" ")
    return Left(int(pid), command, "a test") if f"{root}/" in command else None


def running(root: Path) -> list[Left]:
    """The processes of the run whose folder is ``root``, without pytest's own."""
    own = {os.getpid(), os.getppid()}
    if sys.platform == "win32":
        return []
    if sys.platform == "linux":
        found = [_in_proc(folder, root) for folder in Path("/proc").iterdir() if folder.name.isdigit()]
    else:
        listing = subprocess.run(["/bin/ps", "-axo", "pid=,command="], capture_output=True, text=True, check=True)
        found = [_in_ps(line, root) for line in listing.stdout.splitlines()]
    return [left for left in found if left is not None and left.pid not in own]


def still_running(root: Path, *, grace: float, clock: Callable[[], float] = time.monotonic) -> list[Left]:
    """The processes of the run that are there when ``grace`` seconds have passed; returns as soon as there is none."""
    deadline = clock() + grace
    clean = 0
    while clean < LOOKS:
        left = running(root)
        if left and clock() >= deadline:
            return left
        clean = 0 if left else clean + 1
        time.sleep(0.05)
    return []


@pytest.hookimpl(wrapper=True, trylast=True)  # inside the terminal's wrapper, which prints the summary
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, None, None]:
    """When fixtures and workers are gone, look for what is left, end it by its id, and fail the run."""
    yield
    config = session.config
    if hasattr(config, "workerinput") or config.option.collectonly:
        return
    left = still_running(config.stash[ROOT], grace=float(os.environ.get(GRACE_VARIABLE, GRACE)))
    config.stash[LEFT] = left
    for process in left:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(process.pid, signal.SIGKILL)  # type: ignore[attr-defined, unused-ignore]
    if left:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Name what was left."""
    left = config.stash.get(LEFT, [])
    if left:
        terminalreporter.section("processes left behind (ended now)", red=True, bold=True)
        for process in left:
            terminalreporter.line(str(process), red=True)
