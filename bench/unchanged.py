"""How long a person waits for what needs no work, on ``local``: the same ``create`` again, and the same requirements.

Prints medians and ends with 1 when the unchanged ``create`` is not under its goal. The second deployment of the same
requirements is told in parts, since most of it is the model's own start: MLflow is imported and the model loaded.
Needs a package index. Everything lies in a temporary folder, which ``TMPDIR`` moves to another disk.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

GOAL = 1.0
"""Seconds for a ``create`` that changes nothing."""

RUNS = 11
SECOND_RUNS = 3
MODEL = Path(__file__).resolve().parents[1] / "examples" / "models" / "iris"
STEPS = {"environment": "its environment, from the cache", "healthy": "start, load and three good answers"}


class Endpoints:
    """Commands with a data folder and warm bytecode of their own."""

    def __init__(self, folder: Path) -> None:
        own = {name: value for name, value in os.environ.items() if not name.startswith(("DEPLOYER_", "XDG_"))}
        own.pop("PYTHONDONTWRITEBYTECODE", None)
        self._environment = {**own, "XDG_DATA_HOME": str(folder / "data"), "PYTHONPYCACHEPREFIX": str(folder / "pyc")}
        self._command = Path(sys.executable).with_name("deployer")

    def seconds(self, *words: str) -> tuple[float, str]:
        """The wall time of a command that ends well, and what it wrote to stdout."""
        began = time.perf_counter()
        done = subprocess.run(
            [self._command, *words], env=self._environment, capture_output=True, text=True, check=False
        )
        taken = time.perf_counter() - began
        if done.returncode:
            raise SystemExit(f"deployer {' '.join(words)} ended with {done.returncode}\n{done.stderr}")
        return taken, done.stdout

    def create(self, name: str) -> tuple[float, dict[str, float]]:
        """The wall time of a ``create``, and that of its steps."""
        taken, out = self.seconds("create", name, "--model", str(MODEL), "--events", "jsonl")
        events = [json.loads(line) for line in out.splitlines()]
        return taken, {each["step"]: each["seconds"] for each in events if each["event"] == "step-done"}


def _computed(times: os.times_result) -> float:
    """CPU seconds of the commands that have ended: on a machine that is busy, the wall time is others' too."""
    return times.children_user + times.children_system


def told(what: str, seconds: float, note: str = "") -> None:
    """One line of the table."""
    print(f"{what:<52}{seconds * 1000:8.0f} ms{f'   ({note})' if note else ''}")


def main() -> int:
    """Measure, print, and say whether the goal is met."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        endpoints = Endpoints(Path(folder))
        try:
            told("create, nothing cached", endpoints.create("first")[0])
            before = os.times()
            seconds = statistics.median(endpoints.create("first")[0] for _ in range(RUNS))
            told("create, unchanged", seconds, f"goal: under {GOAL * 1000:.0f} ms; median of {RUNS}")
            told("  of which it computed", (_computed(os.times()) - _computed(before)) / RUNS, "mean")
            others = [endpoints.create(f"second-{number}") for number in range(SECOND_RUNS)]
            note = f"median of {SECOND_RUNS}"
            told("create, another name with the same requirements", statistics.median(t for t, _ in others), note)
            for step, what in STEPS.items():
                told(f"  {what}", statistics.median(steps[step] for _, steps in others))
        finally:
            for name in ("first", *(f"second-{number}" for number in range(SECOND_RUNS))):
                endpoints.seconds("delete", name, "--yes", "--missing-ok")
    return 0 if seconds < GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
