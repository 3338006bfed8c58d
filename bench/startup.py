"""How long a person waits for ``--help``: ours against MLflow's, in one run, medians, with warm bytecode.

And for the installed targets to be found. Ends with 1 when ours is not under a goal. MLflow is compared where its
command is installed.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from deployer.registry import Registry

GOAL = 0.200
"""Seconds for ``deployer --help``."""

FINDING_GOAL = 0.030
"""Seconds until the names of the installed targets are known."""

RUNS = 11
PEER_RUNS = 5


def median_seconds(command: list[str], runs: int, environment: dict[str, str]) -> float:
    """The median wall time of a command, after one run that warms bytecode and disk."""

    def once() -> float:
        start = time.perf_counter()
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - start

    once()
    return statistics.median(once() for _ in range(runs))


def finding_seconds(runs: int) -> float:
    """The median time in which a new registry finds the installed targets, after one that warms the disk."""

    def once() -> float:
        start = time.perf_counter()
        Registry().names()
        return time.perf_counter() - start

    once()
    return statistics.median(once() for _ in range(runs))


def command(name: str) -> list[str] | None:
    """The command of that name beside this Python, else on the PATH."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    return [found, "--help"] if found else None


def main() -> int:
    """Measure, print, and say whether the goal is met."""
    ours, peer = command("deployer"), command("mlflow")
    if ours is None:
        print("error: deployer is not installed; run: make bench", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as bytecode:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment["PYTHONPYCACHEPREFIX"] = bytecode
        seconds = median_seconds(ours, RUNS, environment)
        print(f"deployer --help   {seconds * 1000:7.0f} ms   (goal: under {GOAL * 1000:.0f} ms)")
        if peer:
            theirs = median_seconds(peer, PEER_RUNS, environment)
            print(f"mlflow --help     {theirs * 1000:7.0f} ms   ({theirs / seconds:.1f} times as long)")
    finding = finding_seconds(RUNS)
    print(f"finding targets   {finding * 1000:7.0f} ms   (goal: under {FINDING_GOAL * 1000:.0f} ms)")
    return 0 if seconds < GOAL and finding < FINDING_GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
