"""``python -m deployer.testing.crash --target memory --report reports/crash-matrix.json``.

``--command update --at 48`` runs one kill point again.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from deployer.testing.crash.bench import CrashBench, MemoryBench
from deployer.testing.crash.matrix import COMMANDS, run_matrix

if TYPE_CHECKING:
    from collections.abc import Callable


_TARGETS = ("memory", "local", "docker", "kubernetes", "sagemaker", "azureml")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deployer.testing.crash", description="Run the crash matrix.")
    parser.add_argument("--target", choices=_TARGETS, default="memory")
    parser.add_argument("--command", choices=COMMANDS, action="append", help="only this one; may be given again")
    parser.add_argument("--points", type=int, help="only so many kill points of each command, spread evenly")
    parser.add_argument("--at", type=int, action="append", help="only this kill point; may be given again")
    parser.add_argument("--workers", type=int, default=0, help="by default 2 for memory, else 1")
    parser.add_argument("--report", type=Path, help="a JSON file; its folder is made")
    return parser.parse_args()


def _bench(kind: str) -> Callable[[Path, Path], CrashBench]:
    if kind == "memory":
        return MemoryBench
    if kind == "docker":
        from deployer.testing.crash.docker import DockerBench

        return DockerBench
    if kind == "kubernetes":
        from deployer.testing.crash.kubernetes import KubernetesBench

        return KubernetesBench
    if kind == "sagemaker":
        from deployer.testing.crash.sagemaker import SageMakerBench

        return SageMakerBench
    if kind == "azureml":
        from deployer.testing.crash.azureml import AzureMLBench

        return AzureMLBench
    from deployer.testing.crash.local import LocalBench

    return LocalBench


def _say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def main() -> int:
    """Run what is asked, print the counts, and end with 1 when something did not converge."""
    asked = _arguments()
    began = time.monotonic()
    commands = asked.command or tuple(COMMANDS)
    with tempfile.TemporaryDirectory(prefix="crash-", ignore_cleanup_errors=True) as folder:
        report = run_matrix(
            _bench(asked.target),
            Path(folder),
            commands=commands,
            points=dict.fromkeys(commands, asked.at) if asked.at else asked.points,
            workers=asked.workers or (2 if asked.target == "memory" else 1),
            tell=_say,
        )
    seconds = time.monotonic() - began
    told = {**report.as_json(), "seconds": round(seconds)}
    _say(f"{told['kill_points']} kill points, {told['converged']} converged, {seconds:.0f} s")
    if asked.report:
        asked.report.parent.mkdir(parents=True, exist_ok=True)
        asked.report.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
